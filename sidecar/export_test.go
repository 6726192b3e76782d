package sidecar

import "net/http"

// Handler answers at the doors.
func (s *Server) Handler() http.Handler { return s.doors.Handler }
