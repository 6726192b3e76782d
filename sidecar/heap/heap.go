package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// usual is the percentage of what is alive that the collector lets be allocated by itself.
const usual = 100

// Enough is how many bytes a sidecar allocates at least between two runs, some thousand
// answers; one that is asked much takes so much memory more.
const Enough = 96 << 20

// Spread lets at least so many bytes be allocated between two runs of the collector, from its
// next run on. Restore ends that, and puts back the percentage that there was (GOGC).
func Spread(bytes uint64) (restore func()) {
	s := &spread{bytes: bytes, before: percent()}
	s.await()
	return s.end
}

// A spread sets the percentage anew after each run, by what that found alive.
type spread struct {
	bytes  uint64
	before int

	mu    sync.Mutex
	ended bool
}

// A run is nobody's as soon as it is made, so that the collector finds it at its next run.
type run struct{ _ *spread }

func (s *spread) await() { runtime.AddCleanup(&run{s}, (*spread).ran, s) }

// ran is called by the runtime after a run of the collector, on a goroutine.
func (s *spread) ran() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	// Setting it stops the world for a moment, so it is not set for nothing.
	if want := percentFor(s.bytes, alive()); differ(want, percent()) {
		debug.SetGCPercent(want)
	}
	s.await()
}

func (s *spread) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		debug.SetGCPercent(s.before)
	}
}

// percentFor is the percentage of what is alive that makes so many bytes, and never less than
// the usual one.
func percentFor(bytes, alive uint64) int {
	return int(max(usual, bytes*100/max(alive, 1<<20)))
}

// differ reports whether two percentages are a tenth apart.
func differ(a, b int) bool { return 10*max(a-b, b-a) > min(a, b) }

// alive is how many bytes the last run found alive, with the stacks and variables that the
// collector counts as such.
func alive() uint64 {
	return read("/gc/heap/live:bytes") + read("/gc/scan/stack:bytes") + read("/gc/scan/globals:bytes")
}

func percent() int { return int(read("/gc/gogc:percent")) }

func read(metric string) uint64 {
	sample := []metrics.Sample{{Name: metric}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0 // a runtime that has no such metric
	}
	return sample[0].Value.Uint64()
}
