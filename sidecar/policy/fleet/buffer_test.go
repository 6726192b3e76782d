package fleet_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/plugins/logs"
)

// TestDefaultBufferGivesWay: the buffer that is nobody's wish stands in no discovered configuration's way, nor in that
// of the written one. OPA refuses kinds and limits that do not go together, and with them all that is discovered.
func TestDefaultBufferGivesWay(t *testing.T) {
	for _, c := range []struct{ boot, discovered map[string]any }{
		{nil, map[string]any{"max_decisions_per_second": 100}},
		{nil, map[string]any{"buffer_size_limit_events": 100}},
		{nil, map[string]any{"buffer_type": "event"}},
		{nil, map[string]any{"buffer_type": "size"}},
		{nil, map[string]any{"buffer_size_limit_bytes": 100000}},
		{nil, map[string]any{"min_delay_seconds": 60, "max_delay_seconds": 70}},
		{map[string]any{"buffer_size_limit_bytes": 100000}, map[string]any{}},
		{map[string]any{"buffer_type": "size"}, map[string]any{"buffer_size_limit_bytes": 100000}},
		{map[string]any{"buffer_type": "event"}, map[string]any{}},
		{map[string]any{"max_decisions_per_second": 100}, map[string]any{}},
		{map[string]any{"buffer_type": nil, "min_delay_seconds": nil}, map[string]any{}},
		{map[string]any{"buffer_type": "size", "buffer_size_limit_bytes": nil}, map[string]any{}},
	} {
		t.Run(fmt.Sprint(c.boot, c.discovered), func(t *testing.T) {
			w := discovers(t, map[string]any{"decision_logs": map[string]any{"service": "origin", "reporting": c.boot}})
			all := bundles("shop")
			all["decision_logs"] = map[string]any{"service": "origin", "reporting": c.discovered}
			w.discover(t, settings(t, "s1", all))
			if got := w.fleet.NotActivated(); !slices.Equal(got, []string{"shop"}) {
				t.Errorf("NotActivated() = %q, want shop\n%s", got, w.log)
			}
			got, want := logs.Lookup(w.fleet.Manager()).Config().Reporting, c.discovered
			if bytes, said := want["buffer_size_limit_bytes"].(int); said && *got.BufferSizeLimitBytes != int64(bytes) {
				t.Errorf("%d bytes are let wait, where %d are discovered", *got.BufferSizeLimitBytes, bytes)
			}
			if got.BufferType == "size" && *got.BufferSizeLimitBytes == 0 {
				t.Error("the buffer has no end")
			}
			if delay, said := want["min_delay_seconds"].(int); said && time.Duration(*got.MinDelaySeconds) != time.Duration(delay)*time.Second {
				t.Errorf("the delay is %s, where %d seconds are discovered", time.Duration(*got.MinDelaySeconds), delay)
			}
		})
	}
}

// TestEveryBufferHasAnEnd: whatever kind is named.
func TestEveryBufferHasAnEnd(t *testing.T) {
	for _, kind := range []any{"size", "", nil, "event"} {
		w := discovers(t, map[string]any{"decision_logs": map[string]any{"service": "origin", "reporting": map[string]any{"buffer_type": kind}}})
		if got := logs.Lookup(w.fleet.Manager()).Config().Reporting; got.BufferType == "size" && *got.BufferSizeLimitBytes == 0 {
			t.Errorf("buffer_type %v has no end", kind)
		}
	}
}

// TestNoDecisionLogDiscovered: a null is none. What panics there does so in a goroutine of OPA's, and ends the process.
func TestNoDecisionLogDiscovered(t *testing.T) {
	w := discovers(t, nil)
	all := bundles("shop")
	all["decision_logs"] = nil
	w.discover(t, settings(t, "s1", all))
	if got := w.fleet.NotActivated(); !slices.Equal(got, []string{"shop"}) || logs.Lookup(w.fleet.Manager()) != nil {
		t.Errorf("NotActivated() = %q, want shop, and no decision log\n%s", got, w.log)
	}
}

// TestUploadsAreSoon: where nobody says how often, a full buffer or a process that is killed costs seconds of the log, and
// not minutes.
func TestUploadsAreSoon(t *testing.T) {
	for delays, want := range map[string][2]time.Duration{
		`{}`: {5 * time.Second, 10 * time.Second},
		`{"min_delay_seconds": 60, "max_delay_seconds": 70}`: {time.Minute, 70 * time.Second},
	} {
		var reporting map[string]any
		if err := json.Unmarshal([]byte(delays), &reporting); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, map[string]any{"decision_logs": map[string]any{"service": "origin", "reporting": reporting}})
		got := logs.Lookup(w.fleet.Manager()).Config().Reporting
		if least, most := time.Duration(*got.MinDelaySeconds), time.Duration(*got.MaxDelaySeconds); least != want[0] || most != want[1] {
			t.Errorf("%s: %s to %s between two uploads, want %v", delays, least, most, want)
		}
	}
}
