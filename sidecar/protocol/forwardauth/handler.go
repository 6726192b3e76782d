package forwardauth

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/keep"
	"stepup/sidecar/navigation"
	"stepup/sidecar/protocol"
)

// Config is what a door needs.
type Config struct {
	Decider protocol.Decider
	// Peers are the addresses that proxies ask from; none: nobody may ask who has one.
	Peers []netip.Prefix
	// BySocket lets those ask who opened a Unix socket.
	BySocket bool
	// Routes say what a request is about; nil: its canonical path.
	Routes *httpreq.Routes
	// Allow lists the headers that a policy may set: a client's own must not look like them.
	Allow access.HeaderNames
	// Forward lists the request headers that policies may see; none: none.
	Forward access.HeaderNames
	// SignIn sends browsers to a login; nil: nobody is sent.
	SignIn *navigation.SignIn
	// Known keeps the questions of checks that were read before, so that the same need not be
	// read again; nil: none are kept. Doors may share one.
	Known *Known
	// Logger takes checks that were refused before they were questions; nil: they are dropped.
	Logger *slog.Logger
}

// Door answers the checks of one kind of proxy. It is safe for concurrent use.
type Door struct {
	proxy    Proxy
	cfg      Config
	known    *Known
	readable []string // headers whose values tell the request or the user's token
	trusted  []string // names that none may look like, in lower case
}

// Known keeps questions by what was read of them.
type Known = keep.Cache[*access.Request]

// New returns the door. It panics without a decider.
func New(proxy Proxy, cfg Config) *Door {
	if cfg.Decider == nil {
		panic("forwardauth: Config without Decider")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	readable := append(proxy.trusted(), echo.HeaderAuthorization)
	d := &Door{proxy: proxy, cfg: cfg, known: cfg.Known, readable: readable}
	for _, name := range readable {
		d.trusted = append(d.trusted, strings.ToLower(name))
	}
	return d
}

// methods are those that a check may have: nginx and Caddy ask with GET, HAProxy may with HEAD,
// Traefik and Envoy with that of the request.
func methods() []string {
	return []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace,
	}
}

// Routes returns the endpoints, for [protocol.MountProxied].
func (d *Door) Routes() []protocol.Route {
	path := d.proxy.Prefix()
	if d.proxy.ofItsOwn() {
		path += "/*"
	}
	var routes []protocol.Route
	for _, method := range methods() {
		routes = append(routes, protocol.Route{Method: method, Path: path, Serve: d.check})
	}
	return routes
}

var (
	errUnlisted = errors.New("allowed, although no route lists the request")
	errPeer     = errors.New("asked from an address that is not in the peers of this door")
)

// check answers one check.
func (d *Door) check(c echo.Context) error {
	r := c.Request()
	if !d.isPeer(r) {
		return d.refuse(c, errPeer)
	}
	request, decision, err := d.ask(r)
	if err != nil {
		return d.refuse(c, err)
	}
	if request.Unlisted && decision.Outcome == access.Allow {
		return errUnlisted // a fault of ours
	}
	return d.render(c, decision, d.trip(r, decision))
}

// trip is where the browser behind a refused check is sent, if anywhere. It is looked at anew
// for each, since it hangs on headers that say nothing of the question.
func (d *Door) trip(r *http.Request, decision access.Decision) navigation.Trip {
	if d.cfg.SignIn == nil || decision.Outcome == access.Allow {
		return navigation.Trip{}
	}
	told, err := d.told(r)
	if err != nil {
		return navigation.Trip{} // it was read before
	}
	return d.cfg.SignIn.Send(visit(told), decision)
}

// isPeer knows a proxy by its connection, never by what it sends: by its address, or by its being
// one of a Unix socket, where who may open it is the affair of the socket's mode and of callers.
func (d *Door) isPeer(r *http.Request) bool {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return d.cfg.BySocket
	}
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, peers := range d.cfg.Peers {
		if peers.Contains(address.Addr().Unmap()) {
			return true
		}
	}
	return false
}
