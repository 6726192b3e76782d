package login

import (
	_ "embed"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/protocol"
)

// MaxBody is how many bytes a body may have here at most, whatever is configured: a login
// is told in few words.
const MaxBody = 256 << 10

// Config is what the door needs.
type Config struct {
	Rule protocol.LoginRule
	// Body is how many bytes a request's body may have; 0 or more than [MaxBody]: that.
	Body int64
	// Logger takes faults of the rule; nil: they are dropped.
	Logger *slog.Logger
}

// Door answers providers. It is safe for concurrent use.
type Door struct{ cfg Config }

// New returns the door. It panics without a rule.
func New(cfg Config) *Door {
	if cfg.Rule == nil {
		panic("login: Config without Rule")
	}
	if cfg.Body <= 0 || cfg.Body > MaxBody {
		cfg.Body = MaxBody
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Door{cfg}
}

// Path is where the door is.
const Path = "/v1/login"

// Routes returns the endpoints, for [protocol.Mount].
func (d *Door) Routes() []protocol.Route {
	return []protocol.Route{
		{Method: http.MethodPost, Path: Path, Serve: d.login},
		{Method: http.MethodGet, Path: Path + "/openapi.yaml", Serve: openAPI},
	}
}

// login answers one question of a provider.
func (d *Door) login(c echo.Context) error {
	body, err := protocol.ReadJSON(c, d.cfg.Body)
	if err != nil {
		return err
	}
	document, err := parse(body)
	if err != nil {
		return err
	}
	answer, err := d.cfg.Rule.Login(c.Request().Context(), document)
	if err != nil {
		d.cfg.Logger.ErrorContext(c.Request().Context(), "the login rule gave no answer", "error", err)
		return err
	}
	written, err := render(answer)
	if err != nil {
		return err
	}
	return protocol.Send(c, http.StatusOK, echo.MIMEApplicationJSON, written)
}

// openAPIDocument is the OpenAPI 3.1 document of this door.
//
//go:embed openapi.yaml
var openAPIDocument []byte

// openAPI answers with the document, whose media type is that of RFC 9512.
func openAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", openAPIDocument)
}
