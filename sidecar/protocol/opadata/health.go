package opadata

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/protocol"
)

// Health is what /health tells of.
type Health struct {
	// Active says that a policy is active, so that questions can be decided.
	Active bool
	// Activated says that all bundles, discovery's too, were activated once.
	Activated bool
	// Plugins says of each plugin whether it is as it should be.
	Plugins map[string]bool
}

// health answers as OPA does: 200 with nothing to say, or 500 with what is wrong. bundles
// (also bundle) wants every bundle activated, plugins every plugin well but for those
// that exclude-plugin names.
func (d *Door) health(c echo.Context) error {
	query := c.Request().URL.Query()
	state := d.cfg.Health()
	switch {
	case !state.Active:
		return unhealthy(c, "unable to perform evaluation")
	case (isSet(query, "bundles") || isSet(query, "bundle")) && !state.Activated:
		return unhealthy(c, "one or more bundles are not activated")
	case isSet(query, "plugins") && !state.well(query["exclude-plugin"]):
		return unhealthy(c, "one or more plugins are not up")
	}
	return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, map[string]any{})
}

func (h Health) well(excluded []string) bool {
	for name, well := range h.Plugins {
		if !well && !slices.Contains(excluded, name) {
			return false
		}
	}
	return true
}

func unhealthy(c echo.Context, why string) error {
	return protocol.Send(c, http.StatusInternalServerError, echo.MIMEApplicationJSON, map[string]any{"error": why})
}
