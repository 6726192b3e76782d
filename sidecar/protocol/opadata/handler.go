package opadata

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/protocol"
)

// Config is what the door needs.
type Config struct {
	Decider protocol.Decider
	// Package is the one whose allow is asked, with dots.
	Package string
	// Documents are further ones that are answered, by their names with dots, and Valuer tells
	// them; none: every path but those of Package is undefined.
	Documents []string
	Valuer    protocol.Valuer
	// Explainer answers the parameter explain, to whoever reaches this door; nil: to nobody.
	Explainer protocol.Explainer
	// HealthOf says what data.system.health.<path> has against it; nil: it is true.
	HealthOf func(ctx context.Context, path []string) error
	// Health says, by the parameters of OPA's /health, what is wrong; nil: nothing.
	Health func(url.Values) error
	// Body is how many bytes a request's body may have, compressed or not; 0:
	// [protocol.DefaultBody].
	Body int64
	// Routes say what a request is about that a gateway tells; nil: its canonical path.
	Routes *httpreq.Routes
	// Forward lists the request headers that policies may see; none: none.
	Forward access.HeaderNames
	// Version of the program, for provenance.
	Version string
	// Logger takes decisions that could not be written; nil: they are dropped.
	Logger *slog.Logger
}

// Door answers OPA's protocol. It is safe for concurrent use.
type Door struct {
	cfg  Config
	path []string // of the package
}

// New returns the door. It panics without a decider, a package or health, and with documents
// that nobody tells.
func New(cfg Config) *Door {
	if cfg.Decider == nil || cfg.Package == "" || cfg.Health == nil || cfg.HealthOf == nil || len(cfg.Documents) > 0 && cfg.Valuer == nil {
		panic("opadata: Config without Decider, Package, Health, HealthOf or Valuer")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Door{cfg, strings.Split(cfg.Package, ".")}
}

// Routes returns the endpoints, for [protocol.Mount].
func (d *Door) Routes() []protocol.Route {
	routes := []protocol.Route{
		{Method: http.MethodPost, Path: "/", Serve: d.told(d.defaultDecision)},
		{Method: http.MethodGet, Path: "/health", Serve: d.health},
		{Method: http.MethodHead, Path: "/health", Serve: d.health},
		{Method: http.MethodGet, Path: "/health/*", Serve: d.healthOf},
		{Method: http.MethodHead, Path: "/health/*", Serve: d.healthOf},
	}
	for _, path := range []string{"", "/*"} {
		routes = append(routes,
			protocol.Route{Method: http.MethodGet, Path: v1 + path, Serve: d.told(d.get)},
			protocol.Route{Method: http.MethodPost, Path: v1 + path, Serve: d.told(d.post)},
			protocol.Route{Method: http.MethodPost, Path: v0 + path, Serve: d.told(d.postV0)})
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
			routes = append(routes, protocol.Route{Method: method, Path: v1 + path, Serve: d.told(refuseWrite), Refuses: true})
		}
	}
	return routes
}

const (
	v1 = "/v1/data"
	v0 = "/v0/data"
)

// told answers errors in OPA's shape.
func (d *Door) told(serve echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := serve(c)
		if err == nil {
			return nil
		}
		p := protocol.ProblemOf(err)
		if p.Ours() {
			d.cfg.Logger.ErrorContext(c.Request().Context(), "fault while answering", "route", c.Path(), "error", err)
		}
		return protocol.SendRefusal(c, p, echo.MIMEApplicationJSON, failureOf(p))
	}
}

func refuseWrite(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderAllow, "GET, POST")
	return protocol.Refused(http.StatusMethodNotAllowed, "Nothing can be written here: policy and data come from policy.path or bundles.")
}

// A document is what a path names: one of the first two, or a further one by its name with
// dots; empty: none.
type document string

const (
	undefined document = ""
	allowed   document = "<package>/allow"
	answer    document = "<package>"
)

// isFurther reports whether a document is one of the configured ones.
func (d document) isFurther() bool { return d != undefined && d != allowed && d != answer }

// named reads a path.
func (d *Door) named(path string) document {
	ref := Segments(path)
	switch {
	case slices.Equal(ref, d.path):
		return answer
	case slices.Equal(ref, append(slices.Clone(d.path), "allow")):
		return allowed
	}
	for _, name := range d.cfg.Documents {
		if slices.Equal(ref, strings.Split(name, ".")) {
			return document(name)
		}
	}
	return undefined
}

// Segments reads the path of a document as OPA does: empty segments do not count, and each
// is unescaped alone.
func Segments(path string) []string {
	var ref []string
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" {
			continue
		}
		if plain, err := url.PathUnescape(segment); err == nil {
			segment = plain
		}
		ref = append(ref, segment)
	}
	return ref
}

// get answers what a parameter input asks.
func (d *Door) get(c echo.Context) error {
	return d.answerV1(c, func(asked url.Values) (access.Request, error) {
		texts := asked["input"]
		if len(texts) != 1 {
			return access.Request{}, &protocol.Malformed{Pointer: "/input", Problem: "is required, as the one parameter of that name: without it nothing is asked"}
		}
		q, err := parseInput([]byte(texts[0]))
		return d.complete(c, q, "", err)
	})
}

// post answers what the member input of a body asks.
func (d *Door) post(c echo.Context) error {
	return d.answerV1(c, func(asked url.Values) (access.Request, error) {
		if asked.Has("input") {
			return access.Request{}, protocol.Refused(http.StatusBadRequest, "The input must stand in the body of a POST, not in the query.")
		}
		body, err := d.body().Read(c)
		if err != nil {
			return access.Request{}, err
		}
		q, err := parseEnvelope(body)
		return d.complete(c, q, "/input", err)
	})
}

// body takes what OPA's clients send: gzip, and JSON that is not called so, as curl does.
func (d *Door) body() protocol.Body {
	return protocol.Body{Limit: d.cfg.Body, AnyType: true, Gzip: true}
}

// complete takes the step from a parsed question to a request.
func (d *Door) complete(c echo.Context, q question, pointer string, err error) (access.Request, error) {
	if err != nil {
		return access.Request{}, err
	}
	token, err := protocol.SubjectToken(c.Request().Header)
	if err != nil {
		return access.Request{}, err
	}
	return q.complete(pointer, token, d.cfg.Routes, d.cfg.Forward)
}

// answerV1 answers a request of /v1/data. An undefined path is answered before anything is
// read: nothing is asked there.
func (d *Door) answerV1(c echo.Context, read func(url.Values) (access.Request, error)) error {
	began := time.Now()
	asked, err := d.readQuery(c)
	if err != nil {
		return err
	}
	named := d.named(strings.TrimPrefix(c.Request().URL.EscapedPath(), v1))
	if named == undefined {
		return send(c, asked, response{})
	}
	request, err := read(asked)
	parsed := time.Now()
	told, err := d.asker(named, asked).tell(c.Request().Context(), named, request, err)
	if err != nil {
		return err
	}
	r := response{DecisionID: told.id, Result: told.result, Explanation: told.explanation}
	if isSet(asked, "provenance") {
		r.Provenance = provenanceOf(d.cfg.Version, told.revision)
	}
	if isSet(asked, "metrics") || isSet(asked, "instrument") {
		r.Metrics = map[string]any{
			"timer_rego_input_parse_ns": parsed.Sub(began).Nanoseconds(),
			"timer_server_handler_ns":   time.Since(began).Nanoseconds(),
		}
	}
	return send(c, asked, r)
}

// An outcome is what a document is for a question; a nil result is undefined.
type outcome struct {
	result       any
	id, revision string
	explanation  json.RawMessage // nil: none
}

// tell answers a request that was read, if it was.
func (a asker) tell(ctx context.Context, named document, request access.Request, err error) (outcome, error) {
	switch {
	case err != nil:
		return outcome{}, err
	case named.isFurther():
		return a.tellFurther(ctx, named, request)
	}
	decision, explanation, err := a.decide(ctx, request)
	if err != nil {
		return outcome{}, err
	}
	if request.Unlisted && decision.Outcome == access.Allow {
		return outcome{}, errUnlisted
	}
	result, err := render(named, decision)
	return outcome{result, decision.ID, decision.Revision, explanation}, err
}

// errUnlisted is a fault of ours, by which nobody is let in.
var errUnlisted = errors.New("allowed, although no route lists the request")

// tellFurther tells a further document. Nobody who is refused is told one, nor that it is
// undefined: where rules name what is forbidden, nothing is consent.
func (a asker) tellFurther(ctx context.Context, named document, request access.Request) (outcome, error) {
	told, explanation, err := a.value(ctx, request, named)
	if err != nil {
		return outcome{}, withheld(told.ID, err)
	}
	o := outcome{id: told.ID, revision: told.Revision, explanation: explanation}
	if told.Defined {
		o.result = told.Value
	}
	if told.Defined && told.Value == nil {
		o.result = json.RawMessage("null")
	}
	return o, nil
}

// withheld tells why there is no document: the caller is refused, or there was a fault.
func withheld(id string, err error) error {
	p := protocol.ProblemOf(err)
	if fault, ok := errors.AsType[*access.Fault](err); ok {
		if row, known := access.Lookup(fault.Code); known && !row.Fault {
			because := access.Because(fault.Code)
			p = &protocol.Problem{Status: http.StatusForbidden, Detail: because.Message, Reasons: []access.Reason{because}}
		}
	}
	p.DecisionID = id
	return p
}

// readQuery reads what a client asks beside the question. What is not known is passed over,
// as OPA does, but nobody is left to wonder why there is no explanation.
func (d *Door) readQuery(c echo.Context) (url.Values, error) {
	asked, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, protocol.Refused(http.StatusBadRequest, "The query cannot be read: percent-encode what is not a letter or digit.")
	}
	return asked, d.mayExplain(asked["explain"])
}

// isSet reads a flag of a query as OPA does.
func isSet(query url.Values, name string) bool {
	values, there := query[name]
	if there && len(values) == 1 && values[0] == "" {
		return true
	}
	return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, "true") })
}

// postV0 answers with the document alone, to a body that is the input.
func (d *Door) postV0(c echo.Context) error {
	return d.answerV0(c, d.named(strings.TrimPrefix(c.Request().URL.EscapedPath(), v0)))
}

// defaultDecision is <package>/allow: of the two documents it is the one in which no refusal
// looks like consent to a client that only asks whether there is something.
func (d *Door) defaultDecision(c echo.Context) error { return d.answerV0(c, allowed) }

func (d *Door) answerV0(c echo.Context, named document) error {
	asked, err := d.readQuery(c)
	if err != nil {
		return err
	}
	if named == undefined {
		return sendUndefined(c)
	}
	body, err := d.body().Read(c)
	if err != nil {
		return err
	}
	q, err := parseInput(body)
	request, err := d.complete(c, q, "", err)
	// As OPA, which has no place for an explanation here.
	told, err := d.asker(named, nil).tell(c.Request().Context(), named, request, err)
	switch {
	case err != nil:
		return err
	case told.result == nil:
		return sendUndefined(c)
	}
	return send(c, asked, told.result)
}

func sendUndefined(c echo.Context) error {
	return protocol.Send(c, http.StatusNotFound, echo.MIMEApplicationJSON,
		failure{Code: codeUndefined, Message: "document missing or undefined: " + v0 + " knows the configured package, its allow and policy.documents"})
}

// send writes an answer, in lines if that is asked for.
func send(c echo.Context, asked url.Values, value any) error {
	if !isSet(asked, "pretty") {
		return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, value)
	}
	text, err := pretty(value)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, text)
}
