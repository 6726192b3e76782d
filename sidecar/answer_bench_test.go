package sidecar_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"stepup/sidecar"
	"stepup/sidecar/access"
	"stepup/sidecar/config"
	"stepup/sidecar/protocol"
	"stepup/sidecar/token/tokentest"
)

// BenchmarkAnswer measures what the native door and all behind it do for one HTTP request,
// without the network, beside the limit: an echo that decodes the same body as strictly
// and writes a fixed answer of the same size. With log, every decision is a line.
func BenchmarkAnswer(b *testing.B) {
	w := newAnswering(b)
	for _, row := range []struct {
		name    string
		handler http.Handler
		body    func(n int) []byte
	}{
		{"limit", w.limit(), w.one},
		{"hot", w.handler(b, slog.LevelWarn), w.one},
		{"hot-log", w.handler(b, slog.LevelInfo), w.one},
		{"routes", w.handler(b, slog.LevelWarn), w.routes},
		{"logins", w.handler(b, slog.LevelWarn), w.logins},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if s := w.ask(row.handler, row.body(n)); s.code != http.StatusOK || s.refused {
					b.Fatalf("status %d, refused %t", s.code, s.refused)
				}
			}
		})
	}
}

// answering is a sidecar to ask, with tokens.
type answering struct {
	config    *config.Config
	bodies    [][]byte // of one token, at twenty routes
	questions [][]byte // of many tokens
}

const answeringPolicy = `package shop

default allow := false

route := data.routes[input.resource.id]

allow if {
	route.scope in input.token.scopes
	route.level in input.assurance.levels
	age <= 3600
}

age := input.assurance.age
`

func newAnswering(b *testing.B) *answering {
	b.Helper()
	dir, key := b.TempDir(), tokentest.NewKey(b, "RS256", "k")
	table := access.Object{}
	for n := range 20 {
		level := "normal"
		if n%5 == 4 {
			level = "mfa"
		}
		table[fmt.Sprintf("/r%d", n)] = access.Object{"scope": "read", "level": level}
	}
	data, _ := json.Marshal(access.Object{"routes": table})
	keys, _ := json.Marshal(access.Object{"keys": []any{key.JWK()}})
	for name, text := range map[string]string{
		"policy/p.rego": answeringPolicy, "policy/data.json": string(data), "keys.json": string(keys),
		"stepup.yaml": fmt.Sprintf("policy: {path: %s, package: shop, deadline: 30s}\nissuers: [{issuer: https://idp.example/, audiences: [https://api.example/], vocabulary: oidc, jwks_file: %s}]\n",
			filepath.Join(dir, "policy"), filepath.Join(dir, "keys.json")),
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	c, _, err := config.Load(config.Options{File: filepath.Join(dir, "stepup.yaml")})
	if err != nil {
		b.Fatal(err)
	}
	w := &answering{config: c}
	at := time.Now().Unix()
	for n := range 256 {
		token := key.Sign(b, key.Header("at+jwt"), access.Object{
			"iss": "https://idp.example/", "aud": "https://api.example/", "sub": fmt.Sprintf("auth0|%024d", n), "client_id": "intranet", "jti": fmt.Sprint(n),
			"iat": at, "exp": at + 3600, "auth_time": at - 60, "amr": []string{"pwd"}, "scope": "openid profile email read write",
			"email": fmt.Sprintf("person.%d@fabrikam.example", n), "name": "A. Person", "tenant": "fabrikam", "sid": fmt.Sprint(n),
		})
		w.questions = append(w.questions, questionAbout(token, n%20))
		if n == 0 {
			for route := range 20 {
				w.bodies = append(w.bodies, questionAbout(token, route))
			}
		}
	}
	return w
}

func questionAbout(token string, route int) []byte {
	return []byte(fmt.Sprintf(`{"token":%q,"action":{"name":"GET"},"resource":{"type":"route","id":"/r%d"},"context":{"amount":5}}`, token, route))
}

func (w *answering) one(int) []byte      { return w.bodies[0] }
func (w *answering) routes(n int) []byte { return w.bodies[n%20] }

// logins asks with many tokens in turn, each at another route than before.
func (w *answering) logins(n int) []byte { return w.questions[n%len(w.questions)] }

func (w *answering) handler(b *testing.B, level slog.Level) http.Handler {
	b.Helper()
	log, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = log.Close() })
	server, err := sidecar.NewServer(b.Context(), sidecar.Options{
		Config: w.config, Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level})),
	}, false)
	if err != nil {
		b.Fatal(err)
	}
	return server.Handler()
}

type limitBody struct {
	token    string
	action   *access.Action
	resource *access.Resource
	context  access.Object
}

func (w *answering) limit() http.Handler {
	members := protocol.Members[limitBody]{
		"token":    func(d *protocol.Decoder, b *limitBody) error { return d.Filled(&b.token) },
		"action":   func(d *protocol.Decoder, b *limitBody) error { return d.Action(&b.action) },
		"resource": func(d *protocol.Decoder, b *limitBody) error { return d.Resource(&b.resource) },
		"context":  func(d *protocol.Decoder, b *limitBody) error { return d.Free(&b.context) },
	}
	answer := bytes.Repeat([]byte("x"), 400)
	length, kind := []string{strconv.Itoa(len(answer))}, []string{echo.MIMEApplicationJSON}
	e := echo.New()
	e.POST("/*", func(c echo.Context) error {
		text, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, protocol.DefaultBody))
		if err != nil {
			return err
		}
		var b limitBody
		if err := protocol.Decode(protocol.Fragment{Text: text}, func(d *protocol.Decoder) error { return protocol.Object(d, members, &b) }); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, err.Error())
		}
		h := c.Response().Header()
		h[echo.HeaderContentType], h[echo.HeaderContentLength] = kind, length
		c.Response().WriteHeader(http.StatusOK)
		_, err = c.Response().Write(answer)
		return err
	})
	return e
}

// sink is a response that goes nowhere.
type sink struct {
	header  http.Header
	code    int
	refused bool // for a token that does not hold
}

func (s *sink) Header() http.Header  { return s.header }
func (s *sink) WriteHeader(code int) { s.code = code }
func (s *sink) Write(p []byte) (int, error) {
	s.refused = s.refused || bytes.Contains(p, []byte(`"level":"none"`))
	return len(p), nil
}

func (w *answering) ask(h http.Handler, body []byte) *sink {
	r, _ := http.NewRequest(http.MethodPost, "/v1/decision", bytes.NewReader(body))
	r.Header["Content-Type"] = []string{echo.MIMEApplicationJSON}
	s := &sink{header: http.Header{}}
	h.ServeHTTP(s, r)
	return s
}
