package decisionlog_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/decisionlog"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
)

func await(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !happened(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// none is what holds no policy yet.
func (w *world) none() *policy.Policies {
	w.Helper()
	p, err := policy.Receive(policy.Config{Package: "shop"})
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func numbered(i int) pdp.Record {
	r := record()
	r.Decision.ID = fmt.Sprint(i)
	return r
}

// TestCountsAddUp sends to a service that is slow, then down, then back, from several
// callers at once: every decision was taken once by the service or counted as dropped.
func TestCountsAddUp(t *testing.T) {
	const callers, each = 4, 300
	w := newWorld(t, "", nil, func(c *decisionlog.Config, _ map[string]any) { c.Queue = 64 })
	w.service.Slow()
	var asking sync.WaitGroup
	for caller := range callers {
		asking.Go(func() {
			for i := range each {
				if i == each/2 {
					w.log.Start() // till then the queue fills
				}
				w.log.Record(t.Context(), numbered(caller*each+i))
			}
		})
	}
	sending := make(chan struct{})
	go func() { defer close(sending); _ = w.sendOnce() }()
	asking.Wait()
	w.service.Down()
	w.service.Up()
	<-sending
	w.service.Down()
	w.log.Stop(context.Background())
	_ = w.sendOnce()
	if before := len(w.service.Events()); before == callers*each {
		t.Fatal("the service was never down")
	}
	w.service.Up()
	taken := map[any]bool{}
	events := w.sent()
	for _, event := range events {
		taken[event["decision_id"]] = true
	}
	dropped := w.counted(decisionlog.QueueFull)
	if len(taken) != len(events) || len(events) != w.counted(decisionlog.Handed) || len(events)+dropped != callers*each {
		t.Errorf("%d events of %d decisions and %d dropped make no %d; counted %v", len(events), len(taken), dropped, callers*each, w.counts)
	}
	if dropped == 0 {
		t.Error("the queue was never full")
	}
}

// TestRecordNeverWaits: not even with a worker that hangs.
func TestRecordNeverWaits(t *testing.T) {
	hang := make(chan struct{})
	w := newWorld(t, "", nil, func(c *decisionlog.Config, _ map[string]any) {
		c.Queue = 1
		masks := c.Masks
		c.Masks = func(ctx context.Context) (bool, error) { <-hang; return masks(ctx) }
	})
	w.log.Start()
	for i := range 100 {
		w.log.Record(t.Context(), numbered(i))
	}
	if got := w.counted(decisionlog.QueueFull); got < 98 {
		t.Errorf("%d dropped, want at least 98", got)
	}
	close(hang)
	w.log.Stop(context.Background())
	if got := w.counted(decisionlog.Handed) + w.counted(decisionlog.QueueFull) + w.counted(decisionlog.Failed); got != 100 {
		t.Errorf("%v, want 100 in all", w.counts)
	}
}

// TestQueueIsBoundedByBytes: callers choose how large questions are, and must not fill the
// memory with them. What was written makes room again.
func TestQueueIsBoundedByBytes(t *testing.T) {
	w := newWorld(t, "", nil, func(c *decisionlog.Config, _ map[string]any) { c.QueueBytes = 1 << 20 })
	for range 10 {
		large := record()
		large.Request.Context = access.Object{"note": strings.Repeat("x", 300<<10)}
		w.log.Record(t.Context(), large)
	}
	if got := w.counted(decisionlog.QueueFull); got != 7 {
		t.Errorf("%d of 10 dropped, want 7: three of 300 KiB fit in 1 MiB", got)
	}
	w.log.Record(t.Context(), record())
	w.log.Start()
	await(t, "the queue to empty", func() bool { return w.counted(decisionlog.Handed) == 4 })
	large := record()
	large.Request.Context = access.Object{"note": strings.Repeat("x", 900<<10)}
	w.log.Record(t.Context(), large)
	w.log.Stop(context.Background())
	if got := w.counted(decisionlog.QueueFull); got != 7 || w.counted(decisionlog.Handed) != 5 {
		t.Errorf("%v, want room for another one", w.counts)
	}
}

// TestBufferIsBoundedByBytes: while the service is down, questions of 128 KiB are let into
// OPA's buffer as far as there is room, and the rest is counted. Once it is back there is room
// again.
func TestBufferIsBoundedByBytes(t *testing.T) {
	t.Run("text", func(t *testing.T) { bufferIsBounded(t, "", 55, 64) })
	t.Run("values, three of each question", func(t *testing.T) {
		bufferIsBounded(t, `mask contains "/input/context/nothing" if true`, 15, 21)
	})
}

// byEvent is OPA's buffer of events, with chunks large enough not to be packed twice.
var byEvent = map[string]any{"buffer_type": "event", "upload_size_limit_bytes": 8 << 20}

func bufferIsBounded(t *testing.T, rules string, least, most int) {
	const many = 200
	w := newWorld(t, rules, byEvent, func(c *decisionlog.Config, _ map[string]any) { c.BufferBytes = 8 << 20 })
	w.begun()
	w.service.Down()
	note := strings.Repeat("x", 128<<10)
	ask := func(n int) {
		for i := range n {
			large := numbered(i)
			doc := *large.Document
			doc.Context = access.Object{"note": note}
			large.Request.Context, large.Document = doc.Context, &doc
			w.log.Record(t.Context(), large)
		}
	}
	ask(many)
	await(t, "the queue to empty", func() bool { return w.counted(decisionlog.Handed)+w.counted(decisionlog.BufferFull) == 1+many })
	fit := w.counted(decisionlog.Handed) - 1
	if fit < least || fit > most {
		t.Errorf("%d of %d were handed over, want %d to %d, which fit in 8 MiB; counted %v", fit, many, least, most, w.counts)
	}
	w.service.Up()
	if got := w.sent(); len(got) != 1+fit {
		t.Errorf("%d events arrived, want %d", len(got), 1+fit)
	}
	ask(1)
	await(t, "another one", func() bool { return w.counted(decisionlog.Handed) == 1+fit+1 })
	w.log.Stop(context.Background())
	if got := w.counted(decisionlog.Handed) + w.counted(decisionlog.BufferFull); got != 1+many+1 {
		t.Errorf("counted %v, want %d in all", w.counts, 1+many+1)
	}
}

// TestSharedTextsTakeRoomOnce: while the service is down, the same question within one second takes the room of
// its text once, however often it is asked.
func TestSharedTextsTakeRoomOnce(t *testing.T) {
	const many = 100 // of 64 KiB, where a dozen are let in
	w := newWorld(t, "", byEvent, func(c *decisionlog.Config, _ map[string]any) { c.BufferBytes = 1 << 20 })
	w.begun()
	w.service.Down()
	large := numbered(1)
	doc := *large.Document
	doc.Context = access.Object{"note": strings.Repeat("x", 64<<10)}
	large.Request.Context, large.Request.Note, large.Document = doc.Context, &access.Note{}, &doc
	for range many {
		w.log.Record(t.Context(), large)
	}
	await(t, "the queue to empty", func() bool { return w.counted(decisionlog.Handed)+w.counted(decisionlog.BufferFull) == 1+many })
	if got := w.counted(decisionlog.Handed); got != 1+many {
		t.Errorf("%d of %d were handed over, counted %v", got, 1+many, w.counts)
	}
	w.service.Up()
	if got := w.sent(); len(got) != 1+many {
		t.Errorf("%d events arrived, want %d", len(got), 1+many)
	}
	w.log.Stop(context.Background())
}

// TestStopIsBounded: what was not written in time is counted, and so is what comes later.
func TestStopIsBounded(t *testing.T) {
	began := make(chan struct{}, 1)
	w := newWorld(t, "", nil, func(c *decisionlog.Config, _ map[string]any) {
		c.Masks = func(ctx context.Context) (bool, error) { began <- struct{}{}; <-ctx.Done(); return false, ctx.Err() }
	})
	for i := range 10 {
		w.log.Record(t.Context(), numbered(i))
	}
	w.log.Start()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.log.Stop(ctx)
	w.log.Record(t.Context(), numbered(10))
	if w.counted(decisionlog.Failed) != 1 || w.counted(decisionlog.Stopped) != 10 {
		t.Errorf("counted %v, want one failed and ten stopped", w.counts)
	}
	w.log.Stop(ctx) // again does nothing
}

// TestSizeLimit: an event that is larger than a chunk may be is dropped by OPA, and
// counted by it; others are not.
func TestSizeLimit(t *testing.T) {
	w := newWorld(t, "", map[string]any{"upload_size_limit_bytes": 2000})
	large := numbered(1)
	for i := range 2000 {
		large.Document.Context[fmt.Sprint("member", i*7919)] = i * 104729
	}
	w.log.Record(t.Context(), numbered(0))
	w.log.Record(t.Context(), large)
	w.log.Record(t.Context(), numbered(2))
	got := w.written()
	if len(got) != 2 || w.fleet.Counts()["encoding_failure"] != 1 {
		t.Errorf("%d events, OPA counts %v; want two, and one that could not be encoded", len(got), w.fleet.Counts())
	}
}

// TestRateLimit is OPA's too.
func TestRateLimit(t *testing.T) {
	w := newWorld(t, "", map[string]any{"max_decisions_per_second": 1})
	for i := range 20 {
		w.log.Record(t.Context(), numbered(i))
	}
	got := w.written()
	if lost := int(w.fleet.Counts()["dropped_rate_limit_exceeded"]); lost == 0 || len(got)+lost != 20 {
		t.Errorf("%d events and %d over the limit make no 20", len(got), lost)
	}
}

// TestBuffers: what OPA drops from a full buffer is counted by OPA; the default is the
// buffer of events, and the other one is there for who asks, with an end.
func TestBuffers(t *testing.T) {
	for name, c := range map[string]struct {
		reporting map[string]any
		buffer    string
	}{
		"the default":    {nil, "event"},
		"a rate":         {map[string]any{"max_decisions_per_second": 1000}, "event"},
		"ten events":     {map[string]any{"buffer_size_limit_events": 10}, "event"},
		"by size":        {map[string]any{"buffer_type": "size"}, "size"},
		"size and rate":  {map[string]any{"buffer_type": "size", "max_decisions_per_second": 1000}, "size"},
		"by some limit":  {map[string]any{"buffer_size_limit_bytes": 1 << 20}, "size"},
		"said otherwise": {map[string]any{"buffer_type": "event", "buffer_size_limit_events": 10}, "event"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "", c.reporting)
			w.begun()
			for i := range 20 {
				w.log.Record(t.Context(), numbered(i))
			}
			got := w.written()[1:]
			lost := int(w.fleet.Counts()["dropped_buffer_size_limit_exceeded"])
			if len(got)+lost != 20 || (lost == 10) != strings.Contains(fmt.Sprint(c.reporting), "events:10") {
				t.Errorf("%d events and %d dropped", len(got), lost)
			}
			if buffer := w.buffer(); buffer != c.buffer {
				t.Errorf("the buffer is that of %s, want %s", buffer, c.buffer)
			}
			if c.buffer == "size" && c.reporting["max_decisions_per_second"] == nil && *w.reporting().BufferSizeLimitBytes == 0 {
				t.Error("the buffer has no end")
			}
		})
	}
}

// TestFullBufferBySize: of the buffer by size OPA drops chunks, and counts them under two names, each time once. The
// metric is that of the first (TestLostIsCountedOnce in telemetry).
func TestFullBufferBySize(t *testing.T) {
	const many = 200
	w := newWorld(t, "", map[string]any{"buffer_size_limit_bytes": 4000, "upload_size_limit_bytes": 1000})
	w.service.Down()
	for i := range many {
		w.log.Record(t.Context(), numbered(i))
	}
	w.written()
	w.service.Up()
	got, counts := len(w.sent()), w.fleet.Counts()
	lost := counts["dropped_buffer_size_limit_exceeded"]
	if got == 0 || got >= many || lost == 0 || counts["dropped_buffer_size_limit_bytes_exceeded"] != lost {
		t.Errorf("%d of %d events arrived, and OPA counts %v", got, many, counts)
	}
}

// TestNobodyAsked: without decision_logs nothing is kept, and a nil Log does nothing.
func TestNobodyAsked(t *testing.T) {
	w := newWorld(t, "", nil, func(_ *decisionlog.Config, opa map[string]any) { delete(opa, "decision_logs") })
	w.log.Record(t.Context(), record())
	if got := w.written(); len(got) != 0 || len(w.counts) != 0 {
		t.Errorf("%d events, counted %v", len(got), w.counts)
	}
	var nothing *decisionlog.Log
	nothing.Start()
	nothing.Record(t.Context(), record())
	nothing.Stop(t.Context())
}

// BenchmarkRecord is what an answer pays for being logged. The queue is never full.
func BenchmarkRecord(b *testing.B) {
	w := newWorld(b, "", nil, func(c *decisionlog.Config, _ map[string]any) { c.Queue, c.QueueBytes = 1<<22, 1<<40 })
	r, ctx := record(), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		w.log.Record(ctx, r)
	}
	if w.counted(decisionlog.QueueFull) > 0 {
		b.Fatal("the queue was full")
	}
}

// BenchmarkWrite is what one event costs the worker, with OPA's plugin, without masks and until its chunk is compressed: each
// of another token, and the same request again and again; in chunks that never overflow, and in those of OPA's default.
func BenchmarkWrite(b *testing.B) {
	same := record()
	same.Request.Note = &access.Note{}
	for name, next := range map[string]func() pdp.Record{"new": record, "again": func() pdp.Record { return same }} {
		for chunks, limit := range map[string]int{"large": 32 << 20, "small": 32 << 10} {
			reporting := map[string]any{"buffer_type": "size", "upload_size_limit_bytes": limit}
			b.Run(name+"/"+chunks, func(b *testing.B) {
				w := newWorld(b, "", reporting, func(c *decisionlog.Config, _ map[string]any) { c.Queue, c.QueueBytes = 1<<22, 1<<40 })
				b.ReportAllocs()
				b.StopTimer()
				for range b.N {
					w.log.Record(context.Background(), next())
				}
				b.StartTimer()
				w.log.Stop(context.Background())
			})
		}
	}
}
