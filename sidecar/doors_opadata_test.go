package sidecar_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"stepup/sidecar/cases"
)

// dataDoor asks for the whole answer, and holds the boolean of the same question to it.
func dataDoor() door {
	return door{
		name:   "opadata",
		shows:  []part{reasonsPart, faultReasonsPart, stepUpPart, httpPart, obligationsPart, headersPart},
		unsaid: map[kind]string{rawBody: "its inputs are another language"},
		ask: func(t *testing.T, w *world, c cases.Case, token string) seen {
			t.Helper()
			path := w.url + "/v1/data/" + strings.ReplaceAll(packageOf(c), ".", "/")
			body := append(append([]byte(`{"input":`), bodyOf(t, c, token)...), '}')
			answer, text := post(t, path, body, nil)
			got := readData(t, answer, text)
			answer, text = post(t, path+"/allow", body, nil)
			if allowed := bytes.Contains(text, []byte(`"result":true`)); allowed != (got.Outcome == "allow") {
				t.Errorf("<package>/allow says %d %s where <package> says %s", answer.StatusCode, text, got.Outcome)
			}
			return got
		},
	}
}

func packageOf(c cases.Case) string {
	if c.Policy.Package == "" {
		return "fabrikam"
	}
	return c.Policy.Package
}

func readData(t *testing.T, answer *http.Response, text []byte) seen {
	t.Helper()
	if answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer came with %v", answer.Header)
	}
	var body struct {
		Result *struct {
			Allow       bool
			Outcome     string
			Reasons     []cases.Reason
			StepUp      map[string]any `json:"step_up"`
			HTTP        *cases.HTTP
			Obligations []any
			Headers     map[string]string
		}
		Code   string
		Errors []cases.Reason
	}
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber()
	if err := numbers.Decode(&body); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if answer.StatusCode != http.StatusOK {
		if body.Result != nil || body.Code == "" {
			t.Errorf("%d with %s, want an error without a result", answer.StatusCode, text)
		}
		return seen{Outcome: "fault", Reasons: body.Errors}
	}
	r := body.Result
	if r.Allow != (r.Outcome == "allow") {
		t.Errorf("allow is %t beside the outcome %s", r.Allow, r.Outcome)
	}
	if !r.Allow {
		// What the user is to be answered stands there, a second time beside http.
		if challenge := r.Headers["WWW-Authenticate"]; challenge != strings.Join(r.HTTP.WWWAuthenticate, ", ") {
			t.Errorf("headers tell the user %q beside http %q", challenge, r.HTTP.WWWAuthenticate)
		}
		r.Headers = nil
	}
	return seen{Outcome: r.Outcome, Reasons: r.Reasons, StepUp: r.StepUp, HTTP: r.HTTP, Obligations: r.Obligations, Headers: r.Headers}
}
