package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/config"
)

// fabrikam is a file with something of every kind in it.
const fabrikam = `# Fabrikam Intranet
http:
  address: unix:///run/stepup.sock
policy:
  path: ./policy
  package: fabrikam
  builtins:
    - http.send
issuers:
  - issuer: https://fabrikam.eu.auth0.com/
    audiences: [https://intranet.fabrikam.example/api]
    vocabulary: auth0-rule
    claims:
      authentication_level: https://fabrikam.example/authentication_level
    levels: {mfa: "2", phr: "yes"}
  - issuer: http://localhost:9000
    clients: [intranet]
    vocabulary: oidc
limits: {body: 2097152}
`

func TestPrint(t *testing.T) {
	c, _, err := config.Load(config.Options{
		File:     "stepup.yaml",
		ReadFile: files{"stepup.yaml": fabrikam}.read,
		Environ:  []string{"STEPUP_CLOCK_SKEW=10s", "STEPUP_HEADERS_ALLOW=- x-a\n- x-b"},
		Flags:    map[string]string{"log.format": "json"},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/print.golden", []byte(printed(t, c)))
}

func TestPrintDefaults(t *testing.T) {
	golden(t, "testdata/defaults.golden", []byte(printed(t, mustLoad(t, ""))))
}

func TestWhatIsPrintedLoads(t *testing.T) {
	for _, text := range []string{
		"", fabrikam,
		`policy: {path: "true", package: x}`,
		`policy: {path: "# a: b 'c' \"d\" \\ é \u2028 \ufeff", package: x}`,
		`policy: {path: " ", package: x}`,
		issuer(`levels: {"": "", mfa: c}`) + "junk: [",
		issuer(`levels: {"a: b": "- c", "null": "~"}`),
		"http: {tls: {cert: c, key: k, client_ca: a}}\ncallers: [{name: a, san: a.example, doors: [native]}]",
		"http: {address: unix:///run/s.sock}\ncallers: [{name: a, uid: 1000, doors: [native]}]",
		"clock_skew: 1ms\nanswers: {keep: 1h}\npolicy: {deadline: 59s999ms}",
	} {
		if c, _, err := load(text); err == nil {
			loadsAgain(t, c)
		} else if strings.HasPrefix(text, "http") {
			t.Errorf("Load(%q) = %v", text, err)
		}
	}
}

// loadsAgain prints a configuration, loads what was printed and wants the same.
func loadsAgain(t *testing.T, c *config.Config) {
	t.Helper()
	text := printed(t, c)
	again, _, err := load(text)
	if err != nil {
		t.Fatalf("what Print wrote does not load: %v\n%s", err, text)
	}
	c.Origins, again.Origins = nil, nil
	if diff := cmp.Diff(c, again); diff != "" {
		t.Errorf("printed and loaded again it is another (-before +after):\n%s\n%s", diff, text)
	}
}

// TestPrintHidesSecrets prints what cannot be configured yet: the day that it can, it is
// hidden already.
func TestPrintHidesSecrets(t *testing.T) {
	c := mustLoad(t, "")
	c.Callers = []config.Caller{{Name: "intranet", KeyHash: "s3cret-1"}}
	c.Policy.OPA = map[string]any{
		"services": map[string]any{"s": map[string]any{"credentials": map[string]any{"bearer": map[string]any{"token": "s3cret-2"}}}},
		"keys":     []any{map[string]any{"key": "s3cret-3"}},
		"anchor":   map[string]any{},
	}
	c.Issuers = []config.Issuer{{Introspection: map[string]any{"client_secret": "s3cret-4"}}}
	got := printed(t, c)
	if strings.Contains(got, "s3cret") {
		t.Errorf("Print shows a secret:\n%s", got)
	}
	for _, want := range []string{"name: intranet", "key_hash: hidden", "token: hidden", "client_secret: hidden"} {
		if !strings.Contains(got, want) {
			t.Errorf("Print lacks %q:\n%s", want, got)
		}
	}
}

// TestPrintShowsNumbersOfOPA: what OPA reads as a number or as true or false is no secret. Every text
// is, and so is a number where OPA takes anything.
func TestPrintShowsNumbersOfOPA(t *testing.T) {
	const text = `
policy:
  package: shop
  opa:
    services:
      hidden:
        url: https://s3cret.example
        response_header_timeout_seconds: 7
        tls: {system_ca_required: true}
        headers: {x-pin: "8765", x-on: "true"}
        credentials:
          bearer: {token: "${PIN}"}
          oauth2:
            additional_claims:
              code: ${PIN}
              admin: true
    keys: {k: {key: "8765", scope: }}
    bundles: {a: {service: hidden, persist: false, size_limit_bytes: 1000, polling: {min_delay_seconds: 10}}}
    decision_logs: {console: true, reporting: {max_decisions_per_second: 2.5}}
`
	c, _, err := load(text, "PIN=8765")
	if err != nil {
		t.Fatal(err)
	}
	got := printed(t, c)
	for _, secret := range []string{"8765", "s3cret"} {
		if strings.Contains(got, secret) {
			t.Errorf("Print shows %q:\n%s", secret, got)
		}
	}
	for _, want := range []string{
		"response_header_timeout_seconds: 7", "system_ca_required: true", "persist: false", "size_limit_bytes: 1000", "min_delay_seconds: 10",
		"console: true", "max_decisions_per_second: 2.5", "scope: null", "x-pin: hidden", "x-on: hidden", "token: hidden", "code: hidden", "admin: hidden",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("Print lacks %q:\n%s", want, got)
		}
	}
	if _, _, err := load(got); err != nil {
		t.Errorf("what Print wrote does not load: %v\n%s", err, got)
	}
}

func TestErrorsDoNotRepeatWhatMayBeSecret(t *testing.T) {
	for _, text := range []string{
		"callers: [{name: a, key_hash: s3cret}]",
		"policy: {opa: {services: {a: {credentials: {bearer: {token: s3cret}}, url: '${NOBODY}'}}}}",
		"policy: {opa: {services: {a: {credentials: {bearer: {token: '${NOBODY}s3cret'}}}}}}",
		"policy: {opa: s3cret}",
		issuer("introspection: {client_secret: s3cret}"),
	} {
		if _, _, err := load(text); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Load(%q) = %v; want an error without the secret", text, err)
		}
	}
}

func TestErrorsTellFileAndLine(t *testing.T) {
	_, _, err := config.Load(config.Options{
		File: "stepup.yaml",
		ReadFile: files{"stepup.yaml": `http:
  adress: 0.0.0.0:80
  tls: {cert: tls.crt}
admin:
  address: 127.0.0.1:9191
policy:
  path: ./policy
  deadline: 5
  anonymous: yes
clock_skew: 200s
audiences: []
issuers:
  - issuer: http://idp.example/
    audience: [x]
    vocabulary: 5
    claims:
      auth_time: iat
    algorithms:
      - RS256
      - HS256
    dpop: {required: true}
  - clients: [a]
limits: [3]
headers:
  allow: [X-User]
log:
  level: loud
`}.read,
		Environ: []string{"STEPUP_HTTP_ADDRESS=:80", "STEPUP_HEADERS_FORWARD=- accept\n- Cookie", "STEPUP_POLICY_OPA_FILE=/nowhere"},
		Flags:   map[string]string{"log.format": "xml"},
	})
	if err == nil {
		t.Fatal("Load accepts a file that is wrong throughout")
	}
	golden(t, "testdata/errors.golden", []byte(err.Error()+"\n"))
}

func TestAFileThatIsNotThere(t *testing.T) {
	_, _, err := config.Load(config.Options{File: "none.yaml", ReadFile: files{}.read})
	if got, want := errorText(err), "none.yaml: cannot be read: file does not exist"; got != want {
		t.Errorf("Load of a missing file = %q, want %q", got, want)
	}
	var all *config.Error
	if _, _, err := config.Load(config.Options{File: t.TempDir() + "/none.yaml"}); !errors.As(err, &all) {
		t.Errorf("Load of a missing file from disk = %v, want an *Error", err)
	}
}

// errorText is the text of an error; "" for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAHugeFileIsRefused(t *testing.T) {
	_, _, err := load(strings.Repeat("#", 1<<20+1))
	if !refuses(err, "", "larger than 1MiB") {
		t.Errorf("Load of more than 1 MiB = %v; want it refused", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", fabrikam, someIssuer, "a: &a [x]\nb: [*a]", "log: {", "%YAML 1.2\n---\n{}\n...\n", "? [a]\n: b", "<<: {}", "- !!binary aGk=",
		"http: {address: '[::1%25eth0]:1', tls: {cert: \"\\u0085\"}}", "policy: {path: |\n  a\n  , package: x}", "clock_skew: 1e3s",
		issuer("claims: {\"\\u2029\": \" x\"}"), "headers: {allow: [!!str 5, \"~\"]}", "limits: {body: 0x1, token: 010000}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, _, err := load(string(text))
		var all *config.Error
		switch {
		case err == nil:
			loadsAgain(t, c)
		case !errors.As(err, &all) || len(all.Problems) == 0:
			t.Errorf("Load(%q) fails with %v, want an *Error with problems", text, err)
		}
	})
}
