package idp_test

import (
	"log/slog"
	"os"
	"testing"
)

// TestMain silences the op package, which logs to the process's default logger.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
