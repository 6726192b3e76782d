package sidecar

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/protocol"
)

// adminName is the door of administrators, in the configuration of callers.
const adminName = "admin"

// newAdmin returns what administrators are answered: the Data API, with explanations. Who is one
// is whoever reaches admin.address, and where callers are known, who has the door admin.
func (s *Server) newAdmin(f front) http.Handler {
	e := protocol.NewEcho(protocol.Config{Places: f.places, Callers: f.callers, Logger: s.options.Logger})
	e.Use(addressed)
	protocol.Mount(e, adminName, s.adminDoor(f.routes).Routes()...)
	return e
}

// addressed refuses what is asked for by a name that is not this machine's own: a page in an
// administrator's browser can have its own name lead here, and would then read what it gets
// (DNS rebinding). An address, localhost and a socket are nobody's name.
func addressed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if _, socket := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr); socket || isOwn(r.Host) {
			return next(c)
		}
		return protocol.Refused(http.StatusForbidden, "This listener is asked for by its address or as localhost, not by another name.")
	}
}

func isOwn(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	return err == nil
}
