package sidecar_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"stepup/sidecar/cases"
)

// forwardAuthDoors ask as each kind of proxy does.
func forwardAuthDoors() []door {
	var list []door
	for _, family := range [][2]string{{"nginx", "Original"}, {"traefik", "Forwarded"}, {"caddy", "Forwarded"}, {"haproxy", "Forwarded"}, {"envoy", ""}} {
		list = append(list, forwardAuthDoor(family[0], family[1]))
	}
	return list
}

func forwardAuthDoor(name, family string) door {
	peers := map[string]any{}
	for _, proxy := range []string{"nginx", "traefik", "caddy", "haproxy", "envoy"} {
		peers[proxy] = map[string]any{"peers": []string{"127.0.0.1"}}
	}
	return door{
		name:   name,
		config: map[string]any{"gateways": peers},
		shows:  []part{httpPart, headersPart},
		unsaid: map[kind]string{
			rawBody:          "a check has no body",
			describedRequest: "the request is the one that the proxy got",
			otherResource:    "a check is about a path",
			otherAction:      "a check is about a method",
			withContext:      "a check has none",
			spacedToken:      "Authorization holds one word",
			nobodyShown:      "the policy would show the request, which a check always tells",
		},
		ask: func(t *testing.T, w *world, c cases.Case, token string) seen {
			t.Helper()
			answer, _ := do(t, forwardedCheck(t, w, name, family, c, token))
			return readForwarded(t, name, answer)
		},
	}
}

// forwardedCheck is what a proxy sends that got the request of a case.
func forwardedCheck(t *testing.T, w *world, name, family string, c cases.Case, token string) *http.Request {
	t.Helper()
	method, target := fmt.Sprint(member(c, "action")["name"]), fmt.Sprint(member(c, "resource")["id"])
	own, path := http.MethodGet, "/gw/"+name
	if family == "" {
		own, path = method, path+target
	}
	check, err := http.NewRequestWithContext(t.Context(), own, w.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if family != "" {
		check.Header.Set("X-"+family+"-Method", method)
		check.Header.Set("X-"+family+"-Uri", target)
		check.Header.Set("X-Forwarded-Host", "intranet.fabrikam.example")
	}
	check.Header.Set("X-Forwarded-Proto", "https")
	check.Header.Set("X-Forwarded-For", "203.0.113.7")
	if token != "" {
		check.Header.Set("Authorization", "Bearer "+token)
	}
	return check
}

// readForwarded reads an answer as the proxy does, by its status.
func readForwarded(t *testing.T, name string, answer *http.Response) seen {
	t.Helper()
	if answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer came with %v", answer.Header)
	}
	got := seen{Outcome: "deny"}
	challenges := answer.Header.Values("WWW-Authenticate")
	switch {
	case answer.StatusCode == http.StatusOK:
		got.Outcome, got.Headers = "allow", policyHeaders(answer.Header)
	case answer.StatusCode == http.StatusUnauthorized && strings.Contains(strings.Join(challenges, ","), `error="insufficient_`):
		got.Outcome = "step_up"
	case answer.StatusCode >= http.StatusInternalServerError:
		got.Outcome = "fault"
		if name == "nginx" && answer.StatusCode != http.StatusInternalServerError {
			t.Errorf("nginx is told %d, which it does not know", answer.StatusCode)
		}
		return got
	}
	got.HTTP = &cases.HTTP{Status: answer.StatusCode, WWWAuthenticate: append([]string{}, challenges...)}
	return got
}

// policyHeaders are those of an answer that the case expects or that look like a policy's.
func policyHeaders(header http.Header) map[string]string {
	var found map[string]string
	for name := range header {
		lower := strings.ToLower(name)
		switch lower {
		case "cache-control", "x-content-type-options", "content-length", "date":
			continue
		}
		if found == nil {
			found = map[string]string{}
		}
		found[lower] = header.Get(name)
	}
	return found
}
