package intranet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/client"
)

func TestReadCents(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 100, "1.5": 150, "0.01": 1, "1250.00": 125000, "25000": 2500000, "25000.00": 2500000, "007": 700,
		"": -1, "0": -1, "0.00": -1, "-5": -1, "1,50": -1, "1.505": -1, "1.": -1, ".5": -1, "25000.01": -1, "1e3": -1, " 1": -1, "1234567": -1, "1.-5": -1, "٣": -1,
	} {
		got, err := readCents(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("readCents(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestEuros(t *testing.T) {
	for cents, want := range map[int64]string{
		1: "€\u00a00.01", 7500: "€\u00a075", 115050: "€\u00a01\u202f150.50", 2500000: "€\u00a025\u202f000", 123456789: "€\u00a01\u202f234\u202f567.89",
	} {
		if got := euros(cents); got != want {
			t.Errorf("euros(%d) = %q, want %q", cents, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "just now", 59 * time.Second: "just now", time.Minute: "a minute ago", 6 * time.Minute: "6 minutes ago",
		time.Hour: "an hour ago", 119 * time.Minute: "an hour ago", 25 * time.Hour: "25 hours ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestNeeds(t *testing.T) {
	ages := map[int64]string{3600: "one hour", 300: "5 minutes", 90: "90 seconds", 60: "one minute"}
	for age, want := range ages {
		a := client.Answer{Outcome: client.NeedsStepUp, StepUp: &client.StepUpAdvice{Login: client.Login{Level: "mfa", MaxAge: &age}}}
		if got, want := needs(a), "Sign in with mfa, at most "+want+" ago."; got != want {
			t.Errorf("needs(%d s) = %q, want %q", age, got, want)
		}
	}
	for want, a := range map[string]client.Answer{
		"Open to you now.":                      {Outcome: client.Allow, Decision: true},
		"Closed. No sign-in would change that.": {Outcome: client.Deny},
		"Sign in with normal.":                  {Outcome: client.NeedsStepUp, StepUp: &client.StepUpAdvice{Login: client.Login{Level: "normal"}}},
	} {
		if got := needs(a); got != want {
			t.Errorf("needs(%s) = %q, want %q", a.Outcome, got, want)
		}
	}
}

func TestClaimsOf(t *testing.T) {
	got := claimsOf([]byte(`{"sub": "x", "amr": ["pwd",  "otp"], "acr": "mfa", "exp": 1795431600, "auth_time": 1795428000}`))
	want := []claim{{"acr", `"mfa"`}, {"amr", `["pwd","otp"]`}, {"auth_time", "1795428000"}, {"exp", "1795431600"}, {"sub", `"x"`}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claimsOf (-want +got)\n%s", diff)
	}
	if got := claimsOf([]byte(`[]`)); got != nil {
		t.Errorf("claimsOf(a list) = %v, want nothing", got)
	}
}

func TestShelf(t *testing.T) {
	start := time.Unix(1795428000, 0)
	s := newShelf[int]()
	s.put("soon", 1, start, start.Add(time.Minute))
	if _, there := s.get("soon", start.Add(time.Minute)); there {
		t.Error("a thing is there at its end, want gone")
	}
	if n, there := s.take("soon", start); n != 1 || !there {
		t.Errorf("take = %d, %t, want 1, true", n, there)
	}
	if _, there := s.take("soon", start); there {
		t.Error("a thing can be taken twice")
	}
	for n := range maxShelf + 10 {
		s.put(time.Duration(n).String(), n, start, start.Add(time.Hour+time.Duration(n)))
	}
	if len(s.kept) > maxShelf {
		t.Errorf("%d things are kept, want at most %d", len(s.kept), maxShelf)
	}
	if _, there := s.get(time.Duration(0).String(), start); there {
		t.Error("the thing that would expire first is still there")
	}
}

func TestPrintable(t *testing.T) {
	for code, want := range map[string]string{"server_error": "server_error", `<b>"`: "", "a b": "", "ü": ""} {
		if got := printable(code); got != want {
			t.Errorf("printable(%q) = %q, want %q", code, got, want)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{URL: "http://localhost:8080", Issuer: "http://localhost:8090", ClientID: "intranet", Sidecar: "http://127.0.0.1:8181"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"URL": func(c *Config) { c.URL = "localhost" }, "issuer": func(c *Config) { c.Issuer = "" },
		"sidecar": func(c *Config) { c.Sidecar = "" }, "client": func(c *Config) { c.ClientID = "" },
	} {
		bad := good
		spoil(&bad)
		if _, err := New(bad); err == nil {
			t.Errorf("New without %s: no error", name)
		}
	}
}
