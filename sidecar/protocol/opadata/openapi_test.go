package opadata_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/opadata"
	"stepup/sidecar/protocol/openapitest"
)

// document is the door's OpenAPI document, to which every answer in these tests is held.
var document = sync.OnceValue(func() *openapitest.Document { return openapitest.Read("openapi.yaml") })

func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	document().CheckRoutes(t, opadata.New(opadata.Config{
		Decider: decide(func(access.Request) access.Decision { return allow() }), Package: "fabrikam",
		Health: func(url.Values) error { return nil }, HealthOf: func(context.Context, []string) error { return nil },
	}).Routes())
}

// TestOpenAPIAgreesWithTheParser: what is asked in these tests is described, and of what is refused
// the schema refuses what a schema can say: which members there are, and of which kind.
func TestOpenAPIAgreesWithTheParser(t *testing.T) {
	for _, text := range []string{
		input, `{` + bare + `,"tenant":7,"subject":{"type":"user","id":"alice","properties":{}}}`, `{"request":{"method":"GET","path":"/x","port":1}}`,
	} {
		for target, body := range map[string]string{"/v1/data/fabrikam/web/allow": `{"input":` + text + `,"a.b/c":1}`, "/v0/data/fabrikam/web": text, "/": text} {
			if err := document().Takes("POST", target, body); err != nil {
				t.Errorf("%s: the schema does not take %s: %v", target, body, err)
			}
		}
	}
	for _, text := range []string{
		`{` + bare + `,"assurance":{"levels":["mfa"]}}`, `{` + bare + `,"now":5}`, `{` + bare + `,"dpop":{}}`,
		`{` + bare + `,"token":{"scopes":["x"]}}`, `{` + bare + `,"token":""}`, `{` + bare + `,"id_token":7}`,
		`{` + bare + `,"subject":"alice"}`, `{` + bare + `,"subject":{"type":"user"}}`, `{` + bare + `,"subject":{"type":"admin","id":"a"}}`,
		`{"action":{"name":""}}`, `{"action":{"name":"GET","x":1}}`, `{"resource":{"type":"a"}}`, `{"request":"GET /a"}`, `[]`, `null`,
	} {
		for target, body := range map[string]string{"/v1/data/fabrikam/web/allow": `{"input":` + text + `}`, "/v0/data/fabrikam/web": text, "/": text} {
			if err := document().Takes("POST", target, body); err == nil {
				t.Errorf("%s: the schema takes what the parser refuses: %s", target, body)
			}
		}
	}
	for _, body := range []string{`{}`, `{"Input":{}}`, `{"token":"x","input":` + input + `}`} {
		if err := document().Takes("POST", "/v1/data/fabrikam/web", body); err == nil {
			t.Errorf("the schema takes %s", body)
		}
	}
}

// TestRefusedBeforeTheDoor: who may not ask, and where there is no place, is told by a problem
// document, of the statuses that are described, wherever it is asked.
func TestRefusedBeforeTheDoor(t *testing.T) {
	digest := sha256.Sum256([]byte("the key of one who may ask elsewhere"))
	callers, err := protocol.NewCallers([]protocol.Caller{{Name: "elsewhere", Key: &digest, Doors: []string{"native"}}})
	if err != nil {
		t.Fatal(err)
	}
	full := protocol.NewPlaces(1, nil)
	leave, err := full.Take()
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	for _, row := range []struct {
		name   string
		shared protocol.Config
		header string
		status int
	}{
		{"a caller who shows nothing", protocol.Config{Callers: callers}, "", 401},
		{"a caller whose door is another", protocol.Config{Callers: callers}, "Bearer the key of one who may ask elsewhere", 403},
		{"no place is left", protocol.Config{Places: full}, "", 503},
	} {
		d := newDoorOf(t, row.shared)
		for _, target := range []string{"POST /", "POST /v1/data/fabrikam/web/allow", "GET /v1/data/fabrikam/web", "PUT /v1/data/fabrikam/web", "POST /v0/data/fabrikam/web/allow", "GET /health", "HEAD /health", "GET /health/live"} {
			method, path, _ := strings.Cut(target, " ")
			if status, got := d.send(method, path, "", "Authorization", row.header); status != row.status || len(d.asked) != 0 {
				t.Errorf("%s at %s: %d %s, want %d", row.name, target, status, got, row.status)
			}
		}
	}
}

// TestRefusedEverywhere: a body that is none is refused alike wherever one is read.
func TestRefusedEverywhere(t *testing.T) {
	d := newDoor(t)
	for _, target := range []string{"/", "/v0/data/fabrikam/web/allow", "/v0/data/fabrikam/web", "/v1/data/fabrikam/web/allow", "/v1/data/fabrikam/web"} {
		for _, row := range []struct {
			body   string
			header []string
			status int
		}{
			{"", nil, 400},
			{strings.Repeat(" ", 5000), nil, 413},
			{"input: {}", []string{"Content-Type", "application/yaml"}, 415},
			{input, []string{"Content-Encoding", "br"}, 415},
		} {
			if status, got := d.send("POST", target, row.body, row.header...); status != row.status || len(d.asked) != 0 {
				t.Errorf("POST %s with %q %v: %d %s, want %d", target, row.body, row.header, status, got, row.status)
			}
		}
		for _, method := range []string{"PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} {
			status, got := d.send(method, target, "")
			if status != 405 || strings.Contains(got, "DELETE") {
				t.Errorf("%s %s: %d %s, want 405 and no method that is refused", method, target, status, got)
			}
		}
	}
	for target, want := range map[string]int{"/health": 200, "/health?bundles": 500, "/health/live": 500} {
		d.health = errors.New("not activated")
		if status, got := d.send("HEAD", target, ""); status != want || got != "" {
			t.Errorf("HEAD %s: %d %q, want %d", target, status, got, want)
		}
	}
}
