package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

func serve(t *testing.T, cfg protocol.Config, routes ...protocol.Route) *httptest.Server {
	t.Helper()
	e := protocol.NewEcho(cfg)
	protocol.Mount(e, "test", routes...)
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return srv
}

func serveEcho(t *testing.T, e *echo.Echo) (url string) {
	t.Helper()
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return srv.URL
}

func get(path string, h echo.HandlerFunc) protocol.Route {
	return protocol.Route{Method: http.MethodGet, Path: path, Serve: h}
}

func ask(t *testing.T, method, url string) (*http.Response, protocol.Document) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc protocol.Document
	if method != http.MethodHead && resp.Header.Get("Content-Type") == protocol.ProblemType {
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return resp, doc
}

// Whatever a handler does, the answer says no and tells nothing of its inside.
func TestErrorsSayNo(t *testing.T) {
	rows := []struct {
		name   string
		serve  echo.HandlerFunc
		status int
		detail string
		logged string
	}{
		{"an error", func(echo.Context) error { return errors.New("inside") }, 500, "a fault inside the sidecar", "inside"},
		{"a panic", func(echo.Context) error { panic("inside") }, 500, "a fault inside the sidecar", "inside"},
		{"a panic with an error", func(echo.Context) error { panic(errors.New("inside")) }, 500, "a fault inside the sidecar", "echo_test.go"},
		{"a nil map", func(echo.Context) error { return writeTo(nil) }, 500, "a fault inside the sidecar", "nil map"},
		{"an answer that cannot be encoded", func(c echo.Context) error {
			return protocol.Send(c, 200, "application/json", map[string]any{"decision": true, "f": func() {}})
		},
			500, "a fault inside the sidecar", "encoding the answer"},
		{"an error of echo", func(echo.Context) error { return echo.NewHTTPError(418, "inside") }, 500, "a fault inside the sidecar", "inside"},
		{"a malformed request", func(echo.Context) error { return &protocol.Malformed{Pointer: "/a", Problem: "is wrong"} }, 400, "/a is wrong", ""},
		{"a malformed request, wrapped", func(echo.Context) error {
			return fmt.Errorf("inside: %w", &protocol.Malformed{Pointer: "/a", Problem: "is wrong"})
		}, 400, "/a is wrong", ""},
		{"a fault of the policy", func(echo.Context) error {
			return protocol.FaultOf(access.Decision{Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.PolicyError)}})
		}, 500, "the policy is at fault", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var log bytes.Buffer
			srv := serve(t, protocol.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, get("/x", row.serve))
			resp, doc := ask(t, "GET", srv.URL+"/x")
			if resp.StatusCode != row.status || !strings.Contains(doc.Detail, row.detail) || strings.Contains(doc.Detail, "inside:") {
				t.Errorf("got %d %+v, want %d with %q", resp.StatusCode, doc, row.status, row.detail)
			}
			if doc.Outcome != "deny" || doc.Decision || doc.Reasons == nil || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("got %+v, %v, want an uncached refusal", doc, resp.Header)
			}
			if got := log.String(); (row.logged == "") != (got == "") || !strings.Contains(got, row.logged) {
				t.Errorf("log %q, want %q in it", got, row.logged)
			}
		})
	}
}

func TestMount(t *testing.T) {
	say := func(s string) echo.HandlerFunc { return func(c echo.Context) error { return c.String(200, s) } }
	srv := serve(t, protocol.Config{},
		protocol.Route{Method: "GET", Path: "/a", Serve: say("got")}, protocol.Route{Method: "POST", Path: "/a", Serve: say("posted")}, get("/b/*", say("below")))
	rows := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/a", 200, ""},
		{"POST", "/a", 200, ""},
		{"DELETE", "/a", 405, "GET, POST"},
		{"OPTIONS", "/a", 405, "GET, POST"},
		{"HEAD", "/a", 405, "GET, POST"},
		{"GET", "/b/c/d", 200, ""},
		{"POST", "/b/c/d", 405, "GET"},
		{"GET", "/c", 404, ""},
		{"OPTIONS", "/c", 404, ""},
	}
	for _, row := range rows {
		resp, _ := ask(t, row.method, srv.URL+row.path)
		if got := resp.Header.Get("Allow"); resp.StatusCode != row.status || got != row.allow {
			t.Errorf("%s %s: %d, Allow %q, want %d, %q", row.method, row.path, resp.StatusCode, got, row.status, row.allow)
		}
	}
}

// level is a gauge that can be read.
type level struct{ atomic.Int64 }

func (l *level) Inc() { l.Add(1) }
func (l *level) Dec() { l.Add(-1) }

// The request beyond the limit is refused at once; when one is done, the next is taken.
func TestConcurrencyIsLimited(t *testing.T) {
	var inFlight level
	entered, leave := make(chan struct{}), make(chan struct{})
	srv := serve(t, protocol.Config{Places: protocol.NewPlaces(2, &inFlight)}, get("/x", func(c echo.Context) error {
		entered <- struct{}{}
		<-leave
		return c.NoContent(http.StatusNoContent)
	}))
	done := make(chan int)
	for range 2 {
		go func() {
			resp, err := http.Get(srv.URL + "/x")
			if err != nil {
				done <- 0
				return
			}
			resp.Body.Close()
			done <- resp.StatusCode
		}()
		<-entered
	}
	if got := inFlight.Load(); got != 2 {
		t.Errorf("%d in flight, want 2", got)
	}
	resp, doc := ask(t, "GET", srv.URL+"/x")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || doc.Decision || len(doc.Reasons) != 1 || doc.Reasons[0].Code != "overloaded" {
		t.Errorf("the third: %d, %v, %+v, want 503 overloaded", resp.StatusCode, resp.Header, doc)
	}
	close(leave)
	for range 2 {
		if got := <-done; got != http.StatusNoContent {
			t.Errorf("one of the first two: %d, want 204", got)
		}
	}
	go func() { <-entered }()
	if resp, _ := ask(t, "GET", srv.URL+"/x"); resp.StatusCode != http.StatusNoContent {
		t.Errorf("after them: %d, want 204", resp.StatusCode)
	}
	if got := inFlight.Load(); got != 0 {
		t.Errorf("%d in flight at the end, want 0", got)
	}
}

// Bodies that come in slowly keep nobody out, and their requests have no place until
// they are there.
func TestSlowBodiesTakeNoPlaces(t *testing.T) {
	var inFlight level
	entered, leave, reading := make(chan struct{}), make(chan struct{}), make(chan struct{}, 8)
	srv := serve(t, protocol.Config{Places: protocol.NewPlaces(1, &inFlight)}, protocol.Route{Method: "POST", Path: "/x", Serve: func(c echo.Context) error {
		c.Request().Body = &toldBody{ReadCloser: c.Request().Body, reading: reading}
		if _, err := protocol.ReadJSON(c, 0); err != nil {
			return err
		}
		entered <- struct{}{}
		<-leave
		return c.NoContent(http.StatusNoContent)
	}})
	post := func(body io.Reader) chan int {
		done := make(chan int, 1)
		go func() {
			resp, err := http.Post(srv.URL+"/x", "application/json", body)
			if err != nil {
				done <- 0
				return
			}
			resp.Body.Close()
			done <- resp.StatusCode
		}()
		return done
	}
	var slow [4]*io.PipeWriter
	var answers [4]chan int
	for i := range slow {
		var body *io.PipeReader
		body, slow[i] = io.Pipe()
		answers[i] = post(body)
		if _, err := slow[i].Write([]byte("{")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-reading:
		case got := <-answers[i]:
			t.Fatalf("slow body %d: %d, want its reading to begin", i, got)
		}
	}
	quick := post(strings.NewReader("{}"))
	select {
	case <-entered:
	case got := <-quick:
		t.Fatalf("beside four bodies that come in slowly: %d, want the handler to be asked", got)
	}
	if got := inFlight.Load(); got != 1 {
		t.Errorf("%d in flight, want the one whose body is there", got)
	}
	slow[0].Close()
	if got := <-answers[0]; got != http.StatusServiceUnavailable {
		t.Errorf("a body that is complete while all places are taken: %d, want 503", got)
	}
	close(leave)
	if got := <-quick; got != http.StatusNoContent {
		t.Errorf("the quick one: %d, want 204", got)
	}
	for i := 1; i < len(slow); i++ {
		slow[i].Close()
		select {
		case <-entered:
		case got := <-answers[i]:
			t.Fatalf("slow body %d: %d without the handler", i, got)
		}
		if got := <-answers[i]; got != http.StatusNoContent {
			t.Errorf("slow body %d: %d, want 204", i, got)
		}
	}
	if got := inFlight.Load(); got != 0 {
		t.Errorf("%d in flight at the end, want 0", got)
	}
}

// toldBody tells when its reading begins.
type toldBody struct {
	io.ReadCloser
	reading chan<- struct{}
	once    sync.Once
}

func (b *toldBody) Read(into []byte) (int, error) {
	b.once.Do(func() { b.reading <- struct{}{} })
	return b.ReadCloser.Read(into)
}

// GET with a body is refused before net/http would wait for the rest of it.
func TestGetTakesNoBody(t *testing.T) {
	srv := serve(t, protocol.Config{}, get("/x", func(c echo.Context) error { return c.String(200, "asked") }))
	req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/x", strings.NewReader("{}"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("GET with a body: %d, want 400", resp.StatusCode)
	}
}

// A panic gives its place back.
func TestPanicIsNoLongerInFlight(t *testing.T) {
	var inFlight level
	srv := serve(t, protocol.Config{Places: protocol.NewPlaces(1, &inFlight)}, get("/x", func(echo.Context) error { panic("x") }))
	for range 3 {
		if resp, _ := ask(t, "GET", srv.URL+"/x"); resp.StatusCode != 500 {
			t.Errorf("status %d, want 500", resp.StatusCode)
		}
	}
	if got := inFlight.Load(); got != 0 {
		t.Errorf("%d in flight, want 0", got)
	}
}

// Nobody can claim to come from elsewhere.
func TestForwardedAddressIsNotBelieved(t *testing.T) {
	srv := serve(t, protocol.Config{}, get("/x", func(c echo.Context) error { return c.String(200, c.RealIP()) }))
	req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/x", nil)
	req.Header.Set("X-Forwarded-For", "203.0.113.9")
	req.Header.Set("X-Real-IP", "203.0.113.9")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); string(got) != "127.0.0.1" {
		t.Errorf("client is %q, want 127.0.0.1", got)
	}
}

// A body that ends before its length is a malformed request, and not asked about.
func TestBodyThatIsCutOff(t *testing.T) {
	e := protocol.NewEcho(protocol.Config{})
	var read error
	protocol.Mount(e, "test", protocol.Route{Method: "POST", Path: "/x", Serve: func(c echo.Context) error {
		_, read = protocol.ReadJSON(c, 0)
		return read
	}})
	req := httptest.NewRequest("POST", "/x", io.MultiReader(strings.NewReader("{"), brokenReader{}))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	if rec.Code != 400 || protocol.ProblemOf(read).Reasons[0].Code != access.RequestMalformed {
		t.Errorf("status %d, %v, want 400", rec.Code, read)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestEncode(t *testing.T) {
	got, err := protocol.Encode(map[string]any{"z": json.Number("1.50"), "a": []any{json.Number("12345678901234567890"), "<&>", nil}})
	if want := `{"a":[12345678901234567890,"<&>",null],"z":1.50}`; err != nil || string(got) != want {
		t.Errorf("Encode = %s, %v, want %s", got, err, want)
	}
	if _, err := protocol.Encode(json.Number("NaN")); err == nil {
		t.Error("Encode of a number that is none: no error")
	}
}

func TestFaultOf(t *testing.T) {
	for _, row := range access.Codes() {
		p := protocol.FaultOf(access.Decision{ID: "d", Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(row.Code)}})
		want := http.StatusInternalServerError
		if row.Fault {
			want = row.Status
		}
		if p.Status != want || p.DecisionID != "d" {
			t.Errorf("FaultOf(%s) = %+v, want status %d of d", row.Code, p, want)
		}
	}
}

func TestDecodeWithin(t *testing.T) {
	var got access.Object
	free := func(d *protocol.Decoder) error { return d.Free(&got) }
	rows := []struct {
		name string
		from protocol.Fragment
		want string
	}{
		{"the whole", protocol.Fragment{Text: []byte(`[]`)}, "the body must be an object, not an array"},
		{"a part", protocol.Fragment{Text: []byte(`[]`), Pointer: "/a/0"}, "/a/0 must be an object, not an array"},
		{"a name that is not shown", protocol.Fragment{Text: []byte(`{"` + strings.Repeat("x", 33) + `":1e999}`), Pointer: "/a"}, "/a/… must be a number within the range of a double"},
		{"a name with a control", protocol.Fragment{Text: []byte(`{"a\u0007":1e999}`)}, "/… must be a number within the range of a double"},
		{"depth counts from outside", protocol.Fragment{Text: []byte(`{}`), Depth: protocol.MaxDepth}, "the body is nested too deeply: at most 32 objects and arrays within one another"},
	}
	for _, row := range rows {
		err := protocol.Decode(row.from, free)
		if m, ok := errors.AsType[*protocol.Malformed](err); !ok || m.Error() != row.want {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
	if err := protocol.Decode(protocol.Fragment{Text: []byte(`{"a":{}}`), Depth: protocol.MaxDepth - 2}, free); err != nil || !cmp.Equal(got, access.Object{"a": access.Object{}}) {
		t.Errorf("at the depth that is allowed: %v, %v", got, err)
	}
}

func writeTo(m map[string]int) error {
	m["a"] = 1
	return nil
}
