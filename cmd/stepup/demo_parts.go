package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"stepup/sidecar"
	"stepup/sidecar/config"
	"stepup/sidecar/demo/idp"
	"stepup/sidecar/demo/intranet"
)

// demoOptions say how a demonstration is to be.
type demoOptions struct {
	intranetPort, providerPort, sidecarPort int // 0: any

	offset    time.Duration
	misbehave idp.Misbehave
	reads     intranet.Reads
	app       string // where somebody's own application runs; empty: there is none
	log       *slog.Logger
}

// A demo is provider, intranet and sidecar in this process, each reached as anybody would:
// over loopback.
type demo struct {
	clock    *shiftedClock
	provider *idp.Provider
	running  *errgroup.Group

	intranetURL, providerURL, sidecarURL string
}

// The clients that the provider knows, and the API that their access tokens are for. The
// secret is known to everybody: the demonstration is reached from this machine.
const (
	demoClient = "intranet"
	demoApp    = "app" // somebody's own, such as deploy/examples/express
	demoSecret = "fabrikam-demonstration"
	demoAPI    = "https://intranet.fabrikam.example/api"
)

// startDemo starts all three; they stop when the context ends. Passkeys are bound to a
// name, which is why addresses say localhost.
func startDemo(ctx context.Context, o demoOptions) (*demo, error) {
	intranetDoors, intranetPort, err := listenNear(ctx, o.intranetPort)
	if err != nil {
		return nil, fmt.Errorf("intranet: %w", err)
	}
	providerDoors, providerPort, err := listenNear(ctx, o.providerPort)
	if err != nil {
		closeAll(intranetDoors)
		return nil, fmt.Errorf("provider: %w", err)
	}
	d := &demo{
		clock:       &shiftedClock{offset: o.offset},
		intranetURL: fmt.Sprintf("http://localhost:%d", intranetPort),
		providerURL: fmt.Sprintf("http://localhost:%d", providerPort),
	}
	d.running, ctx = errgroup.WithContext(ctx)
	err = d.assemble(ctx, o, intranetDoors, providerDoors)
	if err != nil {
		closeAll(append(intranetDoors, providerDoors...))
		return nil, err
	}
	return d, nil
}

// assemble starts the sidecar, which names its address, and then those who ask it.
func (d *demo) assemble(ctx context.Context, o demoOptions, intranetDoors, providerDoors []net.Listener) error {
	if err := d.startSidecar(ctx, o); err != nil {
		return err
	}
	provider, err := idp.New(idp.Config{
		Issuer: d.providerURL, Audience: demoAPI, Users: idp.DemoUsers(),
		Clients: d.clients(o),
		Rule:    servedRule{d.sidecarURL, &http.Client{Timeout: 10 * time.Second}}, Misbehave: o.misbehave, Now: d.clock.Now, Logger: o.log.With("part", "provider"),
	})
	if err != nil {
		return err
	}
	pages, err := intranet.New(intranet.Config{
		URL: d.intranetURL, Issuer: d.providerURL, ClientID: demoClient, ClientSecret: demoSecret, Sidecar: d.sidecarURL,
		Reads: o.reads, Now: d.clock.Now, Logger: o.log.With("part", "intranet"),
	})
	if err != nil {
		return err
	}
	d.provider = provider
	d.serve(ctx, provider, providerDoors)
	d.serve(ctx, pages, intranetDoors)
	return nil
}

// clients are who the provider signs people in for.
func (d *demo) clients(o demoOptions) []idp.Client {
	list := []idp.Client{{
		ID: demoClient, Name: "Fabrikam Intranet", Secret: demoSecret,
		RedirectURIs:           []string{d.intranetURL + intranet.CallbackPath},
		PostLogoutRedirectURIs: []string{d.intranetURL + intranet.SignedOutPath},
	}}
	if o.app != "" {
		list = append(list, idp.Client{ID: demoApp, Name: "your application", Secret: demoSecret, RedirectURIs: []string{o.app + "/callback"}})
	}
	return list
}

// wait waits until everything has stopped.
func (d *demo) wait() error { return d.running.Wait() }

// serve answers at several listeners until the context ends.
func (d *demo) serve(ctx context.Context, h http.Handler, doors []net.Listener) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	for _, door := range doors {
		d.running.Go(func() error {
			if err := server.Serve(door); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving on %s: %w", door.Addr(), err)
			}
			return nil
		})
	}
	d.running.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
}

// startSidecar starts a sidecar and waits until it listens.
func (d *demo) startSidecar(ctx context.Context, o demoOptions) error {
	port, err := freeNear(ctx, o.sidecarPort)
	if err != nil {
		return fmt.Errorf("sidecar: %w", err)
	}
	path, err := d.policy(ctx, o.reads)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	cfg, err := demoConfig(port, d.providerURL, path)
	if err != nil {
		return err
	}
	server, err := sidecar.NewServer(ctx, sidecar.Options{Config: cfg, Logger: o.log.With("part", "sidecar"), Now: d.clock.Now, Version: version}, false)
	if err != nil {
		return err
	}
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	server.Listening = func(doors net.Addr) { listening <- doors }
	d.running.Go(func() error {
		err := server.Run(ctx)
		ended <- err
		return err
	})
	select {
	case doors := <-listening:
		d.sidecarURL = "http://" + doors.String()
		return nil
	case err := <-ended:
		return hintAddress(err)
	}
}

// demoConfig is the sidecar's configuration, as a file would have it.
func demoConfig(port int, issuer, policyPath string) (*config.Config, error) {
	text := fmt.Sprintf(`
http: {address: "127.0.0.1:%d"}
health: {address: ""}
policy: {deadline: 5s}
login: {enabled: true}
issuers: [{issuer: %q, audiences: [%q], clients: [%q, %q], vocabulary: stepup-demo}]
`, port, issuer, demoAPI, demoClient, demoApp)
	if policyPath != "" {
		text = strings.Replace(text, "{deadline: 5s}", fmt.Sprintf("{deadline: 5s, path: %q, package: fabrikam}", policyPath), 1)
	}
	cfg, _, err := config.Load(config.Options{File: "demo", ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	return cfg, err
}

//go:embed demo_id_token
var idTokenPolicy embed.FS

// policy returns the folder of the policy for ID tokens, which goes when the context ends;
// empty for access tokens, whose policy is the embedded demonstration.
func (d *demo) policy(ctx context.Context, reads intranet.Reads) (string, error) {
	if reads != intranet.IDToken {
		return "", nil
	}
	dir, err := os.MkdirTemp("", "stepup-demo-")
	if err != nil {
		return "", err
	}
	d.running.Go(func() error {
		<-ctx.Done()
		return os.RemoveAll(dir)
	})
	files, err := fs.Sub(idTokenPolicy, "demo_id_token")
	if err != nil {
		return "", err
	}
	return dir, os.CopyFS(dir, files)
}

// tries is how many ports are tried, one after the other.
const tries = 50

// listenNear opens a port on loopback, the next free one if it is taken. It has to be free
// for IPv4 and IPv6, because localhost may mean either.
func listenNear(ctx context.Context, port int) ([]net.Listener, int, error) {
	for n := range tries {
		wanted := port
		if port != 0 {
			wanted += n
		}
		doors, err := listenBoth(ctx, wanted)
		if err == nil {
			return doors, doors[0].Addr().(*net.TCPAddr).Port, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, 0, err
		}
	}
	return nil, 0, fmt.Errorf("ports %d to %d are all taken", port, port+tries-1)
}

func listenBoth(ctx context.Context, port int) ([]net.Listener, error) {
	var l net.ListenConfig
	four, err := l.Listen(ctx, "tcp4", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return nil, err
	}
	port = four.Addr().(*net.TCPAddr).Port
	six, err := l.Listen(ctx, "tcp6", "[::1]:"+strconv.Itoa(port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, errors.Join(err, four.Close())
	case err != nil:
		return []net.Listener{four}, nil // a machine without IPv6
	}
	return []net.Listener{four, six}, nil
}

// freeNear finds a port that can be listened on a moment later.
func freeNear(ctx context.Context, port int) (int, error) {
	if port == 0 {
		return 0, nil
	}
	doors, found, err := listenNear(ctx, port)
	closeAll(doors)
	return found, err
}

func closeAll(doors []net.Listener) {
	for _, door := range doors {
		_ = door.Close() // nobody was answered there yet
	}
}

// A shiftedClock is ahead of the system's. It is safe for concurrent use.
type shiftedClock struct {
	mu     sync.Mutex
	offset time.Duration
}

// Now is the time by this clock.
func (c *shiftedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Advance lets time pass.
func (c *shiftedClock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}
