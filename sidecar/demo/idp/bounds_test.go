package idp

import (
	"fmt"
	"testing"
	"time"
)

// What is kept is bounded, whoever fills it.

func TestAShelfIsBounded(t *testing.T) {
	now := time.Unix(1795428120, 0)
	s := newShelf[int]()
	s.put("first to end", -1, now, now.Add(time.Second))
	for i := range maxShelved {
		s.put(fmt.Sprint(i), i, now, now.Add(time.Minute))
	}
	if len(s.items) > maxShelved {
		t.Errorf("%d values, want at most %d", len(s.items), maxShelved)
	}
	if _, there := s.get("first to end", now); there {
		t.Error("what ended first is still there")
	}
	if v, there := s.get("0", now); !there || v != 0 {
		t.Errorf("get = %d, %v; want the others kept", v, there)
	}
	if _, there := s.get("0", now.Add(time.Minute)); there {
		t.Error("a value outlives its end")
	}
	s.put("later", 1, now.Add(time.Minute), now.Add(time.Hour))
	if len(s.items) != 1 {
		t.Errorf("%d values after all ended, want the new one alone", len(s.items))
	}
}

func TestALimiterIsBoundedAndForgets(t *testing.T) {
	now := time.Unix(1795428120, 0)
	l := newLimiter(time.Minute)
	for i := range maxLimited + 1 {
		l.take(fmt.Sprint(i), 1, now)
	}
	if len(l.seen) > maxLimited {
		t.Errorf("%d keys, want at most %d", len(l.seen), maxLimited)
	}
	got := fmt.Sprint(l.take("a", 2, now), l.take("a", 2, now), l.take("a", 2, now), l.take("b", 2, now), l.take("a", 2, now.Add(time.Minute)))
	if want := "true true false true true"; got != want {
		t.Errorf("attempts %s, want %s", got, want)
	}
	l.clear("a")
	l.take("a", 1, now)
	l.forgive("a")
	if !l.take("a", 1, now) {
		t.Error("a forgiven attempt counts")
	}
}
