package loopguard_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stepup/sidecar/access"
	"stepup/sidecar/loopguard"
)

var start = time.Unix(1795428120, 0)

// at is a moment of the test, in seconds since its start.
func at(seconds int64) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// an ask is one question that the policy refused although another login would do.
type ask struct {
	now   int64  // when it was asked
	login int64  // when the person signed in; absent: the token does not tell
	iat   int64  // when the token was issued
	sid   string // absent: not told
	level string // that would do; absent: mfa
	id    string // of the resource; absent: /employees
	who   string // absent: alice
	met   bool   // allowed, after all
	unmet bool   // what the guard must say
}

func (a ask) attempt() loopguard.Attempt {
	or := func(given, otherwise string) string {
		if given == "" {
			return otherwise
		}
		return given
	}
	attempt := loopguard.Attempt{
		Requirement: loopguard.Requirement{
			Issuer: "https://fabrikam.eu.auth0.com/", Subject: or(a.who, "auth0|alice"), Client: "intranet", Session: a.sid,
			Package: "fabrikam", Action: "GET", ResourceType: "route", ResourceID: or(a.id, "/employees"),
		},
		Level: or(a.level, "mfa"), Why: access.LevelTooLow,
	}
	if a.login != 0 {
		attempt.AuthTime = at(a.login).Unix()
	}
	if a.iat != 0 {
		attempt.IssuedAt = at(a.iat).Unix()
	}
	return attempt
}

func TestCheck(t *testing.T) {
	for _, row := range []struct {
		name string
		asks []ask
	}{
		{"a provider that ignores acr_values", []ask{
			{now: 0, login: -100}, {now: 20, login: 15}, {now: 40, login: 35, unmet: true}, {now: 60, login: 55, unmet: true},
		}},
		{"the same, and questions in between", []ask{
			{now: 0, login: -100}, {now: 1, login: -100}, {now: 20, login: 15}, {now: 21, login: 15}, {now: 40, login: 35, unmet: true}, {now: 41, login: 35, unmet: true},
		}},
		{"the first login is one second after the asking", []ask{{now: 10, login: 9}, {now: 11, login: 11}, {now: 12, login: 12, unmet: true}}},
		{"the issuer's clock is behind ours", []ask{{now: 0, login: -100}, {now: 20, login: -10}, {now: 40, login: 10, unmet: true}}},
		{"no login time is told: iat tells", []ask{{now: 0, iat: -100}, {now: 20, iat: 15}, {now: 40, iat: 35, unmet: true}}},
		{"neither is told", []ask{{now: 0}, {now: 20}, {now: 40}, {now: 60}}},
		{"the provider answers with the old login", []ask{{now: 0, login: -100, iat: -100}, {now: 20, login: -100, iat: 15}, {now: 40, login: -100, iat: 35}, {now: 60, login: -100, iat: 55}}},

		{"the same login asked many times", []ask{{now: 0, login: -9}, {now: 1, login: -9}, {now: 2, login: -9}, {now: 3, login: -9}, {now: 4, login: -9}}},
		{"another tab, left behind with the first login", []ask{{now: 0, login: -100}, {now: 20, login: 15}, {now: 30, login: -100}, {now: 31, login: -100}, {now: 32, login: 15}}},
		{"a refresh moves iat and no login time", []ask{{now: 0, login: -100, iat: -50}, {now: 100, login: -100, iat: 99}, {now: 200, login: -100, iat: 199}, {now: 300, login: -100, iat: 299}}},
		{"an abandoned code: the person comes back as they were", []ask{{now: 0, login: -100}, {now: 60, login: -100}, {now: 90, login: 80}, {now: 120, login: 80}}},
		{"two devices, each in its session", []ask{
			{now: 0, login: -100, sid: "desk"}, {now: 1, login: -50, sid: "phone"},
			{now: 20, login: 15, sid: "desk"}, {now: 21, login: 18, sid: "phone"},
		}},
		{"three devices without a sid, signed in before anybody was asked", []ask{
			{now: 0, login: -500}, {now: 1, login: -300}, {now: 2, login: -100}, {now: 3, login: -500}, {now: 4, login: -100},
		}},
		{"two devices without a sid, and the one that was not there", []ask{
			{now: 0, login: -100}, {now: 20, login: 15}, {now: 40, login: 35, unmet: true}, {now: 41, login: -100}, {now: 42, login: 15}, {now: 43, login: 35, unmet: true},
		}},
		{"other people", []ask{{now: 0, login: -9}, {now: 20, login: 15, who: "auth0|bob"}, {now: 40, login: 35, who: "auth0|carol"}, {now: 60, login: 55}}},
		{"another resource", []ask{{now: 0, login: -9}, {now: 20, login: 15, id: "/payroll"}, {now: 40, login: 35, id: "/reports"}, {now: 60, login: 55}}},
		{"another level is progress", []ask{{now: 0, login: -9}, {now: 20, login: 15}, {now: 40, login: 35, level: "phr"}, {now: 60, login: 55, level: "phr"}, {now: 80, login: 75, level: "phr", unmet: true}}},
		{"another login in between that did", []ask{{now: 0, login: -9}, {now: 20, login: 15}, {now: 40, met: true}, {now: 60, login: 55}, {now: 80, login: 75}, {now: 99, login: 95, unmet: true}}},

		{"ten minutes later it may be tried again", []ask{{now: 0, login: -9}, {now: 20, login: 15}, {now: 40, login: 35, unmet: true}, {now: 599, login: 35, unmet: true}, {now: 600, login: 35}, {now: 610, login: 605, unmet: true}}},
		{"slower than ten minutes is no loop", []ask{{now: 0, login: -9}, {now: 301, login: 300}, {now: 602, login: 601}, {now: 903, login: 902}}},
		{"within ten minutes", []ask{{now: 0, login: -9}, {now: 300, login: 299}, {now: 599, login: 598, unmet: true}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			guard := loopguard.New(loopguard.Config{})
			for i, a := range row.asks {
				if a.met {
					guard.Met(a.attempt().Requirement)
					continue
				}
				want := loopguard.Verdict{}
				if a.unmet {
					want = loopguard.Verdict{Unmet: true, Unchanged: access.LevelTooLow, Level: a.attempt().Level}
				}
				if got := guard.Check(at(a.now), a.attempt()); got != want {
					t.Errorf("ask %d: Check(%+v) = %+v, want %+v", i, a, got, want)
				}
			}
		})
	}
}

// Everything that tells people and requirements apart does, however it is put together.
func TestRequirementsAreToldApart(t *testing.T) {
	whole := loopguard.Requirement{
		Issuer: "i", Subject: "s", Client: "c", Session: "sid", Package: "p", Action: "a", ResourceType: "t", ResourceID: "r",
	}
	others := []func(*loopguard.Requirement){
		func(r *loopguard.Requirement) { r.Issuer = "x" }, func(r *loopguard.Requirement) { r.Subject = "x" },
		func(r *loopguard.Requirement) { r.Client = "x" }, func(r *loopguard.Requirement) { r.Session = "x" },
		func(r *loopguard.Requirement) { r.Package = "x" }, func(r *loopguard.Requirement) { r.Action = "x" },
		func(r *loopguard.Requirement) { r.ResourceType = "x" }, func(r *loopguard.Requirement) { r.ResourceID = "x" },
		func(r *loopguard.Requirement) { r.Issuer, r.Subject = "is", "" },
		func(r *loopguard.Requirement) { r.Subject, r.Client = "", "sc" },
	}
	guard := loopguard.New(loopguard.Config{})
	guard.Check(start, loopguard.Attempt{Requirement: whole, AuthTime: 1})
	for i, change := range others {
		other := whole
		change(&other)
		guard.Check(start, loopguard.Attempt{Requirement: other, AuthTime: 1})
		if got, want := guard.Len(), i+2; got != want {
			t.Errorf("Len() after requirement %d = %d, want %d: %+v is taken for another", i, got, want, other)
		}
	}
}

// What is forgotten for want of room or by time is asked for once more, and no more than
// the size is kept.
func TestMemoryIsBounded(t *testing.T) {
	guard := loopguard.New(loopguard.Config{Size: 3})
	for i := range 100 {
		guard.Check(start, ask{who: fmt.Sprint(i), login: -9}.attempt())
	}
	if got := guard.Len(); got != 3 {
		t.Errorf("Len() after 100 people = %d, want the size, 3", got)
	}
	// Person 0 was forgotten, so two newer logins begin anew.
	for i, a := range []ask{{who: "0", now: 20, login: 15}, {who: "0", now: 40, login: 35}, {who: "0", now: 60, login: 55, unmet: true}} {
		if got := guard.Check(at(a.now), a.attempt()); got.Unmet != a.unmet {
			t.Errorf("ask %d of somebody forgotten: Unmet %t, want %t", i, got.Unmet, a.unmet)
		}
	}
	guard.Check(at(10_000), ask{who: "late", login: 9_000}.attempt())
	if got := guard.Len(); got != 1 {
		t.Errorf("Len() long after = %d, want 1: what is too old is dropped", got)
	}
}

// Asking often keeps nobody in memory: the one whose last login is oldest goes first.
func TestLeastRecentLoginGoesFirst(t *testing.T) {
	guard := loopguard.New(loopguard.Config{Size: 2})
	for _, a := range []ask{
		{who: "a", now: 0, login: -9}, {who: "b", now: 1, login: -9}, {who: "a", now: 20, login: 15},
		{who: "c", now: 21, login: -9}, // b goes
	} {
		guard.Check(at(a.now), a.attempt())
	}
	if got := guard.Check(at(40), ask{who: "a", login: 35}.attempt()); !got.Unmet {
		t.Error("a was forgotten, want b forgotten, whose login is older")
	}
}

func TestUnchangedTellsTheLatest(t *testing.T) {
	guard := loopguard.New(loopguard.Config{})
	var got loopguard.Verdict
	for i, why := range []access.Code{access.LevelTooLow, access.LevelTooLow, access.LoginTooOld} {
		a := ask{login: int64(20*i) - 1}.attempt()
		a.Why = why
		got = guard.Check(at(int64(20*i)), a)
	}
	if want := (loopguard.Verdict{Unmet: true, Unchanged: access.LoginTooOld, Level: "mfa"}); got != want {
		t.Errorf("Check = %+v, want %+v", got, want)
	}
}

func TestManyAtOnce(t *testing.T) {
	guard := loopguard.New(loopguard.Config{Size: 50})
	var asking sync.WaitGroup
	for i := range 8 {
		asking.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for n := range int64(500) {
				a := ask{who: fmt.Sprint(random.IntN(80)), login: random.Int64N(600)}.attempt()
				if n%10 == 0 {
					guard.Met(a.Requirement)
				}
				guard.Check(at(n), a)
			}
		})
	}
	asking.Wait()
	if got := guard.Len(); got > 50 {
		t.Errorf("Len() = %d, want at most 50", got)
	}
}

// TestNeverTooEarly holds the guard to what it promises, by a second and simpler account
// of all that happened: a refusal needs two newer logins that were made after somebody was
// asked, within ten minutes, at the same level, and no allow since. However little fits
// into the memory, it never refuses more.
func TestNeverTooEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		guard := loopguard.New(loopguard.Config{Size: rapid.IntRange(1, 4).Draw(t, "size")})
		past := map[string][]ask{}
		now := int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "asks") {
			now += rapid.Int64Range(0, 200).Draw(t, "pause")
			a := ask{
				now: now, who: rapid.SampledFrom([]string{"alice", "bob", "carol"}).Draw(t, "who"),
				login: now - rapid.Int64Range(0, 300).Draw(t, "age"),
				level: rapid.SampledFrom([]string{"mfa", "mfa", "mfa", "phr"}).Draw(t, "level"),
			}
			if a.login == 0 {
				a.login = -1
			}
			if rapid.IntRange(0, 9).Draw(t, "met") == 0 {
				guard.Met(a.attempt().Requirement)
				past[a.who] = nil
				continue
			}
			past[a.who] = append(past[a.who], a)
			if got := guard.Check(at(now), a.attempt()); got.Unmet && !excused(past[a.who]) {
				t.Fatalf("Check refused after %+v", past[a.who])
			}
		}
	})
}

// excused looks for three logins, each newer than the one before and made after that one
// was asked about, all at the last level and within ten minutes; the last is the newest.
func excused(asks []ask) bool {
	last := asks[len(asks)-1]
	var chain func(upto int, next ask, more int) bool
	chain = func(upto int, next ask, more int) bool {
		if more == 0 {
			return true
		}
		for i := upto - 1; i >= 0; i-- {
			a := asks[i]
			if a.level != last.level || last.now-a.now >= 600 {
				return false
			}
			if a.login < next.login && next.login+30 >= a.now && chain(i, a, more-1) {
				return true
			}
		}
		return false
	}
	return chain(len(asks)-1, last, 2)
}

func BenchmarkMetWhileNobodyWasAsked(b *testing.B) {
	guard := loopguard.New(loopguard.Config{})
	r := ask{}.attempt().Requirement
	for b.Loop() {
		guard.Met(r)
	}
}

func BenchmarkCheck(b *testing.B) {
	guard := loopguard.New(loopguard.Config{})
	a := ask{login: -9}.attempt()
	for b.Loop() {
		guard.Check(start, a)
	}
}
