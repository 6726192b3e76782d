package authzen

import (
	"context"
	_ "embed"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// Config is what the door needs.
type Config struct {
	Decider protocol.Decider
	// Entities tells the entities that can be searched, as the active policy's data lists
	// them; false: it lists none. Its errors are [*access.Fault]. Nil: there are none.
	Entities func(ctx context.Context) (access.Entities, bool, error)
	// Body is how many bytes a request's body may have; 0: [protocol.DefaultBody].
	Body int64
	// Batch is how many evaluations a batch may have; 0: [protocol.DefaultBatch].
	Batch int
	// Patience is how long a batch or a search may take; 0: [protocol.DefaultPatience]. Items
	// that are not answered by then are errors, and so is a whole search.
	Patience time.Duration
	// Logger takes faults of ours; nil: they are dropped.
	Logger *slog.Logger
}

// Door answers the AuthZEN protocol. It is safe for concurrent use.
type Door struct{ cfg Config }

// New returns the door. It panics without a decider.
func New(cfg Config) *Door {
	if cfg.Decider == nil {
		panic("authzen: Config without Decider")
	}
	if cfg.Entities == nil {
		cfg.Entities = func(context.Context) (access.Entities, bool, error) { return access.Entities{}, false, nil }
	}
	if cfg.Batch <= 0 {
		cfg.Batch = protocol.DefaultBatch
	}
	if cfg.Patience <= 0 {
		cfg.Patience = protocol.DefaultPatience
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Door{cfg}
}

// The paths of the specification.
const (
	pathEvaluation     = "/access/v1/evaluation"
	pathEvaluations    = "/access/v1/evaluations"
	pathSearchSubject  = "/access/v1/search/subject"
	pathSearchResource = "/access/v1/search/resource"
	pathSearchAction   = "/access/v1/search/action"
	pathMetadata       = "/.well-known/authzen-configuration"
)

// pathDocument is where the OpenAPI document of this door is, beside what it describes.
const pathDocument = "/access/v1/openapi.yaml"

// Routes returns the endpoints, for [protocol.Mount].
func (d *Door) Routes() []protocol.Route {
	return []protocol.Route{
		{Method: http.MethodPost, Path: pathEvaluation, Serve: d.evaluation},
		{Method: http.MethodPost, Path: pathEvaluations, Serve: d.evaluations},
		{Method: http.MethodPost, Path: pathSearchSubject, Serve: d.search(subjects())},
		{Method: http.MethodPost, Path: pathSearchResource, Serve: d.search(resources())},
		{Method: http.MethodPost, Path: pathSearchAction, Serve: d.search(actions())},
		{Method: http.MethodGet, Path: pathMetadata, Serve: d.metadata},
		{Method: http.MethodGet, Path: pathDocument, Serve: openAPI},
	}
}

// Tellers returns how problems are told at the paths of the door, for [protocol.Config].
func Tellers() map[string]protocol.Teller {
	tellers := map[string]protocol.Teller{}
	for _, path := range []string{
		pathEvaluation, pathEvaluations, pathSearchSubject, pathSearchResource, pathSearchAction, pathMetadata, pathDocument,
	} {
		tellers[path] = tell
	}
	return tellers
}

// tell answers with an error message: one line, in the same form at every path.
func tell(c echo.Context, p *protocol.Problem) error {
	echoRequestID(c)
	status := statusOf(p)
	protocol.TellOutside(c, status)
	return c.String(status, p.Detail+"\n")
}

func send(c echo.Context, value any) error {
	echoRequestID(c)
	return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, value)
}

// maxRequestID is how long a request's id may be to be sent back.
const maxRequestID = 128

// echoRequestID sends the request's id back as it came. One that is not printable ASCII is
// dropped rather than reflected.
func echoRequestID(c echo.Context) {
	ids := c.Request().Header.Values(echo.HeaderXRequestID)
	if len(ids) != 1 || ids[0] == "" || len(ids[0]) > maxRequestID || strings.ContainsFunc(ids[0], notPrintable) {
		return
	}
	c.Response().Header().Set(echo.HeaderXRequestID, ids[0])
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }

// read takes the body and the token beside it.
func (d *Door) read(c echo.Context) (body []byte, token string, err error) {
	if token, err = protocol.SubjectToken(c.Request().Header); err != nil {
		return nil, "", err
	}
	body, err = protocol.ReadJSON(c, d.cfg.Body)
	return body, token, err
}

// evaluation answers one question.
func (d *Door) evaluation(c echo.Context) error {
	body, token, err := d.read(c)
	if err != nil {
		return err
	}
	var q question
	if err := readQuestion(fragment{Text: body}, questionMembers, &q); err != nil {
		return err
	}
	answer, err := d.decide(c.Request().Context(), q, "", token)
	if err != nil {
		return err
	}
	return send(c, answer)
}

// decide takes one question to its answer. Pointer is where it stands.
func (d *Door) decide(ctx context.Context, q question, pointer, token string) (answer, error) {
	request, err := q.complete(pointer, token)
	if err != nil {
		return answer{}, err
	}
	return render(d.cfg.Decider.Decide(ctx, request), request.Context)
}

// evaluations answers several questions in order, one after the other. Without any it is
// an evaluation.
func (d *Door) evaluations(c echo.Context) error {
	body, token, err := d.read(c)
	if err != nil {
		return err
	}
	batch, err := readBatch(body, d.cfg.Batch)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), d.cfg.Patience)
	defer cancel()
	if len(batch.items) == 0 {
		answer, err := d.decide(ctx, batch.question, "", token)
		if err != nil {
			return err
		}
		return send(c, answer)
	}
	return send(c, map[string]any{"evaluations": d.items(ctx, batch, token)})
}

// items answers the items of a batch up to and including the one that ends it.
func (d *Door) items(ctx context.Context, b batch, token string) []answer {
	var answers []answer
	for _, from := range b.items {
		answer := d.item(ctx, b, from, token)
		answers = append(answers, answer)
		if b.semantic.ends(answer.Decision) {
			break
		}
	}
	return answers
}

func (d *Door) item(ctx context.Context, b batch, from fragment, token string) answer {
	q, err := b.item(from)
	var a answer
	if err == nil {
		err = protocol.InTime(ctx)
	}
	if err == nil {
		a, err = d.decide(ctx, q, from.Pointer, token)
	}
	if err == nil {
		return a
	}
	p := protocol.ProblemOf(err)
	if p.Ours() {
		d.cfg.Logger.ErrorContext(ctx, "fault while answering", "route", pathEvaluations, "item", from.Pointer, "error", err)
	}
	return renderError(p)
}

// openAPIDocument is the OpenAPI 3.1 document of this door.
//
//go:embed openapi.yaml
var openAPIDocument []byte

// openAPI answers with the document, whose media type is that of RFC 9512.
func openAPI(c echo.Context) error {
	echoRequestID(c)
	return c.Blob(http.StatusOK, "application/yaml", openAPIDocument)
}
