package httpreq_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
)

func told(change func(*httpreq.Told)) httpreq.Told {
	t := httpreq.Told{Method: "GET", Scheme: "https", Host: "intranet.fabrikam.example", Target: "/employees", ClientIP: "203.0.113.7"}
	change(&t)
	return t
}

func TestNew(t *testing.T) {
	got, err := httpreq.New(told(func(t *httpreq.Told) {
		t.Target, t.Host = "/employees/7?q=a%2Fb&q=c&empty", "Intranet.Fabrikam.Example:8443"
		t.Headers = map[string][]string{"Accept": {"text/html"}, "Cookie": {"s=1"}, "X-Tenant": {"a", "b"}}
	}), access.HeaderNames{"accept", "x-tenant*"})
	want := &access.HTTPRequest{
		Method: "GET", Scheme: "https", Host: "intranet.fabrikam.example:8443", Path: "/employees/7", Segments: []string{"employees", "7"},
		Query:    map[string][]string{"q": {"a/b", "c"}, "empty": {""}},
		Headers:  map[string][]string{"accept": {"text/html"}, "x-tenant": {"a", "b"}},
		Arrived:  []string{"accept", "cookie", "x-tenant"},
		ClientIP: "203.0.113.7",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("New: %v (-want +got):\n%s", err, diff)
	}
}

func TestUnacceptable(t *testing.T) {
	target := func(s string) func(*httpreq.Told) { return func(t *httpreq.Told) { t.Target = s } }
	host := func(s string) func(*httpreq.Told) { return func(t *httpreq.Told) { t.Host = s } }
	method := func(s string) func(*httpreq.Told) { return func(t *httpreq.Told) { t.Method = s } }
	for name, row := range map[string]struct {
		change func(*httpreq.Told)
		part   string
	}{
		"no path":                   {target(""), "path"},
		"a query alone":             {target("?a"), "path"},
		"absolute form":             {target("http://intranet.fabrikam.example/employees"), "path"},
		"a star":                    {target("*"), "path"},
		"an authority":              {target("//evil.example/x"), "path"},
		"an encoded slash":          {target("/public%2Fpayroll"), "path"},
		"an encoded backslash":      {target("/public%5Cpayroll"), "path"},
		"a backslash":               {target(`/public\..\payroll`), "path"},
		"dots":                      {target("/public/../payroll"), "path"},
		"encoded dots":              {target("/public/%2e%2e/payroll"), "path"},
		"dots in upper case":        {target("/public/%2E%2E/payroll"), "path"},
		"a dot":                     {target("/./payroll"), "path"},
		"an empty segment":          {target("/public//payroll"), "path"},
		"encoded twice":             {target("/%2570ayroll"), "path"},
		"encoded in vain":           {target("/%70ayroll"), "path"},
		"a nil":                     {target("/payroll%00"), "path"},
		"a line end":                {target("/payroll%0d%0ax"), "path"},
		"half an escape":            {target("/payroll%2"), "path"},
		"an overlong slash":         {target("/public%C0%AFpayroll"), "path"},
		"a parameter":               {target("/payroll;jsessionid=1"), "path"},
		"a fragment":                {target("/payroll#x"), "path"},
		"a space":                   {target("/pay roll"), "path"},
		"too long":                  {target("/" + strings.Repeat("a", 9000)), "path"},
		"half an escape in a query": {target("/payroll?a=%2"), "query"},
		"parted by semicolons":      {target("/payroll?a=1;b=2"), "query"},
		"a query not in UTF-8":      {target("/payroll?a=%ff"), "query"},
		"a fragment after a query":  {target("/payroll?a#b"), "query"},
		"too many parameters":       {target("/payroll?" + strings.Repeat("a&", 200)), "query"},
		"no method":                 {method(""), "method"},
		"a method in lower case":    {method("get"), "method"},
		"two methods":               {method("GET, POST"), "method"},
		"a user in the host":        {host("a@b.example"), "host"},
		"a path in the host":        {host("b.example/x"), "host"},
		"two hosts":                 {host("a.example, b.example"), "host"},
		"a port alone":              {host(":80"), "host"},
		"an unknown scheme":         {func(t *httpreq.Told) { t.Scheme = "javascript" }, "scheme"},
		"a scheme in upper case":    {func(t *httpreq.Told) { t.Scheme = "HTTPS" }, "scheme"},
		"an address with a port":    {func(t *httpreq.Told) { t.ClientIP = "203.0.113.7:80" }, "client's address"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := httpreq.New(told(row.change), nil)
			wrong, ok := errors.AsType[*httpreq.Unacceptable](err)
			if !ok || wrong.Part != row.part || got != nil {
				t.Errorf("New = %+v, %v; want the %s refused", got, err, row.part)
			}
		})
	}
}

// Whatever a client writes into a request line: what is taken is the path itself, byte by
// byte, in the only spelling that there is of it.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/", "/employees?q=1", "/p%C3%A4y", "/a/%2e%2e/b", "/a%2Fb", "/%2570", "/a;b", "//a", "/a\\b", "/a?b=/../c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r, err := httpreq.New(told(func(t *httpreq.Told) { t.Target = target }), nil)
		if err != nil {
			return
		}
		if path, _, _ := strings.Cut(target, "?"); r.Path != path {
			t.Errorf("%q was taken as %q", target, r.Path)
		}
		decoded, err := url.PathUnescape(r.Path)
		if err != nil || (&url.URL{Path: decoded}).JoinPath().Path != decoded {
			t.Errorf("%q decodes to %q, which others would mend (%v)", r.Path, decoded, err)
		}
		if strings.Count(decoded, "/") != strings.Count(r.Path, "/") || strings.ContainsAny(decoded, "\\;\x00") {
			t.Errorf("%q decodes to %q: another structure", r.Path, decoded)
		}
	})
}
