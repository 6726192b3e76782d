package intranet

import (
	"sync"
	"time"
)

// maxShelf bounds what strangers can make us keep.
const maxShelf = 4096

// A shelf keeps things by name, until they expire; when it is full the one that would
// expire first goes.
type shelf[T any] struct {
	mu   sync.Mutex
	kept map[string]shelved[T]
}

type shelved[T any] struct {
	thing T
	ends  time.Time
}

func newShelf[T any]() *shelf[T] { return &shelf[T]{kept: map[string]shelved[T]{}} }

func (s *shelf[T]) put(name string, thing T, now, ends time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) >= maxShelf {
		s.makeRoom(now)
	}
	s.kept[name] = shelved[T]{thing, ends}
}

func (s *shelf[T]) makeRoom(now time.Time) {
	first, end := "", time.Time{}
	for name, one := range s.kept {
		if !one.ends.After(now) {
			delete(s.kept, name)
		} else if first == "" || one.ends.Before(end) {
			first, end = name, one.ends
		}
	}
	if len(s.kept) >= maxShelf {
		delete(s.kept, first)
	}
}

func (s *shelf[T]) get(name string, now time.Time) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, there := s.kept[name]
	if !there || !one.ends.After(now) {
		var none T
		return none, false
	}
	return one.thing, true
}

// take returns a thing and forgets it: of two callers one gets it.
func (s *shelf[T]) take(name string, now time.Time) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, there := s.kept[name]
	delete(s.kept, name)
	if !there || !one.ends.After(now) {
		var none T
		return none, false
	}
	return one.thing, true
}

func (s *shelf[T]) drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, name)
}
