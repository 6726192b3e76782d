package fleet_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/open-policy-agent/opa/v1/plugins/logs"

	"stepup/sidecar/policy/fleet"
)

// TestConsoleWritesAsOPA holds lines byte by byte against those of encoding/json, which OPA's
// console writes.
func TestConsoleWritesAsOPA(t *testing.T) {
	var console bytes.Buffer
	f, err := fleet.New(t.Context(), fleet.Config{OPA: map[string]any{"decision_logs": map[string]any{"console": true}}, Console: &console})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 3))
	for range 500 {
		console.Reset()
		fields := map[string]any{
			"type": logs.DecisionLogType, "input": drawn(r, 4), "result": drawn(r, 2),
			"metrics": map[string]any{"timer_server_handler_ns": r.Int64()},
			"bundles": map[string]logs.BundleInfoV1{"b": {Revision: text(r)}, "a": {}},
		}
		f.Manager().ConsoleLogger().WithFields(fields).Info("Decision Log")
		var line struct{ Time string }
		if err := json.Unmarshal(console.Bytes(), &line); err != nil || line.Time == "" {
			t.Fatalf("the console has %s: %v", console.String(), err)
		}
		fields["level"], fields["msg"], fields["time"] = "info", "Decision Log", line.Time
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(fields); err != nil {
			t.Fatal(err)
		}
		if got := console.String(); got != want.String() {
			t.Fatalf("the console has\n%s\nwant\n%s", got, want.String())
		}
	}
}

// drawn is some value of JSON, as OPA's plugin reads it.
func drawn(r *rand.Rand, depth int) any {
	kinds := 9
	if depth == 0 {
		kinds = 7
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2, 3:
		return []json.Number{"0", "-0", "7", "-1.50", "1e2", "1E+2", "12345678901234567890123"}[r.IntN(7)]
	case 7:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = drawn(r, depth-1)
		}
		return list
	case 8:
		o := map[string]any{}
		for range r.IntN(5) {
			o[text(r)] = drawn(r, depth-1)
		}
		return o
	}
	return text(r)
}

// text has whatever may be escaped in it. It is UTF-8: what a caller sent has been read as JSON
// by then.
func text(r *rand.Rand) string {
	parts := []string{"a", "Z", "/", "<b>&", "\u2028", "\u2029", "\"", "\\", "\x00", "\x1f", "\x7f", "\b\f\n\r\t", "\u00e9", "\U0001f600", "\ufffd"}
	var text string
	for range r.IntN(4) {
		text += parts[r.IntN(len(parts))]
	}
	return text
}
