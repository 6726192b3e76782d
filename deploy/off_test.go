package deploy_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestDoorIsOff runs each proxy with the file that users copy, in front of a sidecar whose door for it
// is off: nobody gets to the application, and the client gets what the proxy's page says.
func TestDoorIsOff(t *testing.T) {
	for _, row := range []struct {
		door, another string // the sidecar has the other one alone
		start         func(t *testing.T, sidecar, app string) (proxy string)
		status        int
		tells         bool // the body has the name of the key
	}{
		{"nginx", "caddy", func(t *testing.T, sidecar, app string) string {
			return startNginx(t, program(t, "nginx", "nginx"), sidecar, app, patient)
		}, http.StatusInternalServerError, false},
		{"caddy", "nginx", func(t *testing.T, sidecar, app string) string {
			return startCaddy(t, caddyProgram(t), sidecar, app, patient)
		}, http.StatusNotFound, true},
		{"haproxy", "nginx", func(t *testing.T, sidecar, app string) string {
			return startHAProxy(t, program(t, "haproxy", "haproxy"), read(t, "haproxy/stepup.lua"), sidecar, app, patient)
		}, http.StatusNotFound, true},
	} {
		t.Run(row.door, func(t *testing.T) {
			s, a := newSidecar(t, row.another), newApp(t)
			proxy := row.start(t, s.address, a.address)
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				status, body := askOff(t, method, "http://"+proxy+"/customers", s.normal)
				if told := strings.Contains(body, "This door is off: gateways."+row.door+".peers is empty."); status != row.status || told != row.tells {
					t.Errorf("%s /customers answers %d and %q, want %d; the key is named: %t, want %t", method, status, body, row.status, told, row.tells)
				}
			}
			if reached := a.reached(); len(reached) != 0 {
				t.Errorf("the application got %v", reached)
			}
		})
	}
}

// askOff asks a proxy with a token that is good.
func askOff(t *testing.T, method, url, token string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	request.Host, request.Close = hostName, true
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
