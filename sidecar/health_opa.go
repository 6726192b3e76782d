package sidecar

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/open-policy-agent/opa/v1/plugins"

	"stepup/sidecar/access"
	"stepup/sidecar/policy/fleet"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/opadata"
	"stepup/sidecar/telemetry"
)

func (h *health) bundleStates() []bundleState {
	var states []bundleState
	for _, b := range h.core.Fleet.Bundles() {
		states = append(states, bundleState{
			Name: b.Name, Active: b.Active, Revision: b.Revision,
			ActivatedAt: timestamp(b.ActivatedAt), LastError: b.Error,
		})
	}
	return states
}

func (h *health) measuredBundles() []telemetry.Bundle {
	var all []telemetry.Bundle
	for _, b := range h.core.Fleet.Bundles() {
		all = append(all, telemetry.Bundle{Name: b.Name, Active: b.Active, Revision: b.Revision, ActivatedAt: b.ActivatedAt})
	}
	return all
}

// opaHealth answers as OPA's own /health does, for probes that are written for it.
func (h *health) opaHealth(c echo.Context) error {
	if err := OPAHealth(h.core.Fleet, c.QueryParams()); err != nil {
		return protocol.Send(c, http.StatusInternalServerError, echo.MIMEApplicationJSON, map[string]any{"error": err.Error()})
	}
	return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, map[string]any{})
}

// OPAHealth says, by the parameters of OPA's /health, what keeps a sidecar from being
// healthy; nil: nothing. With bundles all of them have to have been activated, with
// plugins all of OPA's plugins have to be OK, except those that exclude-plugin names.
// Neither asks whether a bundle is fresh.
func OPAHealth(f *fleet.Fleet, query url.Values) error {
	if asked(query, "bundles") || asked(query, "bundle") {
		if missing := f.NotActivated(); len(missing) > 0 {
			return fmt.Errorf("one or more bundles are not activated: %s", strings.Join(missing, ", "))
		}
	}
	if !asked(query, "plugins") {
		return nil
	}
	return pluginsOK(f.Plugins(), query["exclude-plugin"])
}

func pluginsOK(states map[string]plugins.State, except []string) error {
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(states)) {
		if states[name] != plugins.StateOK && !slices.Contains(except, name) {
			bad = append(bad, name)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("one or more plugins are not up: %s", strings.Join(bad, ", "))
	}
	return nil
}

// opaHealthOf answers as OPA's own /health/live and /health/ready do.
func (h *health) opaHealthOf(c echo.Context) error {
	path := opadata.Segments(strings.TrimPrefix(c.Request().URL.EscapedPath(), "/health/"))
	if err := h.core.HealthOf(c.Request().Context(), path); err != nil {
		return protocol.Send(c, http.StatusInternalServerError, echo.MIMEApplicationJSON, map[string]any{"error": err.Error()})
	}
	return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, map[string]any{})
}

// HealthOf says what data.system.health.<path> of the policy, the document of OPA's
// /health/<path>, has against it; nil: it is true. Its input is OPA's: the states of the
// plugins, and whether all of them were OK once.
func (c *Core) HealthOf(ctx context.Context, path []string) error {
	snapshot := c.Policies.Current()
	if snapshot == nil {
		return errors.New("no policy is active")
	}
	states, ready := access.Object{}, true
	for name, state := range c.Fleet.Plugins() {
		states[name], ready = string(state), ready && state == plugins.StateOK
	}
	if ready {
		c.pluginsReady.Store(true)
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Config.Policy.Deadline)
	defer cancel()
	return snapshot.Healthy(ctx, path, access.Object{"plugin_state": states, "plugins_ready": c.pluginsReady.Load()}, c.now().Unix())
}

func (c *Core) now() time.Time {
	if c.options.Now == nil {
		return time.Now()
	}
	return c.options.Now()
}

// asked reads a parameter of OPA's that is true where it stands without a value.
func asked(query url.Values, name string) bool {
	values := query[name]
	isTrue := func(v string) bool { return strings.EqualFold(v, "true") }
	return len(values) == 1 && values[0] == "" || slices.ContainsFunc(values, isTrue)
}
