package loopguard

import "time"

// A memory is what one person was asked for in vain: logins that failed one requirement,
// each newer than the one before it. The first is where it began.
type memory struct {
	key    digest
	level  string // that was asked for
	timed  bool   // logins tell their time; else tokens tell when they were issued
	logins []login
}

// A login that failed: when it was, and when that was first noticed.
type login struct {
	at    int64
	asked time.Time
}

// sawNew adds an attempt if it is the first one, or a login that was made after the last
// one was asked for a better. It reports whether it did.
func (m *memory) sawNew(now time.Time, a Attempt, skew time.Duration) bool {
	timed := a.AuthTime != 0
	if m.level != a.Level || m.timed != timed {
		m.level, m.timed, m.logins = a.Level, timed, nil
	}
	if !m.answers(a.login(), skew) {
		return false
	}
	m.logins = append(m.logins, login{a.login(), now})
	if len(m.logins) > tries+1 {
		m.logins = m.logins[1:]
	}
	return true
}

// answers reports whether a login can have been made because one was asked for. A login
// from before, of another device perhaps, says nothing about the provider.
func (m *memory) answers(at int64, skew time.Duration) bool {
	if len(m.logins) == 0 {
		return true
	}
	last := m.logins[len(m.logins)-1]
	return at > last.at && !time.Unix(at, 0).Add(skew).Before(last.asked.Truncate(time.Second))
}

// unmet reports whether so many newer logins were in vain, and that the one at hand is the
// newest. Somebody with an older one has another device or tab, and was not there.
func (m *memory) unmet(a Attempt) bool {
	n := len(m.logins)
	return n > tries && a.login() == m.logins[n-1].at
}

// forget drops the logins that were noticed at a moment or before it.
func (m *memory) forget(before time.Time) {
	for len(m.logins) > 0 && !m.logins[0].asked.After(before) {
		m.logins = m.logins[1:]
	}
}

// before reports whether nothing was noticed after a moment.
func (m *memory) before(moment time.Time) bool {
	n := len(m.logins)
	return n == 0 || !m.logins[n-1].asked.After(moment)
}
