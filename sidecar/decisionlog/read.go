package decisionlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"stepup/sidecar/access"
)

// An Event is what can be read back of one that was logged: by this program or by an OPA.
type Event struct {
	DecisionID string
	Timestamp  time.Time
	Path       string
	Revision   string            // empty: the policy came as bundles, or is not told
	Bundles    map[string]string // revisions by bundle
	Input      access.Object     // nil: not told
	Result     any               // ours is an object; nil: not told
	// Changed lists, by path, what was taken away or replaced before the event was written:
	// whoever asks again about such an input may get another answer.
	Changed []string
}

// Read reads one event: an item of what was uploaded, or a line of the console.
func Read(text []byte) (Event, error) {
	var e struct {
		DecisionID string                               `json:"decision_id"`
		Timestamp  time.Time                            `json:"timestamp"`
		Path       string                               `json:"path"`
		Revision   string                               `json:"revision"`
		Bundles    map[string]struct{ Revision string } `json:"bundles"`
		Input      any                                  `json:"input"`
		Result     any                                  `json:"result"`
		Erased     []string                             `json:"erased"`
		Masked     []string                             `json:"masked"`
		Custom     struct{ Erased, Masked []string }    `json:"custom"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&e); err != nil {
		return Event{}, fmt.Errorf("reading an event of the decision log: %w", err)
	}
	if e.DecisionID == "" {
		return Event{}, errors.New("reading an event of the decision log: it has no decision_id")
	}
	out := Event{
		DecisionID: e.DecisionID, Timestamp: e.Timestamp, Path: e.Path, Revision: e.Revision, Result: e.Result,
		Bundles: make(map[string]string, len(e.Bundles)),
	}
	for _, paths := range [][]string{e.Erased, e.Masked, e.Custom.Erased, e.Custom.Masked} {
		out.Changed = append(out.Changed, paths...)
	}
	for name, b := range e.Bundles {
		out.Bundles[name] = b.Revision
	}
	out.Input, _ = e.Input.(map[string]any)
	return out, nil
}
