package sidecar_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/token/tokentest"
)

// TestRequirements asks a whole sidecar what its resources need, of two issuers that it has
// never heard from: no key is fetched for it.
func TestRequirements(t *testing.T) {
	one, two := tokentest.New(t), tokentest.New(t)
	s := start(t, "issuers:\n"+issuerEntry(one)+issuerEntry(two))
	status, all := s.require("action=GET&resource=/employees")
	requirements, _ := all["requirements"].([]any)
	if status != http.StatusOK || len(requirements) != 2 || !strings.HasPrefix(all["revision"].(string), "demonstration@") {
		t.Fatalf("status %d: %v, want the demonstration's requirements of two issuers", status, all)
	}
	for n, issuer := range []string{one.URL, two.URL} {
		requirement := requirements[n].(map[string]any)
		logins := requirement["logins"].([]any)
		if requirement["issuer"] != issuer || len(logins) == 0 {
			t.Fatalf("requirement %d: %v, want logins of %s", n, requirement, issuer)
		}
		if first := logins[0].(map[string]any); first["level"] != "mfa" || first["max_age"] != 3600.0 {
			t.Errorf("requirement %d: first %v, want mfa of max_age 3600", n, first)
		}
	}
	status, narrowed := s.require("action=GET&resource=/employees&issuer=" + url.QueryEscape(two.URL))
	if diff := cmp.Diff(requirements[1:], narrowed["requirements"]); status != http.StatusOK || diff != "" {
		t.Errorf("status %d, narrowed to one issuer (-want +got):\n%s", status, diff)
	}
	if status, told := s.require("action=GET&resource=/employees&issuer=https://stranger.example/"); status != http.StatusBadRequest {
		t.Errorf("status %d for a stranger: %v, want 400", status, told)
	}
	if got := s.metrics(); !strings.Contains(got, `stepup_requirements_total{door="native",result="ok"} 3`) {
		t.Errorf("the answers are not counted:\n%s", got)
	}
}

func TestRequirementsTurnedOff(t *testing.T) {
	s := start(t, "requirements: false\n")
	if status, told := s.require("action=GET&resource=/employees"); status != http.StatusNotFound || told["decision"] != false {
		t.Errorf("status %d, %v; want 404 and no", status, told)
	}
}

func (r *running) require(query string) (int, map[string]any) {
	r.Helper()
	resp, err := http.Get("http://" + r.http + "/v1/requirements?" + query)
	if err != nil {
		r.Fatal(err)
	}
	return resp.StatusCode, decoded(r.T, resp)
}

func (r *running) metrics() string {
	r.Helper()
	resp, err := http.Get("http://" + r.health + "/metrics")
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, resp.Body); err != nil {
		r.Fatal(err)
	}
	return text.String()
}
