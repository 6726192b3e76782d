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

// bufferBytes is how much of the decision log waits for its service at most, compressed, where
// nothing else is said. OPA's own default has no end.
const bufferBytes = 64 << 20

// boundedBuffer gives decision_logs a buffer with an end, unless the configuration speaks of one. OPA's buffer
// of events, of 10,000, is full within five minutes, its shortest delay, from 34 decisions a second on: it is
// for who names it or its limit, and for a limit of decisions per second, beside which OPA takes none of bytes.
func boundedBuffer(logs map[string]any) map[string]any {
	reporting, there := logs["reporting"].(map[string]any)
	if !there && logs["reporting"] != nil || reporting["buffer_type"] != nil || reporting["buffer_size_limit_bytes"] != nil {
		return logs
	}
	reporting = maps.Clone(reporting)
	if reporting == nil {
		reporting = map[string]any{}
	}
	if reporting["buffer_size_limit_events"] != nil || reporting["max_decisions_per_second"] != nil {
		reporting["buffer_type"] = "event"
	} else {
		reporting["buffer_size_limit_bytes"] = bufferBytes
	}
	logs = maps.Clone(logs)
	logs["reporting"] = reporting
	return logs
}

// boundDiscovered does the same for what is discovered.
func boundDiscovered(raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		return nil, nil
	}
	var logs map[string]any
	if err := json.Unmarshal(raw, &logs); err != nil {
		return nil, fmt.Errorf("decision_logs: %w", err)
	}
	return json.Marshal(boundedBuffer(logs))
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
			Trigger string `json:"trigger"`
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
