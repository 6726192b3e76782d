package deploy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
)

// Nothing that a client can send changes which resource is asked about: requests are put together
// from what proxies, applications and people who attack them have ever read in two ways, and sent
// through the real proxy. What reaches the application is what the sidecar was asked about, by its
// own record, and was allowed; a browser that is sent to sign in is sent for that very page.

// hostileSeed and hostileRequests make the same requests in every run.
const (
	hostileSeed     = 20261123
	hostileRequests = 400
)

// hostilePolicy lets anybody who is signed in go anywhere but to the employees.
const hostilePolicy = `package gate

default allow := false

allow if {
	"normal" in input.assurance.levels
	not startswith(input.resource.id, "/employees")
}

allow if "mfa" in input.assurance.levels
`

// records keeps what a sidecar decided since they were last taken.
type records struct {
	mu   sync.Mutex
	list []pdp.Record
}

// Record implements [pdp.Recorder].
func (r *records) Record(_ context.Context, rec pdp.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, rec)
}

// about returns the decisions about the request with a mark: one that a proxy gave up may be
// decided late.
func (r *records) about(mark string) []pdp.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.list), func(rec pdp.Record) bool {
		return !slices.Contains(rec.Request.HTTP.Headers["x-mark"], mark)
	})
}

// A forge makes requests.
type forge struct{ *rand.Rand }

func one[T any](f forge, list []T) T { return list[f.IntN(len(list))] }

// target is the path and query of a request, most often canonical in all parts but one or two.
func (f forge) target() string {
	odd := []string{
		"..", ".", "%2e%2e", ".%2E", "..;", "..;x=1", "%2e", "", "%2F", "%5c", `\`, `..\`, "%00", "%0a", "%0d%0aHost:%20evil", "%", "%zz", "%25",
		"%2565mployees", "%c0%ae%c0%ae", "é", "\xff", "employees;x", ";", "@evil.example", "evil.example:80", "%65mployees", "EMPLOYEES", "employees%20",
		"employees.", "*", "a+b", "a%2Bb", "a%252Fb", "employees%23", "employees%3Fx", "\t", "|", "a&b", "%E2%80%AE", "customers..", "...", "..%00",
	}
	plain := []string{"customers", "employees", "reports", "a%20b", "caf%C3%A9", "7", "~x", "a=b", "(x)", "customers.json"}
	var b strings.Builder
	if f.IntN(12) == 0 {
		b.WriteString(one(f, []string{"http://" + hostName, "http://evil.example", "https://evil.example@" + hostName, "//evil.example", "", "http:", "*"}))
	}
	for range 1 + f.IntN(4) {
		b.WriteString("/")
		if f.IntN(5) == 0 {
			b.WriteString(one(f, odd))
		} else {
			b.WriteString(one(f, plain))
		}
	}
	if f.IntN(3) == 0 {
		b.WriteString("?" + one(f, []string{
			"", "q=1", "q=a%2Fb&q=..", "/employees", "?x", "path=/employees&return_to=https://evil.example", "a;b", "a#/employees", "x=%zz", "x=%00", "[a]=|", "a=b&&c", "é",
		}))
	}
	return b.String()
}

// lines are a token and a few fields, among them every name by which a proxy or an application was
// ever told another path, method or host.
func (f forge) lines() []string {
	names := []string{
		"X-Original-URI", "X-Original-Url", "X-Original-Method", "X-Original-Host", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Host",
		"X-Forwarded-Proto", "X-Forwarded-For", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Forwarded-Port", "Forwarded", "X-Rewrite-URL", "X-Real-IP",
		"X-Envoy-Original-Path", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Auth-Request-Redirect", "X-Accel-Redirect",
		"X-Stepup-Subject", "X-Stepup-Levels", "x_original_uri", "x.original.uri", "X_Forwarded_Uri", "x.forwarded.uri", "X_Forwarded_Method", "x_stepup_levels",
		"Referer", "Location", "Cookie", "Connection", "Host", "host", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Accept", "X-Requested-With", "Content-Length",
	}
	values := []string{
		"/customers", "/employees", "GET", "POST", "OPTIONS", hostName, "evil.example", "https://evil.example/customers", "http", "https", "127.0.0.1", "203.0.113.7",
		"mfa", "root", "-", "X-Original-URI", "X-Forwarded-Uri, X-Forwarded-Method, Authorization", "navigate", "document", "text/html", "host=evil.example;proto=http",
		"/customers, /employees", "",
	}
	lines := []string{one(f, []string{asNormal, asNormal, asNormal, asNormal, asMFA, asNormal + "x", "X-Nothing: here"})}
	if f.IntN(2) == 0 {
		lines = append(lines, page...)
	}
	for range f.IntN(4) {
		name := one(f, names)
		if name == "Content-Length" {
			lines = append(lines, "Content-Length: 0") // another length would only be waited for
			continue
		}
		lines = append(lines, name+": "+one(f, values))
	}
	f.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines
}

func (f forge) request() proxyRow {
	return proxyRow{method: one(f, []string{"GET", "GET", "GET", "GET", "HEAD", "POST", "DELETE", "get", "TRACE", "PROPFIND"}), target: f.target(), lines: f.lines()}
}

// checkHostile sends the requests through a proxy.
func checkHostile(t *testing.T, door string, start func(sidecar, app string) (proxy string)) {
	t.Helper()
	a, kept := newApp(t), &records{}
	s, address := startSidecar(t, sidecarOptions{door: door, policy: hostilePolicy, returnTo: "/*", recorder: kept})
	proxy := start(address, a.address)
	f := forge{rand.New(rand.NewPCG(hostileSeed, 1))}
	var seen struct{ reached, sent, refused int }
	for i := range hostileRequests {
		row, mark := f.request(), fmt.Sprint(i)
		row.lines = append(row.lines, "X-Mark: "+mark)
		answer := s.send(t, proxy, row)
		decided, reached := kept.about(mark), a.reached()
		what := fmt.Sprintf("request %d, %s %q with %q, answered %d", i, row.method, row.target, row.lines, answer.StatusCode)
		switch {
		case len(reached) > 0:
			seen.reached++
			checkReached(t, what, decided, reached)
		case answer.Header.Get("Location") != "" && len(decided) > 0:
			seen.sent++
			checkSent(t, what, decided, answer)
		case answer.StatusCode < 400 && answer.Header.Get("Location") == "":
			t.Errorf("%s: neither refused nor passed on", what)
		default:
			seen.refused++
		}
	}
	t.Logf("%s: %+v", door, seen)
	if least := hostileRequests / 40; min(seen.reached, seen.sent, seen.refused) < least {
		t.Errorf("of %d requests %+v; want %d of each kind at least, or little is shown", hostileRequests, seen, least)
	}
}

// checkReached wants one request at the application, and one decision, an allow about it.
func checkReached(t *testing.T, what string, decided []pdp.Record, reached []*http.Request) {
	t.Helper()
	if len(decided) != 1 || len(reached) != 1 || decided[0].Decision.Outcome != access.Allow {
		t.Errorf("%s: %d requests reached the application by %d decisions (%+v)", what, len(reached), len(decided), decided)
		return
	}
	asked, got := decided[0].Request, reached[0]
	gotPath, gotQuery, _ := strings.Cut(got.RequestURI, "?")
	query, _ := url.ParseQuery(gotQuery)
	if asked.Resource.ID != gotPath || asked.HTTP.Path != gotPath || asked.Action.Name != got.Method || asked.HTTP.Host != strings.ToLower(got.Host) || !sameQuery(asked.HTTP.Query, query) {
		t.Errorf("%s: asked about %s %s %s%v, and the application got %s %s %s", what, asked.Action.Name, asked.HTTP.Host, asked.Resource.ID, asked.HTTP.Query, got.Method, got.Host, got.RequestURI)
	}
	plain, err := url.PathUnescape(gotPath)
	guarded := strings.HasPrefix(path.Clean(plain), "/employees") && !slices.Contains(decided[0].Decision.Assurance.Levels, "mfa")
	if guarded || err != nil {
		t.Errorf("%s: without a second factor the application got %s (%v)", what, gotPath, err)
	}
}

func sameQuery(a, b map[string][]string) bool {
	return len(a) == len(b) && url.Values(a).Encode() == url.Values(b).Encode()
}

// checkSent wants a browser sent to the login, to come back to the very page that was asked about.
func checkSent(t *testing.T, what string, decided []pdp.Record, answer *http.Response) {
	t.Helper()
	locations := answer.Header.Values("Location")
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || len(locations) != 1 || answer.StatusCode != http.StatusFound || len(decided) != 1 || !strings.HasPrefix(locations[0], loginURL+"?") {
		t.Errorf("%s: sent to %q by %d decisions (%v)", what, locations, len(decided), err)
		return
	}
	back, err := url.Parse(to.Query().Get("return_to"))
	if err != nil || back.Scheme+"://"+back.Host != "https://"+hostName || back.User != nil || back.EscapedPath() != decided[0].Request.HTTP.Path || !sameQuery(decided[0].Request.HTTP.Query, back.Query()) {
		t.Errorf("%s: to come back to %s (%v), and asked about %s", what, back, err, decided[0].Request.HTTP.Path)
	}
}
