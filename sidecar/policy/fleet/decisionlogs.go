package fleet

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/open-policy-agent/opa/v1/config"
	"github.com/open-policy-agent/opa/v1/logging"
)

// bufferBytes is how much waits at most, compressed, in the buffer by size, where nothing else is said. OPA's own default
// has no end.
const bufferBytes = 64 << 20

// How long OPA's plugin waits between two uploads, in seconds, where nothing is said. OPA's own default is five to ten
// minutes: as long somebody who fills the buffer would blind the log, and as much would go with the process.
const (
	minDelay = 5
	maxDelay = 10
)

// unsaid is what the configuration of the decision log is given in reporting where it does not speak of it: an end of the
// buffer, and delays. The buffer is that of events: the one by size keeps what is packed already, which OPA's
// encoder reads back when a chunk gets too large, whatever memory that takes.
func unsaid(reporting map[string]any) map[string]any {
	add := map[string]any{}
	kind, bytes := reporting["buffer_type"], reporting["buffer_size_limit_bytes"]
	switch {
	case (kind == nil || kind == "") && bytes == nil:
		add["buffer_type"] = "event"
	case kind == "size" && bytes == nil && reporting["max_decisions_per_second"] == nil: // beside which OPA takes no limit of bytes
		add["buffer_size_limit_bytes"] = bufferBytes
	}
	if reporting["min_delay_seconds"] == nil && reporting["max_delay_seconds"] == nil {
		add["min_delay_seconds"], add["max_delay_seconds"] = minDelay, maxDelay
	}
	return add
}

// settled is the configuration of a decision log with what neither it nor the other one, which it will be merged with,
// says; as it is if it cannot be read, which is OPA's to refuse.
func settled(logs, other map[string]any) map[string]any {
	reporting, readable := logs["reporting"].(map[string]any)
	if !readable && logs["reporting"] != nil {
		return logs
	}
	more, _ := other["reporting"].(map[string]any)
	return merged(logs, map[string]any{"reporting": merged(reporting, unsaid(merged(reporting, more)))})
}

// merged has the members of both, of the second one where both have one.
func merged(a, b map[string]any) map[string]any {
	all := make(map[string]any, len(a)+len(b))
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// settledDiscovered does the same for what is discovered, beside what is written.
func settledDiscovered(raw json.RawMessage, written map[string]any) (json.RawMessage, error) {
	if raw == nil && written == nil {
		return nil, nil
	}
	var logs map[string]any
	if raw != nil {
		if err := json.Unmarshal(raw, &logs); err != nil {
			return nil, fmt.Errorf("decision_logs: %w", err)
		}
	}
	return json.Marshal(settled(logs, written))
}

// checkDecisionLogs refuses what would have no effect here. Its errors begin with the key.
func checkDecisionLogs(c *config.Config) error {
	if c.DecisionLogs == nil {
		return nil
	}
	var logs struct {
		Plugin         *string         `json:"plugin"`
		Service        string          `json:"service"`
		Console        bool            `json:"console"`
		NDBuiltinCache bool            `json:"nd_builtin_cache"`
		RequestContext json.RawMessage `json:"request_context"`
		Reporting      struct {
			Trigger    string          `json:"trigger"`
			BufferType string          `json:"buffer_type"`
			LimitBytes json.RawMessage `json:"buffer_size_limit_bytes"`
		} `json:"reporting"`
	}
	if err := json.Unmarshal(c.DecisionLogs, &logs); err != nil {
		return fmt.Errorf("decision_logs: %w", err)
	}
	switch {
	case logs.Plugin != nil:
		return &KeyError{"decision_logs.plugin", "plugins of your own are not part of this program; remove it"}
	case logs.NDBuiltinCache:
		return &KeyError{"decision_logs.nd_builtin_cache", "what built-ins answered is not kept; remove it"}
	case logs.RequestContext != nil:
		return &KeyError{"decision_logs.request_context", "events have no headers of the asking request, which carry credentials; remove it"}
	case logs.Reporting.Trigger == "manual":
		return &KeyError{"decision_logs.reporting.trigger", "nobody would trigger it by hand; write periodic or immediate"}
	case logs.Reporting.Trigger == "immediate" && (logs.Reporting.BufferType == "size" || logs.Reporting.LimitBytes != nil):
		return &KeyError{"decision_logs.reporting.trigger", "with the buffer by size each chunk would wait outside of it, without an end; write buffer_type: event, or periodic"}
	case logs.Service == "" && !logs.Console && len(fieldsOf(c.Services)) == 0:
		return &KeyError{"decision_logs.service", "decisions would be logged nowhere; name one of services, or write console: true"}
	}
	return nil
}

// A console writes what decision_logs.console asks for: lines of JSON as OPA's own console
// writes them, whatever the level and the form of the program's log.
type console struct {
	to     *lockedWriter
	fields map[string]any
}

type lockedWriter struct {
	sync.Mutex
	io.Writer
}

func newConsole(to io.Writer) console {
	if to == nil {
		to = os.Stderr
	}
	return console{to: &lockedWriter{Writer: to}}
}

func (c console) write(level, format string, args []any) {
	line := maps.Clone(c.fields)
	if line == nil {
		line = map[string]any{}
	}
	line["level"], line["msg"], line["time"] = level, format, time.Now().UTC().Format(time.RFC3339)
	if len(args) > 0 {
		line["msg"] = fmt.Sprintf(format, args...)
	}
	text, err := jsonv2.Marshal(line, asOPA)
	if err != nil {
		return // of a value that is no JSON; events have none
	}
	c.to.Lock()
	defer c.to.Unlock()
	_, _ = c.to.Write(append(text, '\n'))
}

// asOPA makes the same bytes of a line in UTF-8 as [encoding/json], from which OPA's come, in
// about half the time. The library takes a number for a string.
var asOPA = jsonv2.JoinOptions(
	jsonv1.DefaultOptionsV1(), jsontext.EscapeForHTML(false),
	jsonv2.WithMarshalers(jsonv2.MarshalToFunc(func(e *jsontext.Encoder, n json.Number) error {
		return e.WriteValue(jsontext.Value(n))
	})),
)

// Debug implements [logging.Logger], and so do the others.
func (c console) Debug(format string, args ...any) { c.write("debug", format, args) }
func (c console) Info(format string, args ...any)  { c.write("info", format, args) }
func (c console) Warn(format string, args ...any)  { c.write("warning", format, args) }
func (c console) Error(format string, args ...any) { c.write("error", format, args) }

func (c console) WithFields(fields map[string]any) logging.Logger {
	all := maps.Clone(c.fields)
	if all == nil {
		all = make(map[string]any, len(fields))
	}
	maps.Copy(all, fields)
	return console{c.to, all}
}

// GetLevel lets everything through.
func (console) GetLevel() logging.Level { return logging.Debug }

// SetLevel does nothing.
func (console) SetLevel(logging.Level) {}

// Counts tells what OPA's plugin counted of the decision log, by OPA's names.
func (f *Fleet) Counts() map[string]uint64 {
	counts := map[string]uint64{}
	if f == nil {
		return counts
	}
	for name, value := range f.counts.All() {
		name, ours := strings.CutPrefix(name, "counter_decision_logs_")
		if n, ok := value.(uint64); ours && ok {
			counts[name] = n
		}
	}
	return counts
}
