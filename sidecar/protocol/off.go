package protocol

import (
	"log/slog"
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"
)

// Off answers in place of a door that the configuration leaves off, so that whoever asks there can
// tell it from a path that is misspelt. It is a 404 that names the door's key, with or without a
// caller's name: nobody learns more than that nothing is there. The log has a warning of the first
// question, and of no other: whoever asks may ask without end.
func Off(log *slog.Logger, door, why string) echo.HandlerFunc {
	var once sync.Once
	return func(c echo.Context) error {
		once.Do(func() {
			log.WarnContext(c.Request().Context(), "somebody asked at a door that is off; further questions there are not logged",
				"door", door, "why", why, "remote", c.Request().RemoteAddr)
		})
		return refused(http.StatusNotFound, "This door is off: %s.", why)
	}
}

// MountOff puts [Off] on a door's path and on all below it, for every method.
func MountOff(e *echo.Echo, log *slog.Logger, door, why, path string) {
	off := Off(log, door, why)
	for _, p := range []string{path, path + "/*"} {
		e.RouteNotFound(p, off)
	}
}
