package heap

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// What is alive and what is to lie between two runs make the percentage.
func TestPercentFor(t *testing.T) {
	const mib = 1 << 20
	for _, row := range []struct {
		bytes, alive uint64
		want         int
	}{
		{64 * mib, 16 * mib, 400},
		{64 * mib, 64 * mib, usual},
		{64 * mib, 65 * mib, usual},
		{64 * mib, 4096 * mib, usual}, // never less than the collector gives by itself
		{64 * mib, 0, 6400},
		{0, 16 * mib, usual},
	} {
		if got := percentFor(row.bytes, row.alive); got != row.want {
			t.Errorf("percentFor(%d, %d) = %d, want %d", row.bytes, row.alive, got, row.want)
		}
	}
}

// TestSpread follows what is alive: little leaves much room, much leaves what the collector
// gives by itself, and in the end everything is as it was.
func TestSpread(t *testing.T) {
	before := debug.SetGCPercent(150)
	defer debug.SetGCPercent(before)
	restore := Spread(64 << 20)
	await(t, "much room", func() bool { return percent() > 2*usual })
	much := make([]byte, 80<<20)
	await(t, "the usual room", func() bool { return percent() == usual })
	runtime.KeepAlive(much)
	await(t, "much room again", func() bool { return percent() > 2*usual })
	restore()
	for range 3 {
		runtime.GC()
		if got := percent(); got != 150 {
			t.Fatalf("%d %% after restoring, want 150", got)
		}
	}
	restore() // once more is nothing
}

// await lets the collector run until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s: %d %% with %d bytes alive", what, percent(), alive())
		}
		runtime.GC()
	}
}
