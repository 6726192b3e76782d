package sidecar

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/protocol"
)

// earliest is a moment before which no clock of a running sidecar can honestly be.
var earliest = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// health answers probes and metrics: names, counts and revisions only, so that it may
// listen anywhere.
type health struct {
	core *Core
	now  func() time.Time
	dev  bool
	// listed is the file of routes; nil: there is none.
	listed *routesFile
	// stopping is closed when the sidecar no longer wants questions.
	stopping <-chan struct{}
}

func (h *health) routes() []protocol.Route {
	var routes []protocol.Route
	for path, serve := range map[string]echo.HandlerFunc{
		"/livez": h.livez, "/readyz": h.readyz, "/metrics": h.metrics, "/health": h.opaHealth, "/health/*": h.opaHealthOf,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			routes = append(routes, protocol.Route{Method: method, Path: path, Serve: serve})
		}
	}
	return routes
}

// livez says that the process answers.
func (h *health) livez(c echo.Context) error {
	return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, map[string]any{"live": true})
}

// readyz says whether questions can be decided: a policy is active, at least one issuer
// is usable, and the clock is sane. Everything else is detail, not state: one provider's
// outage must not stop the others.
func (h *health) readyz(c echo.Context) error {
	state := h.readiness()
	status := http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	return protocol.Send(c, status, echo.MIMEApplicationJSON, state)
}

// metrics shows the policy that is active, and what is kept, at the moment of asking.
func (h *health) metrics(c echo.Context) error {
	if s := h.core.Policies.Status(); s.Revision != "" {
		h.core.Telemetry.PolicyActive(s.Revision, s.Kind)
	}
	h.core.Telemetry.Bundles(h.measuredBundles())
	for cache, bytes := range h.core.Decider.Memory.Bytes() {
		h.core.Telemetry.KeptBytes(cache, bytes)
	}
	h.core.Telemetry.KeptBytes(keptQuestions, h.core.keptQuestionBytes())
	h.core.Telemetry.DecisionLogCounts(h.core.Fleet.Counts())
	h.core.Telemetry.Handler().ServeHTTP(c.Response(), c.Request())
	return nil
}

type readiness struct {
	Ready             bool          `json:"ready"`
	NotReady          []string      `json:"not_ready,omitempty"`
	Policy            policyState   `json:"policy"`
	Bundles           []bundleState `json:"bundles,omitempty"`
	Routes            *routesState  `json:"routes,omitempty"`
	Issuers           []issuerState `json:"issuers"`
	DevelopmentIssuer bool          `json:"development_issuer"`
}

type policyState struct {
	Active   bool   `json:"active"`
	Kind     string `json:"kind"`
	Revision string `json:"revision"`
	LoadedAt string `json:"loaded_at,omitempty"`
	// Refused is true while a newer policy than the active one is not acceptable; the log
	// says why.
	Refused bool `json:"refused"`
}

type routesState struct {
	Paths int `json:"paths"`
	// Refused is true while a newer file than the routes in force is not acceptable; the log
	// says why.
	Refused bool `json:"refused"`
}

type bundleState struct {
	Name        string `json:"name"`
	Active      bool   `json:"active"`
	Revision    string `json:"revision,omitempty"`
	ActivatedAt string `json:"activated_at,omitempty"`
	// LastError is the kind of error of the last attempt: download, http or activation. The
	// log says more.
	LastError string `json:"last_error,omitempty"`
}

type issuerState struct {
	Issuer    string `json:"issuer"`
	Usable    bool   `json:"usable"`
	Keys      int    `json:"keys"`
	FetchedAt string `json:"fetched_at,omitempty"`
	// Stale is true while the newest attempt to get the keys did not succeed.
	Stale bool `json:"stale"`
}

func (h *health) readiness() readiness {
	r := readiness{Policy: h.policyState(), Bundles: h.bundleStates(), Routes: h.routesState(), Issuers: h.issuerStates(), DevelopmentIssuer: h.dev}
	if !r.Policy.Active {
		r.NotReady = append(r.NotReady, "no policy is active")
	}
	if h.core.Issuers.usable() == 0 && !h.core.Decider.Anonymous {
		r.NotReady = append(r.NotReady, "no issuer is usable")
	}
	if h.now().Before(earliest) {
		r.NotReady = append(r.NotReady, "the clock is wrong")
	}
	select {
	case <-h.stopping:
		r.NotReady = append(r.NotReady, "stopping")
	default:
	}
	r.Ready = len(r.NotReady) == 0
	return r
}

func (h *health) policyState() policyState {
	s := h.core.Policies.Status()
	return policyState{
		Active: s.Revision != "", Kind: s.Kind, Revision: s.Revision,
		LoadedAt: timestamp(s.LoadedAt), Refused: s.LastError != nil,
	}
}

func (h *health) routesState() *routesState {
	if h.listed == nil {
		return nil
	}
	return &routesState{Paths: h.listed.routes.Size(), Refused: h.listed.refused()}
}

func (h *health) issuerStates() []issuerState {
	states := []issuerState{}
	for _, one := range h.core.Issuers {
		s := one.status()
		states = append(states, issuerState{
			Issuer: one.URL, Usable: s.Usable, Keys: s.Keys,
			FetchedAt: timestamp(s.FetchedAt), Stale: s.LastError != "",
		})
	}
	return states
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
