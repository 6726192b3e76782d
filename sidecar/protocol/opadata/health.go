package opadata

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/protocol"
)

// health answers as OPA does: 200 with nothing to say, or 500 with what is wrong.
func (d *Door) health(c echo.Context) error {
	if err := d.cfg.Health(c.QueryParams()); err != nil {
		return protocol.Send(c, http.StatusInternalServerError, echo.MIMEApplicationJSON, map[string]any{"error": err.Error()})
	}
	return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, map[string]any{})
}
