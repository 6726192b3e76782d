package sidecar

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"

	"stepup/sidecar/protocol/extauthz"
)

// newEnvoy returns the server of Envoy's door; nil where it is off.
func (s *Server) newEnvoy(f front) (*grpc.Server, error) {
	c := s.options.Config
	if c.Envoy.Address == "" {
		return nil, nil
	}
	secure, err := newTLS(c.Envoy.TLS.Cert, c.Envoy.TLS.Key, c.Envoy.TLS.ClientCA, s.options.Logger)
	if err != nil {
		return nil, fmt.Errorf("envoy.tls: %w", err)
	}
	signIn, err := newSignIn(extauthz.Name, c.Gateways.Envoy)
	if err != nil {
		return nil, err
	}
	door := extauthz.New(extauthz.Config{
		Decider: s.Decider, Callers: f.callers, Places: f.places, Routes: f.routes, SignIn: signIn, Message: int64(c.Limits.Body),
		Allow: c.Headers.Allow, Forward: c.Headers.Forward, Known: s.questions.envoy, Logger: s.options.Logger,
	})
	probe := s.newProbe()
	health := &extauthz.Health{Ready: func() bool { return probe.readiness().Ready }, Stopping: s.stopping}
	return extauthz.NewServer(door, secure, health), nil
}

// listenEnvoy opens the listener of Envoy's door; TLS is the gRPC server's own affair.
func (s *Server) listenEnvoy(ctx context.Context) (net.Listener, error) {
	l, err := listen(ctx, s.options.Config.Envoy.Address, nil)
	if err != nil {
		return nil, fmt.Errorf("envoy.address: %w", err)
	}
	return l, nil
}

// drainEnvoy lets questions in flight finish until the context ends, and then cuts them off.
func (s *Server) drainEnvoy(ctx context.Context) {
	if s.envoy == nil {
		return
	}
	done := make(chan struct{})
	go func() { s.envoy.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.options.Logger.Warn("Envoy's questions in flight were cut off", "after", drainTimeout.String())
		s.envoy.Stop()
		<-done
	}
}
