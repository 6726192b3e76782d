package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/logging"
)

// A logger hands what OPA logs to slog.
type logger struct {
	to   *slog.Logger
	lost func(reason string) // of an event of the decision log; nil: nobody is told
}

// Why OPA's logs plugin let go of an event.
const (
	LostPolicy = "policy"      // the policy's rule system.log.drop says so
	LostDrop   = "drop_failed" // that rule could not be evaluated
	LostMask   = "mask_failed" // system.log.mask could not be evaluated, or is no mask
)

// lostEvent reads in a line of OPA's that an event goes nowhere. The plugin gives no other
// sign of it: no error, and no counter. A test holds these lines to the OPA in use.
func lostEvent(format string) string {
	switch format {
	case "Decision log event to path %v dropped":
		return LostPolicy
	case "Log drop decision failed: %v.":
		return LostDrop
	case "Log event masking failed: %v.":
		return LostMask
	}
	return ""
}

func (l logger) write(level slog.Level, format string, args []any) {
	if why := lostEvent(format); why != "" && l.lost != nil {
		l.lost(why)
	}
	if !l.to.Enabled(context.Background(), level) {
		return
	}
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	l.to.Log(context.Background(), level, redact(text))
}

// Debug implements [logging.Logger], and so do the others.
func (l logger) Debug(format string, args ...any) { l.write(slog.LevelDebug, format, args) }
func (l logger) Info(format string, args ...any)  { l.write(slog.LevelInfo, format, args) }
func (l logger) Warn(format string, args ...any)  { l.write(slog.LevelWarn, format, args) }
func (l logger) Error(format string, args ...any) { l.write(slog.LevelError, format, args) }

func (l logger) WithFields(fields map[string]any) logging.Logger {
	to := l.to
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		to = to.With(name, redactField(fields[name]))
	}
	return logger{to, l.lost}
}

// GetLevel is what slog lets through; OPA asks before it makes a costly line.
func (l logger) GetLevel() logging.Level {
	for _, level := range []struct {
		slog slog.Level
		opa  logging.Level
	}{{slog.LevelDebug, logging.Debug}, {slog.LevelInfo, logging.Info}, {slog.LevelWarn, logging.Warn}} {
		if l.to.Enabled(context.Background(), level.slog) {
			return level.opa
		}
	}
	return logging.Error
}

// SetLevel does nothing: the level is the program's.
func (logger) SetLevel(logging.Level) {}
