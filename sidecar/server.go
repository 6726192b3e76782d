package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"stepup/sidecar/config"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/authzen"
	"stepup/sidecar/protocol/login"
	"stepup/sidecar/protocol/native"
	"stepup/sidecar/protocol/opadata"
)

// Timeouts and limits of the listeners. A batch may take longest: its items are decided
// one after the other.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	drainTimeout      = 10 * time.Second
)

// A Server is a sidecar that listens.
type Server struct {
	*Core
	doors    *http.Server
	health   *http.Server
	admin    *http.Server
	envoy    *grpc.Server // nil: off
	routes   *routesFile  // nil: no file
	stopping chan struct{}
	watch    bool

	// Listening is called once all listeners are open, with the doors' address; nil: nobody.
	Listening func(doors net.Addr)
	// Addresses are those of the open listeners by name (http, envoy, admin, health), set before
	// Listening is called.
	Addresses map[string]net.Addr
}

// NewServer assembles a sidecar that does not listen yet. Watch follows the files of the
// policy and of the routes.
func NewServer(ctx context.Context, o Options, watch bool) (*Server, error) {
	if err := checkListeners(o); err != nil {
		return nil, err
	}
	o.AwaitPolicy, o.RunOPA = watch, true
	core, err := NewCore(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Server{Core: core, watch: watch, stopping: make(chan struct{})}
	f, err := s.newFront()
	if err != nil {
		return nil, err
	}
	if s.envoy, err = s.newEnvoy(f); err != nil {
		return nil, err
	}
	doors, err := s.newDoors(f)
	if err != nil {
		return nil, err
	}
	s.doors = s.newHTTPServer(doors)
	s.health = s.newHTTPServer(s.newHealth())
	s.admin = s.newHTTPServer(s.newAdmin(f))
	return s, nil
}

// checkListeners keeps the development issuer, whose key lies on a developer's disk, out
// of reach of other machines.
func checkListeners(o Options) error {
	if !o.Dev {
		return nil
	}
	if beyond := o.Config.BeyondLoopback(); len(beyond) > 0 {
		return fmt.Errorf("--dev refuses listeners beyond loopback, and %s is one: whoever has the development key could be anyone", beyond[0])
	}
	return nil
}

// A front is what the doors share, over HTTP and over gRPC.
type front struct {
	callers *protocol.Callers
	places  *protocol.Places
	routes  *httpreq.Routes
}

func (s *Server) newFront() (front, error) {
	c := s.options.Config
	callers, err := newCallers(c.Callers)
	if err != nil {
		return front{}, err
	}
	s.routes, err = openRoutes(c.Routes)
	return front{callers, protocol.NewPlaces(c.Limits.Concurrency, s.Telemetry.InFlight()), s.routes.inForce()}, err
}

func (s *Server) newDoors(f front) (http.Handler, error) {
	c := s.options.Config
	gateways, err := s.gateways(f.routes)
	if err != nil {
		return nil, err
	}
	e := protocol.NewEcho(protocol.Config{
		Places: f.places, Callers: f.callers, Tellers: authzen.Tellers(), Logger: s.options.Logger,
	})
	protocol.Mount(e, native.Name, s.Door().Routes()...)
	protocol.Mount(e, opadata.Name, s.dataDoor(f.routes).Routes()...)
	protocol.Mount(e, authzen.Name, s.AuthZEN().Routes()...)
	if c.Login.Enabled {
		protocol.Mount(e, login.Name, s.loginDoor().Routes()...)
	} else {
		protocol.MountOff(e, s.options.Logger, login.Name, "login.enabled is false", login.Path)
	}
	for _, g := range gateways {
		if g.door == nil {
			protocol.MountOff(e, s.options.Logger, g.name, "gateways."+g.name+".peers is empty", g.path)
			continue
		}
		protocol.MountProxied(e, g.name, g.door.Routes()...)
	}
	return e, nil
}

// newProbe returns what knows whether questions can be decided.
func (s *Server) newProbe() *health {
	now := s.options.Now
	if now == nil {
		now = time.Now
	}
	return &health{core: s.Core, now: now, dev: s.options.Dev, listed: s.routes, stopping: s.stopping}
}

func (s *Server) newHealth() http.Handler {
	h := s.newProbe()
	e := protocol.NewEcho(protocol.Config{Logger: s.options.Logger})
	protocol.Mount(e, "health", h.routes()...)
	return e
}

func (s *Server) newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       protocol.WithPeer,
		// What is to be done with OPTIONS * is the handler's affair too.
		DisableGeneralOptionsHandler: true,

		ErrorLog: slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug),
	}
}

// Run listens and answers until the context ends; then it says that it is not ready,
// lets questions in flight finish, and returns.
func (s *Server) Run(ctx context.Context) error {
	open, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if err := s.Fleet.Start(ctx); err != nil {
		return errors.Join(err, closeAll(open))
	}
	// OPA's plugins outlive the doors, so that the last decisions are logged too.
	defer s.Fleet.Stop(ctx)
	s.decisions.Start()
	defer s.stopDecisions()
	s.tell(ctx, open)
	s.Addresses = addresses(open)
	if s.Listening != nil {
		s.Listening(open[0].listener.Addr())
	}
	running, ctx := errgroup.WithContext(ctx)
	for _, o := range open {
		running.Go(o.serve)
	}
	running.Go(func() error { s.Issuers.Run(ctx); return nil })
	if !s.options.Config.Policy.Fetched() {
		running.Go(func() error { return s.followPolicy(ctx) })
	}
	if s.watch && s.routes != nil {
		running.Go(func() error { return s.routes.follow(ctx, s.options.Logger, s.Telemetry.RoutesRefused) })
	}
	running.Go(func() error { <-ctx.Done(); return s.stop() })
	return running.Wait()
}

// followPolicy tells an author what the policy most likely means otherwise, and follows its files
// where that is wanted.
func (s *Server) followPolicy(ctx context.Context) error {
	if s.watch || s.options.Dev {
		s.Policies.Advise(ctx)
	}
	if s.watch {
		return s.Policies.Watch(ctx)
	}
	return nil
}

func closeAll(open []opened) error {
	var errs []error
	for _, o := range open {
		errs = append(errs, o.listener.Close())
	}
	return errors.Join(errs...)
}

func addresses(open []opened) map[string]net.Addr {
	all := map[string]net.Addr{}
	for _, o := range open {
		all[o.name] = o.listener.Addr()
	}
	return all
}

// opened is a server with its listener.
type opened struct {
	name     string
	server   interface{ Serve(net.Listener) error }
	listener net.Listener
}

func (o opened) serve() error {
	// A gRPC server that was stopped says nothing, or that it was before it served.
	err := o.server.Serve(o.listener)
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serving %s on %s: %w", o.name, o.listener.Addr(), err)
	}
	return nil
}

// listen opens the doors' listener and, unless they are off, those of Envoy, administrators and
// health.
func (s *Server) listen(ctx context.Context) ([]opened, error) {
	c := s.options.Config
	secure, err := newTLS(c.HTTP.TLS.Cert, c.HTTP.TLS.Key, c.HTTP.TLS.ClientCA, s.options.Logger)
	if err != nil {
		return nil, fmt.Errorf("http.tls: %w", err)
	}
	doors, err := listen(ctx, c.HTTP.Address, secure)
	if err != nil {
		return nil, fmt.Errorf("http.address: %w", err)
	}
	open := []opened{{"http", s.doors, doors}}
	if s.envoy != nil {
		l, err := s.listenEnvoy(ctx)
		if err != nil {
			return nil, errors.Join(err, closeAll(open))
		}
		open = append(open, opened{"envoy", s.envoy, l})
	}
	for _, plain := range []struct {
		name    string
		address config.Address
		server  *http.Server
	}{{"admin", c.Admin.Address, s.admin}, {"health", c.Health.Address, s.health}} {
		if plain.address == "" {
			continue
		}
		l, err := listen(ctx, plain.address, nil)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s.address: %w", plain.name, err), closeAll(open))
		}
		open = append(open, opened{plain.name, plain.server, l})
	}
	return open, nil
}

// stop drains the doors first, while health still says that no more should come.
func (s *Server) stop() error {
	close(s.stopping)
	s.options.Logger.Info("stopping", "drain", drainTimeout.String())
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	var draining errgroup.Group
	draining.Go(func() error { s.drainEnvoy(ctx); return nil })
	draining.Go(func() error { return s.drain(ctx, s.admin) })
	err := s.drain(ctx, s.doors)
	return errors.Join(err, draining.Wait(), s.health.Close())
}

// drain lets questions in flight finish until the context ends.
func (s *Server) drain(ctx context.Context, server *http.Server) error {
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.options.Logger.Warn("questions in flight were cut off", "after", drainTimeout.String())
		err = server.Close()
	}
	return err
}

// tell logs what somebody should know who starts this sidecar.
func (s *Server) tell(ctx context.Context, open []opened) {
	log, status := s.options.Logger, s.Policies.Status()
	if !s.options.Config.Policy.Fetched() {
		s.Policies.Announce(ctx) // bundles announce themselves, whenever they come
	}
	if status.Kind == "demonstration" {
		log.Warn("the embedded DEMONSTRATION policy is active", "revision", status.Revision, "try", "policy.path with a policy of your own")
	}
	if missing := s.Fleet.NotActivated(); status.Revision == "" && len(missing) > 0 {
		log.Info("waiting for bundles; until they are active every question is answered with 503", "bundles", missing)
	}
	if s.watch && s.routes == nil && s.options.Config.Policy.Path == "" {
		log.Warn("--watch has nothing to follow", "try", "policy.path with a policy of your own, or routes.table")
	}
	tellIssuers(log, s.Issuers)
	for _, o := range open {
		log.Info("listening", "listener", o.name, "address", o.listener.Addr().String())
	}
}
