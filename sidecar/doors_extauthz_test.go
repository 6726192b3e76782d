package sidecar_test

import (
	"encoding/json"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"stepup/sidecar/cases"
)

// envoyDoor asks as Envoy does, by gRPC. What is no route is chosen by the operator's
// context_extensions.
func envoyDoor() door {
	return door{
		name:   "envoy",
		config: map[string]any{"envoy": map[string]any{"address": "127.0.0.1:0"}},
		unsaid: map[kind]string{
			rawBody:          "its requests are another language",
			describedRequest: "Envoy tells the whole request, always",
			withContext:      "Envoy tells no context",
			spacedToken:      "Authorization: Bearer has a token68",
			nobodyShown:      "the policy shows the request too, which is always told here",
		},
		shows: []part{reasonsPart, faultReasonsPart, stepUpPart, httpPart, headersPart},
		ask: func(t *testing.T, w *world, c cases.Case, token string) seen {
			t.Helper()
			conn, err := grpc.NewClient(w.envoy, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			answer, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), checkOf(c, token))
			if err != nil {
				t.Fatal(err)
			}
			return readCheck(t, answer)
		},
	}
}

func checkOf(c cases.Case, token string) *authv3.CheckRequest {
	action, _ := member(c, "action")["name"].(string)
	kind, _ := member(c, "resource")["type"].(string)
	id, _ := member(c, "resource")["id"].(string)
	http := &authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/", Host: "intranet.fabrikam.example", Scheme: "https"}
	extensions := map[string]string{}
	if isMethod(action) {
		http.Method = action
	} else {
		extensions["stepup.action"] = action
	}
	if kind == "route" {
		http.Path = id
	} else {
		extensions["stepup.resource.type"], extensions["stepup.resource.id"] = kind, id
	}
	http.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
		{Key: ":path", RawValue: []byte(http.GetPath())}, {Key: ":method", RawValue: []byte(http.GetMethod())},
	}}
	if token != "" {
		http.HeaderMap.Headers = append(http.HeaderMap.Headers, &corev3.HeaderValue{Key: "authorization", RawValue: []byte("Bearer " + token)})
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: http}, ContextExtensions: extensions,
	}}
}

// readCheck reads an answer as Envoy's user and the application do.
func readCheck(t *testing.T, answer *authv3.CheckResponse) seen {
	t.Helper()
	outcome := answer.GetDynamicMetadata().GetFields()["outcome"].GetStringValue()
	if ok := answer.GetOkResponse(); ok != nil {
		if answer.GetStatus().GetCode() != int32(codes.OK) {
			t.Errorf("an OkResponse with the status %v", answer.GetStatus())
		}
		got := seen{Outcome: outcome, Reasons: []cases.Reason{}, HTTP: &cases.HTTP{Status: 200, WWWAuthenticate: []string{}}}
		for _, h := range ok.GetHeaders() {
			if got.Headers == nil {
				got.Headers = map[string]string{}
			}
			got.Headers[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
		}
		return got
	}
	refused := answer.GetDeniedResponse()
	if refused == nil || answer.GetStatus().GetCode() == int32(codes.OK) {
		t.Fatalf("neither a whole yes nor a whole no: %v", answer)
	}
	var body struct {
		Outcome  string
		Decision bool
		Reasons  []cases.Reason
		StepUp   map[string]any `json:"step_up"`
	}
	numbers := json.NewDecoder(strings.NewReader(refused.GetBody()))
	numbers.UseNumber()
	if err := numbers.Decode(&body); err != nil || body.Decision {
		t.Fatalf("%v: %s", err, refused.GetBody())
	}
	got := seen{Outcome: outcome, Reasons: body.Reasons, StepUp: body.StepUp}
	if outcome != "fault" {
		got.HTTP = &cases.HTTP{Status: int(refused.GetStatus().GetCode()), WWWAuthenticate: []string{}}
		for _, h := range refused.GetHeaders() {
			if h.GetHeader().GetKey() == "www-authenticate" {
				got.HTTP.WWWAuthenticate = append(got.HTTP.WWWAuthenticate, h.GetHeader().GetValue())
			}
		}
	}
	return got
}
