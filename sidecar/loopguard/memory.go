package loopguard

import "time"

// A memory is what one person was asked for in vain: logins that failed one requirement,
// each newer than the one before it. The first is where it began.
type memory struct {
	key    digest
	level  uint64 // that was asked for: its digest
	timed  bool   // logins tell their time; else tokens tell when they were issued
	seen   int    // how many logins there are
	logins [tries + 1]login
}

// A login that failed: when it was, and when that was first noticed, in nanoseconds since the
// epoch.
type login struct{ at, asked int64 }

// sawNew adds an attempt if it is the first one, or a login that was made after the last
// one was asked for a better. It reports whether it did.
func (m *memory) sawNew(now time.Time, a Attempt, level uint64, skew time.Duration) bool {
	timed := a.AuthTime != 0
	if m.level != level || m.timed != timed {
		m.level, m.timed, m.seen = level, timed, 0
	}
	if !m.answers(a.login(), skew) {
		return false
	}
	if m.seen == len(m.logins) {
		m.drop(1)
	}
	m.logins[m.seen] = login{a.login(), now.UnixNano()}
	m.seen++
	return true
}

// answers reports whether a login can have been made because one was asked for. A login
// from before, of another device perhaps, says nothing about the provider.
func (m *memory) answers(at int64, skew time.Duration) bool {
	if m.seen == 0 {
		return true
	}
	last := m.logins[m.seen-1]
	return at > last.at && !time.Unix(at, 0).Add(skew).Before(time.Unix(0, last.asked).Truncate(time.Second))
}

// unmet reports whether so many newer logins were in vain, and that the one at hand is the
// newest. Somebody with an older one has another device or tab, and was not there.
func (m *memory) unmet(a Attempt) bool {
	return m.seen > tries && a.login() == m.logins[m.seen-1].at
}

// forget drops the logins that were noticed at a moment or before it.
func (m *memory) forget(before time.Time) {
	for m.seen > 0 && m.logins[0].asked <= before.UnixNano() {
		m.drop(1)
	}
}

// drop leaves out the first logins.
func (m *memory) drop(n int) {
	copy(m.logins[:], m.logins[n:m.seen])
	m.seen -= n
}

// before reports whether nothing was noticed after a moment.
func (m *memory) before(moment time.Time) bool {
	return m.seen == 0 || m.logins[m.seen-1].asked <= moment.UnixNano()
}
