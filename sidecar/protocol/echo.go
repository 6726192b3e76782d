package protocol

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
)

// Config is what all doors of one listener share.
type Config struct {
	// Places are those of the requests that are worked on at once; further ones are answered
	// with overloaded. One whose body is still coming in is not worked on. Nil: no limit.
	Places *Places
	// Callers are those who may ask; nil: whoever reaches the listener.
	Callers *Callers
	// Tellers say how the problems of a path are told, by path; of others: [SendProblem].
	Tellers map[string]Teller
	// Logger takes faults of ours and callers that were refused; nil: they are dropped.
	Logger *slog.Logger
}

// A Teller writes a problem in the words of one protocol. It calls [TellOutside] first.
type Teller func(c echo.Context, p *Problem) error

// A Gauge goes up and down. A prometheus.Gauge is one.
type Gauge interface {
	Inc()
	Dec()
}

// NewEcho returns an echo on which doors are mounted. It sets no timeouts and no limit
// for headers, which belong to the [http.Server] around it.
//
// It answers every error with a problem document, lets no answer be stored, believes
// no forwarded address, and does not serve files, rewrite paths or bind bodies.
func NewEcho(cfg Config) *echo.Echo {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard) // what it would say comes through the error handler
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = errorHandler(cfg.Logger, cfg.Tellers)
	e.Use(around(&guard{cfg.Callers, cfg.Logger}, cfg.Places))
	return e
}

// A Route is one method of one path.
type Route struct {
	Method string
	Path   string
	Serve  echo.HandlerFunc
	// Refuses says that Serve tells why the method is not taken: it is none that Allow lists.
	Refuses bool
}

// Mount puts a door's routes on an echo of [NewEcho]. A path answers exactly the methods of
// its routes, and 405 with Allow to all others, OPTIONS and HEAD among them. A path may be
// mounted once. Only the callers that may ask at this door get there, and a field
// Authorization is theirs.
func Mount(e *echo.Echo, door string, routes ...Route) { mount(e, door, false, routes) }

// MountProxied is Mount for the door of a proxy, which sends on what its user sent: a field
// Authorization is the user's and tells nothing of the caller.
func MountProxied(e *echo.Echo, door string, routes ...Route) { mount(e, door, true, routes) }

func mount(e *echo.Echo, door string, proxied bool, routes []Route) {
	paths := map[string][]Route{}
	for _, r := range routes {
		paths[r.Path] = append(paths[r.Path], r)
	}
	for path, routes := range paths {
		// What echo calls RouteNotFound sees every method of the path, also those that
		// echo's router would answer itself.
		e.RouteNotFound(path, guarded(door, proxied, byMethod(routes)))
	}
}

// byMethod serves the routes of one path.
func byMethod(routes []Route) echo.HandlerFunc {
	methods, taken := map[string]echo.HandlerFunc{}, []string{}
	for _, r := range routes {
		if methods[r.Method] = r.Serve; !r.Refuses {
			taken = append(taken, r.Method)
		}
	}
	slices.Sort(taken)
	allow := strings.Join(taken, ", ")
	return func(c echo.Context) error {
		if serve, ok := methods[c.Request().Method]; ok {
			if err := bodiless(c.Request()); err != nil {
				return err
			}
			return serve(c)
		}
		c.Response().Header().Set(echo.HeaderAllow, allow)
		return refused(http.StatusMethodNotAllowed, "This path must be asked with %s.", allow)
	}
}

// bodiless refuses GET with content, which means nothing (RFC 9110, section 9.3.1) and
// which net/http would wait for in the midst of a long answer.
func bodiless(r *http.Request) error {
	if r.Method == http.MethodGet && r.ContentLength != 0 {
		return refused(http.StatusBadRequest, "GET takes no body here: leave it out.")
	}
	return nil
}

func overloaded() *Problem {
	because := access.Because(access.Overloaded)
	return &Problem{Status: http.StatusServiceUnavailable, Detail: because.Message, Reasons: []access.Reason{because}}
}

// errorHandler answers errors. Only faults of ours are logged: a problem is the
// caller's, or was recorded with its decision.
func errorHandler(log *slog.Logger, tellers map[string]Teller) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		p := problemOf(err)
		if p.Ours() {
			logFault(log, c, err)
		}
		tell, own := tellers[c.Request().URL.Path]
		if !own {
			tell = SendProblem
		}
		if err := tell(c, p); err != nil {
			log.DebugContext(c.Request().Context(), "answer not sent", "error", err)
		}
	}
}

func logFault(log *slog.Logger, c echo.Context, err error) {
	attrs := []any{"method", c.Request().Method, "route", c.Path(), "error", err}
	if p, ok := errors.AsType[*panicked](err); ok {
		attrs = append(attrs, "stack", p.stack)
	}
	log.ErrorContext(c.Request().Context(), "fault while answering", attrs...)
}

// problemOf knows, beyond [ProblemOf], the errors that echo returns by itself.
func problemOf(err error) *Problem {
	if h, ok := errors.AsType[*echo.HTTPError](err); ok && h.Code == http.StatusNotFound {
		return refused(http.StatusNotFound, "There is nothing at this path: check how it is written, its case too.")
	}
	return ProblemOf(err)
}

// RetryAfter is how many seconds a caller is asked to wait after a 503: long enough for
// a key set or a policy to arrive, short enough for somebody who waits.
const RetryAfter = "2"

// SendProblem writes a problem document, with the headers of [SendRefusal].
func SendProblem(c echo.Context, p *Problem) error {
	return SendRefusal(c, p, ProblemType, p.Document())
}

// SendRefusal writes a problem in the form of a protocol that has one of its own, with the
// headers of [TellOutside].
func SendRefusal(c echo.Context, p *Problem, mediaType string, value any) error {
	TellOutside(c, p.Status)
	return Send(c, p.Status, mediaType, value)
}

// TellOutside sets the fields of an answer that go with a status: Retry-After with 503
// (RFC 9110, section 10.2.3), and with 401 what a caller may show.
func TellOutside(c echo.Context, status int) {
	switch status {
	case http.StatusServiceUnavailable:
		c.Response().Header().Set(echo.HeaderRetryAfter, RetryAfter)
	case http.StatusUnauthorized:
		// RFC 9110, section 11.6.1. Only a caller who is not known gets this status.
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="stepup callers"`)
	}
}

// Send encodes a value as JSON and writes it in one piece.
func Send(c echo.Context, status int, mediaType string, value any) error {
	body, err := EncodeLine(value)
	if err != nil {
		return err
	}
	return SendText(c, status, mediaType, body)
}

// EncodeLine encodes a value as JSON, with a line end for those who read it in a terminal.
func EncodeLine(value any) ([]byte, error) {
	body, err := Encode(value)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	return append(body, '\n'), nil
}

// SendText writes a text in one piece.
func SendText(c echo.Context, status int, mediaType string, body []byte) error {
	fields := []string{strconv.Itoa(len(body)), mediaType}
	h := c.Response().Header()
	h[echo.HeaderContentLength], h[echo.HeaderContentType] = fields[:1:1], fields[1:]
	c.Response().WriteHeader(status)
	_, err := c.Response().Write(body)
	return err
}
