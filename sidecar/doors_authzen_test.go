package sidecar_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	"stepup/sidecar/cases"
)

// authzenDoor asks the AuthZEN evaluation. Its subject is the token's; where there is no
// token it is somebody, which the policies of the cases do not look at.
func authzenDoor() door {
	return door{
		name: "authzen",
		unsaid: map[kind]string{
			rawBody:          "the bodies of AuthZEN have other members; its own are tested in authzen_test.go",
			describedRequest: "AuthZEN has no member for it, and an unknown one is refused",
			nobodyShown:      "a subject is required, so that the document has one",
		},
		shows: []part{reasonsPart, stepUpPart, httpPart, obligationsPart, headersPart},
		ask:   askAuthZEN,
	}
}

func askAuthZEN(t *testing.T, w *world, c cases.Case, token string) seen {
	t.Helper()
	answer, text := post(t, w.url+"/access/v1/evaluation", authzenBody(t, c, token), nil)
	if answer.StatusCode != http.StatusOK {
		if answer.Header.Get("Content-Type") != "text/plain; charset=UTF-8" || len(text) == 0 {
			t.Errorf("an error of the type %q: %s", answer.Header.Get("Content-Type"), text)
		}
		return seen{Outcome: "fault"}
	}
	return readAuthZEN(t, text)
}

// authzenBody is a case in the words of AuthZEN, with its token in the context.
func authzenBody(t *testing.T, c cases.Case, token string) []byte {
	t.Helper()
	context := maps.Clone(member(c, "context"))
	if context == nil {
		context = map[string]any{}
	}
	if token != "" {
		context["token"] = token
	}
	if c.Request["id_token"] != nil {
		context["id_token"] = c.Request["id_token"]
	}
	question := map[string]any{"subject": map[string]any{"type": "user", "id": subjectOf(t, c)}, "context": context}
	for _, name := range []string{"action", "resource"} {
		if value, given := c.Request[name]; given {
			question[name] = value
		}
	}
	if value, given := c.Request["context"]; given && member(c, "context") == nil {
		question["context"] = value // no object, and so no question
	}
	body, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// subjectOf is the subject that a case's token tells of, whether it holds or not.
func subjectOf(t *testing.T, c cases.Case) string {
	t.Helper()
	if c.Token == nil {
		return "somebody"
	}
	claims, _ := c.Token.Claims.(map[string]any)
	if text, literal := c.Token.Claims.(string); literal {
		_ = json.Unmarshal([]byte(text), &claims) // what is no JSON tells of nobody
	}
	if id, _ := claims["sub"].(string); id != "" {
		return id
	}
	return "somebody"
}

// readAuthZEN reads an answer, and holds it to what is true of every one.
func readAuthZEN(t *testing.T, text []byte) seen {
	t.Helper()
	var a struct {
		Decision bool `json:"decision"`
		Context  struct {
			ACRValues   string            `json:"acr_values"`
			MaxAge      json.Number       `json:"max_age"`
			Reasons     []cases.Reason    `json:"reasons"`
			StepUp      map[string]any    `json:"step_up"`
			HTTP        *cases.HTTP       `json:"http"`
			Obligations []any             `json:"obligations"`
			Headers     map[string]string `json:"headers"`
			Assurance   any               `json:"assurance"`
			DecisionID  string            `json:"decision_id"`
			Revision    string            `json:"revision"`
			ValidUntil  json.Number       `json:"valid_until"`
		} `json:"context"`
	}
	if err := decodeNumbers(text, &a); err != nil {
		t.Fatalf("%v in the answer %s", err, text)
	}
	c := a.Context
	got := seen{
		Outcome: "deny", Reasons: c.Reasons, StepUp: c.StepUp, HTTP: c.HTTP,
		Obligations: c.Obligations, Headers: c.Headers,
	}
	switch {
	case a.Decision:
		got.Outcome = "allow"
		if got.Reasons == nil {
			got.Reasons = []cases.Reason{}
		}
	case c.StepUp != nil:
		got.Outcome = "step_up"
	}
	if c.StepUp == nil && (c.ACRValues != "" || c.MaxAge != "") {
		t.Errorf("acr_values or max_age without a step-up: %s", text)
	}
	if c.DecisionID == "" || c.Revision == "" {
		t.Errorf("no decision_id or revision: %s", text)
	}
	return got
}
