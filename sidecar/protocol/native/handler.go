package native

import (
	"context"
	_ "embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/keep"
	"stepup/sidecar/protocol"
)

// Config is what the door needs.
type Config struct {
	Decider protocol.Decider
	// Requirer tells what a resource needs before there is a token; nil: /v1/requirements
	// answers that there is no such thing.
	Requirer protocol.Requirer
	// Body is how many bytes a request's body may have; 0: [protocol.DefaultBody].
	Body int64
	// Batch is how many questions a batch may have; 0: [protocol.DefaultBatch].
	Batch int
	// Patience is how long a batch may take; what is not answered by then is told so, item by
	// item. 0: [protocol.DefaultPatience].
	Patience time.Duration
	// Forward lists the request headers that policies may see; none: none.
	Forward access.HeaderNames
	// Memory is how many bytes may be taken by questions that were read before, so that the
	// same text need not be read again; 0: none are kept. Counters count what was found.
	Memory   int64
	Counters keep.Counters
	// Logger takes decisions that could not be written, and that somebody asked for requirements
	// where they are off; nil: they are dropped.
	Logger *slog.Logger
}

// Door answers the native protocol. It is safe for concurrent use.
type Door struct {
	cfg   Config
	read  *keep.Cache[*read]
	forms *keep.Cache[*form]
	off   echo.HandlerFunc // for requirements, without a requirer
}

// New returns the door. It panics without a decider.
func New(cfg Config) *Door {
	if cfg.Decider == nil {
		panic("native: Config without Decider")
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
	off := protocol.Off(cfg.Logger, "requirements", "the configuration says requirements: false")
	forms := cfg.Memory / shareOfForms
	return &Door{
		cfg: cfg, off: off,
		read:  keep.NewOfRepeated[*read](cfg.Memory-forms, cfg.Counters),
		forms: keep.NewOfRepeated[*form](forms, keep.Counters{}),
	}
}

// shareOfForms is the part of all bytes that is for questions without their tokens.
const shareOfForms = 8

// Bytes tells how many bytes the questions take that were read before, about.
func (d *Door) Bytes() int64 { return d.read.Bytes() + d.forms.Bytes() }

// Routes returns the endpoints, for [protocol.Mount].
func (d *Door) Routes() []protocol.Route {
	return []protocol.Route{
		{Method: http.MethodPost, Path: "/v1/decision", Serve: d.decision},
		{Method: http.MethodPost, Path: "/v1/decisions", Serve: d.decisions},
		{Method: http.MethodGet, Path: "/v1/requirements", Serve: d.getRequirements},
		{Method: http.MethodPost, Path: "/v1/requirements", Serve: d.postRequirements},
		{Method: http.MethodGet, Path: "/openapi.yaml", Serve: openAPI},
	}
}

// decision answers one question.
func (d *Door) decision(c echo.Context) error {
	body, err := d.body(c)
	if err != nil {
		return err
	}
	answer, err := d.answerTo(c.Request().Context(), body)
	if err != nil {
		return err
	}
	err = protocol.SendText(c, http.StatusOK, echo.MIMEApplicationJSON, answer)
	protocol.Reuse(body)
	return err
}

// body takes the body and nothing beside it: a parameter that nobody reads is a mistake
// that nobody would notice.
func (d *Door) body(c echo.Context) ([]byte, error) {
	if c.Request().URL.RawQuery != "" {
		return nil, wrongQuery("the query must be empty: everything stands in the body")
	}
	return protocol.ReadJSON(c, d.cfg.Body)
}

// decisions answers several questions in order, one after the other: a batch takes no
// more of the machine than a single question does, however large it is.
func (d *Door) decisions(c echo.Context) error {
	body, err := d.body(c)
	if err != nil {
		return err
	}
	batch, err := readBatch(body, d.cfg.Batch)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), d.cfg.Patience)
	defer cancel()
	text := append(make([]byte, 0, roomForAnswer*len(batch.items)), `{"decisions":[`...)
	for i, item := range batch.items {
		if i > 0 {
			text = append(text, ',')
		}
		if text, err = d.item(ctx, text, item, batch.defaults); err != nil {
			return err
		}
	}
	return protocol.SendText(c, http.StatusOK, echo.MIMEApplicationJSON, append(text, "]}\n"...))
}

// item appends the answer to one question of a batch: a decision, or the problem document
// that would have been the answer had it been asked alone.
func (d *Door) item(ctx context.Context, to []byte, from fragment, defaults question) ([]byte, error) {
	err := protocol.InTime(ctx)
	if err == nil {
		if to, err = d.decide(ctx, to, from, defaults); err == nil {
			return to, nil
		}
	}
	p := protocol.ProblemOf(err)
	if p.Ours() {
		d.cfg.Logger.ErrorContext(ctx, "fault while answering", "route", "/v1/decisions", "item", from.Pointer, "error", err)
	}
	text, err := protocol.Encode(p.Document())
	return append(to, text...), err
}

// decide takes one question from text to the text of its answer, which it appends; with an error
// it appends nothing.
func (d *Door) decide(ctx context.Context, to []byte, from fragment, defaults question) ([]byte, error) {
	request, err := parse(from, defaults, d.cfg.Forward)
	if err != nil {
		return to, err
	}
	return encode(to, d.cfg.Decider.Decide(ctx, request))
}

// openAPIDocument is the OpenAPI 3.1 document of this door.
//
//go:embed openapi.yaml
var openAPIDocument []byte

// openAPI answers with the document, whose media type is that of RFC 9512.
func openAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", openAPIDocument)
}
