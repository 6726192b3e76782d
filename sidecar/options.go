package sidecar

import (
	"log/slog"
	"time"

	"stepup/sidecar/config"
	"stepup/sidecar/pdp"
)

// Options say how to assemble a sidecar.
type Options struct {
	Config *config.Config
	// Dev accepts tokens of the development issuer.
	Dev bool
	// StateDir is where the development issuer's key is; empty: its default.
	StateDir string
	// AwaitPolicy starts also when the policy is refused, and waits for a better one.
	AwaitPolicy bool
	// RunOPA runs policy.opa: whoever only decides once has no use for it.
	RunOPA bool
	Logger *slog.Logger
	// Now tells the time; nil means the system's clock.
	Now func() time.Time
	// Recorder gets every decision besides the log and the metrics; nil: nobody.
	Recorder pdp.Recorder
	// Version of the program, for metrics.
	Version string
}
