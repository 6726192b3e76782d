package opadata

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/protocol"
)

// health answers as OPA does: 200 with nothing to say, or 500 with what is wrong.
func (d *Door) health(c echo.Context) error {
	return sendHealth(c, d.cfg.Health(c.QueryParams()))
}

// healthOf answers /health/live and /health/ready, which in OPA are the policy's own:
// without data.system.health in it they are undefined, and so not healthy.
func (d *Door) healthOf(c echo.Context) error {
	path := Segments(strings.TrimPrefix(c.Request().URL.EscapedPath(), "/health/"))
	return sendHealth(c, d.cfg.HealthOf(c.Request().Context(), path))
}

func sendHealth(c echo.Context, err error) error {
	if err != nil {
		return protocol.Send(c, http.StatusInternalServerError, echo.MIMEApplicationJSON, map[string]any{"error": err.Error()})
	}
	return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, map[string]any{})
}
