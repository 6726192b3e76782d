package sidecar

import (
	"context"
	"time"

	"stepup/sidecar/decisionlog"
	"stepup/sidecar/policy"
	"stepup/sidecar/policy/fleet"
	"stepup/sidecar/telemetry"
)

// decisionPatience is how long decisions that wait to be logged are written on while
// stopping. OPA's plugin has its own time after that to send them.
const decisionPatience = 3 * time.Second

// newDecisionLog returns what hands decisions to OPA's decision log, which may be
// configured or discovered; nil where OPA's plugins do not run.
func newDecisionLog(o Options, opa *fleet.Fleet, policies *policy.Policies, metrics *telemetry.Instruments) *decisionlog.Log {
	if opa == nil {
		return nil
	}
	return decisionlog.New(decisionlog.Config{
		Manager: opa.Manager(),
		Package: policies.Package(),
		Bundles: o.Config.Policy.Fetched(),
		Masks: func(ctx context.Context) (bool, error) {
			active := policies.Current()
			return active != nil, opa.Adopt(ctx, active)
		},
		Count:  metrics.DecisionLogged,
		Logger: o.Logger,
	})
}

// stopDecisions lets what waits be logged. It comes after the last answer, and before
// OPA's plugins stop.
func (s *Server) stopDecisions() {
	ctx, cancel := context.WithTimeout(context.Background(), decisionPatience)
	defer cancel()
	s.decisions.Stop(ctx)
}

// logsDecisions reports whether there is a decision log, or one may be discovered.
func logsDecisions(o Options) bool {
	opa := o.Config.Policy.OPA
	return o.RunOPA && (opa["decision_logs"] != nil || opa["discovery"] != nil)
}
