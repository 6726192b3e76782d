package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/config"
)

// someIssuer is a list of one issuer, as a variable would give it.
const someIssuer = "[{issuer: https://idp.example/, audiences: [https://api.example], vocabulary: oidc}]"

func TestTheEnvironmentOverridesTheFile(t *testing.T) {
	c := mustLoad(t, "http: {address: '127.0.0.1:1'}\nheaders: {allow: [x-a, x-b]}\nclock_skew: 5s",
		"STEPUP_HTTP_ADDRESS=127.0.0.1:2",
		"STEPUP_HEADERS_ALLOW=[x-c]",
		"STEPUP_ISSUERS="+someIssuer,
		"STEPUP_POLICY_MAY_REDEFINE=[oidc]",
		"STEPUP_LIMITS_BATCH=7",
		"STEPUP_LIMITS_BODY=2MiB",
		"STEPUP_LOOP_GUARD=false",
		"STEPUP_LOG_FORMAT=json",
		"STEPUP_POLICY_PATH=",
		"STEPUP_HEADERS_FORWARD=",
		"HTTP_ADDRESS=ignored",
	)
	type row struct{ got, want any }
	for name, tc := range map[string]row{
		"http.address":        {c.HTTP.Address, config.Address("127.0.0.1:2")},
		"headers.allow":       {c.Headers.Allow, []string{"x-c"}},
		"headers.forward":     {c.Headers.Forward, []string{}},
		"clock_skew":          {c.ClockSkew.String(), "5s"},
		"issuers":             {c.Issuers[0].Issuer, "https://idp.example/"},
		"issuers algorithms":  {c.Issuers[0].Algorithms, []string{"ES256", "ES384", "EdDSA", "PS256", "RS256"}},
		"policy.may_redefine": {c.Policy.MayRedefine, []string{"oidc"}},
		"limits.batch":        {c.Limits.Batch, 7},
		"limits.body":         {c.Limits.Body, config.Size(2 << 20)},
		"loop_guard":          {c.LoopGuard, false},
		"log.format":          {c.Log.Format, "json"},
		"policy.path":         {c.Policy.Path, ""},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFlagsOverrideTheEnvironment(t *testing.T) {
	c, _, err := config.Load(config.Options{
		Environ: []string{"STEPUP_CLOCK_SKEW=5s", "STEPUP_ISSUERS=" + someIssuer},
		Flags:   map[string]string{"clock_skew": "6s", "issuers": "[]"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.ClockSkew.String() != "6s" || len(c.Issuers) != 0 {
		t.Errorf("clock_skew = %s, issuers = %v; want the flags' 6s and none", c.ClockSkew, c.Issuers)
	}
	if got, want := c.Origins["clock_skew"].String(), "flag --clock-skew"; got != want {
		t.Errorf("origin of clock_skew = %q, want %q", got, want)
	}
	if at, ok := c.Origins["issuers[0].issuer"]; ok {
		t.Errorf("an issuer that was overridden still has the origin %q", at)
	}
}

func TestAFlagNobodyKnowsIsRefused(t *testing.T) {
	for _, path := range []string{"clock-skew", "http", "issuers[].issuer", ""} {
		_, _, err := config.Load(config.Options{Flags: map[string]string{path: "x"}})
		if !refuses(err, path, "no flag sets this") {
			t.Errorf("Load with the flag %q = %v; want it refused", path, err)
		}
	}
}

func TestVariablesThatNameFiles(t *testing.T) {
	mounted := files{
		"/run/path":    "./policy\n",
		"/run/package": "fabrikam\r\n",
		"/run/issuers": strings.Trim(someIssuer, "[]") + "\n",
		"/run/list":    "# ours\n- x-a\n- x-b\n",
		"/run/two":     "a\nb\n",
	}
	load := func(environ ...string) (*config.Config, error) {
		c, _, err := config.Load(config.Options{Environ: environ, ReadFile: mounted.read})
		return c, err
	}
	c, err := load("STEPUP_POLICY_PATH_FILE=/run/path", "STEPUP_POLICY_PACKAGE_FILE=/run/package", "STEPUP_HEADERS_ALLOW_FILE=/run/list")
	if err != nil {
		t.Fatal(err)
	}
	if c.Policy.Path != "./policy" || c.Policy.Package != "fabrikam" || len(c.Headers.Allow) != 2 {
		t.Errorf("path, package, allow = %q, %q, %q; want the files' contents without their last newline", c.Policy.Path, c.Policy.Package, c.Headers.Allow)
	}
	if got, want := c.Origins["policy.path"].String(), "environment STEPUP_POLICY_PATH_FILE"; got != want {
		t.Errorf("origin of policy.path = %q, want %q", got, want)
	}
	for _, tc := range []struct{ environ, path, want string }{
		{"STEPUP_POLICY_PATH_FILE=/run/none", "policy.path", "cannot be read"},
		{"STEPUP_POLICY_PATH_FILE=", "policy.path", "cannot be read"},
		{"STEPUP_POLICY_PATH_FILE=/run/two", "policy.path", "control characters"},
		{"STEPUP_ISSUERS_FILE=/run/issuers", "issuers", "expected a list"},
		{"STEPUP_POLICY_PATH_FILE=/run/path STEPUP_POLICY_PATH=x", "policy.path", "both set"},
		{"STEPUP_POLICY_PATH_FILE=/run/path STEPUP_POLICY_PATH=", "policy.path", "both set"},
	} {
		if _, err := load(strings.Fields(tc.environ)...); !refuses(err, tc.path, tc.want) {
			t.Errorf("Load with %s = %v; want %q refused with %q", tc.environ, err, tc.path, tc.want)
		}
	}
}

func TestWrongVariablesAreRefused(t *testing.T) {
	for _, tc := range []struct{ environ, path, want string }{
		{"STEPUP_CLOCK_SKEW=", "clock_skew", "not a duration"},
		{"STEPUP_CLOCK_SKEW=10m", "clock_skew", "from 0s to 120s"},
		{"STEPUP_HTTP_INSECURE=yes", "http.insecure", "write true or false"},
		{"STEPUP_HTTP_INSECURE=", "http.insecure", "write true or false"},
		{"STEPUP_LIMITS_BATCH=many", "limits.batch", "not a whole number"},
		{"STEPUP_ISSUERS={}", "issuers", "expected a list, found a map"},
		{"STEPUP_ISSUERS=[{isuer: x}]", "issuers[0].isuer", "issuers[0].issuer"},
		{"STEPUP_ISSUERS=[", "issuers", "not YAML"},
		{"STEPUP_ISSUERS=[]\n---\n[]", "issuers", "second document"},
		{"STEPUP_POLICY_PATH=\xff", "policy.path", "UTF-8"},
		{"STEPUP_ADMIN_ADDRESS=:1", "admin.address", "loopback or a Unix socket only"},
		{"STEPUP_POLICY_OPA={labels: {a: '${NOBODY}'}}", "policy.opa.labels.a", `no variable "NOBODY"`},
	} {
		if _, _, err := load("", tc.environ); !refuses(err, tc.path, tc.want) {
			t.Errorf("Load with %q = %v; want %q refused with %q", tc.environ, err, tc.path, tc.want)
		}
	}
}

func TestUnknownVariablesAreTold(t *testing.T) {
	for _, tc := range []struct{ environ, want string }{
		{"STEPUP_HTTP_ADRESS=x", "nearest is STEPUP_HTTP_ADDRESS"},
		{"STEPUP_HTTP_ADRESS_FILE=x", "nearest is STEPUP_HTTP_ADDRESS"},
		{"STEPUP_POLICY=x", "nearest is STEPUP_POLICY_"},
		{"STEPUP_DEV=true", "STEPUP_DEV: unknown name, ignored"},
		{"STEPUP_CALERS=[]", "STEPUP_CALERS: unknown name, ignored; the nearest is STEPUP_CALLERS"},
		{"STEPUP_X=1", "STEPUP_X: unknown name, ignored"},
		{"STEPUP_PORT=tcp://10.0.0.1:80", ""},
		{"STEPUP_PORT_8181_TCP_ADDR=10.0.0.1", ""},
		{"STEPUP_SERVICE_HOST=10.0.0.1", ""},
		{"STEPUPX=1", ""},
		{"OTEL_SERVICE_NAME=stepup", ""},
	} {
		_, warnings, err := load("", tc.environ)
		got := strings.Join(warnings, "\n")
		if err != nil || !strings.Contains(got, tc.want) || (tc.want == "") != (got == "") || strings.Contains(got, "nearest") != strings.Contains(tc.want, "nearest") {
			t.Errorf("Load with %q warns %q (error %v); want %q in it", tc.environ, got, err, tc.want)
		}
	}
}

func TestNamesAreUnambiguous(t *testing.T) {
	seen := map[string]string{}
	for _, k := range values() {
		if strings.Contains(k.Path, "[]") {
			continue
		}
		for _, name := range []string{k.Env, k.Env + "_FILE", "--" + k.Flag} {
			if other, twice := seen[name]; twice {
				t.Errorf("%s means both %s and %s", name, other, k.Path)
			}
			seen[name] = k.Path
		}
		if strings.HasPrefix(k.Env, "STEPUP_PORT") || strings.HasPrefix(k.Env, "STEPUP_SERVICE_") {
			t.Errorf("%s would be ignored: Kubernetes sets such names", k.Env)
		}
	}
}

func TestEveryVariableSetsItsKey(t *testing.T) {
	for _, k := range values() {
		if k.Env == "" {
			continue
		}
		c, _, err := load("", k.Env+"="+k.Default)
		if err != nil {
			t.Errorf("%s=%s, its default, is refused: %v", k.Env, k.Default, err)
			continue
		}
		if got, want := c.Origins[k.Path].String(), "environment "+k.Env; got != want {
			t.Errorf("with %s=%s the origin of %s is %q, want %q", k.Env, k.Default, k.Path, got, want)
		}
	}
}
