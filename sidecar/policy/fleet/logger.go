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
type logger struct{ to *slog.Logger }

func (l logger) write(level slog.Level, format string, args []any) {
	if !l.to.Enabled(context.Background(), level) {
		return
	}
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	l.to.Log(context.Background(), level, text)
}

// Debug implements [logging.Logger], and so do the others.
func (l logger) Debug(format string, args ...any) { l.write(slog.LevelDebug, format, args) }
func (l logger) Info(format string, args ...any)  { l.write(slog.LevelInfo, format, args) }
func (l logger) Warn(format string, args ...any)  { l.write(slog.LevelWarn, format, args) }
func (l logger) Error(format string, args ...any) { l.write(slog.LevelError, format, args) }

func (l logger) WithFields(fields map[string]any) logging.Logger {
	to := l.to
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		to = to.With(name, fields[name])
	}
	return logger{to}
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
