package sidecar

import (
	"net/http"

	"stepup/sidecar/protocol"
)

// Handler answers at the doors.
func (s *Server) Handler() http.Handler { return s.doors.Handler }

// Witness puts something before what answers at the doors, to administrators and to probes.
func (s *Server) Witness(doors, admin, health func(http.Handler) http.Handler) {
	s.doors.Handler, s.admin.Handler, s.health.Handler = doors(s.doors.Handler), admin(s.admin.Handler), health(s.health.Handler)
}

// HealthRoutes are those of the health listener.
func (s *Server) HealthRoutes() []protocol.Route { return s.newProbe().routes() }
