package protocol

import (
	"errors"
	"log/slog"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
)

// A guard keeps the doors of one echo.
type guard struct {
	callers *Callers
	log     *slog.Logger
}

// guarded answers only those who may ask at a door, and says in the request's context who
// it is. Nothing of the body is read before.
func guarded(door string, proxied bool, serve echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		e, ok := c.(*exchange)
		if !ok {
			return errors.New("a door on an echo that is not of NewEcho")
		}
		g := e.guard
		name, err := g.callers.Admit(door, evidenceOf(c, proxied))
		if err != nil {
			g.log.InfoContext(c.Request().Context(), "caller refused", "door", door, "remote", c.Request().RemoteAddr, "detail", err)
			return err
		}
		if name != "" {
			c.SetRequest(c.Request().WithContext(access.WithCaller(c.Request().Context(), name)))
		}
		return serve(c)
	}
}

func evidenceOf(c echo.Context, proxied bool) Evidence {
	r := c.Request()
	e := Evidence{TLS: r.TLS, Proxied: proxied, Peer: peerOf(r.Context())}
	if !proxied {
		e.Authorization = r.Header.Values(echo.HeaderAuthorization)
	}
	return e
}
