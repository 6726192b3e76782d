package forwardauth

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/heaptest"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/keep"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/openapitest"
)

// headers are what the checks of these tests are made of: those that tell the request, the
// user's token, one that policies may see, those that nobody reads, and names that are not to be.
var headers = map[string][]string{
	"x-original-method": {"GET", "POST", "get"}, "x-original-uri": {"/a", "/a?q=1", "/a/../b", "/b"},
	"x-forwarded-method": {"GET", "POST"}, "x-forwarded-uri": {"/a", "/b"},
	"x-forwarded-host": {"a.example", "b.example", "a.example/"}, "x-forwarded-proto": {"https", "http", "ftp"},
	"x-forwarded-for": {"192.0.2.1", "192.0.2.2", "198.51.100.1, 192.0.2.1", "nowhere"},
	"authorization":   {"Bearer a.b.c", "Bearer a.b.d", "Basic eA==", "DPoP a.b.c"},
	"x-seen":          {"1", "2"}, "accept": {"text/html", "*/*"}, "user-agent": {"a", "b"},
	"x_forwarded_uri": {"/b"}, "x.stepup.user": {"eve"}, "x-stepup-user": {"eve"},
}

// someCheck is a check that may well be refused.
func someCheck(r *rand.Rand) *http.Request {
	check := httptest.NewRequest([]string{"GET", "POST"}[r.IntN(2)], []string{"/gw/envoy/a", "/gw/envoy/b"}[r.IntN(2)], nil)
	check.Host = []string{"a.example", "b.example"}[r.IntN(2)]
	for name, values := range headers {
		often := 38 // of 40
		if len(values) == 1 {
			often = 2
		}
		if r.IntN(40) >= often {
			continue
		}
		for range 1 + r.IntN(40)/39 {
			check.Header.Add(name, values[r.IntN(len(values))*(r.IntN(5)/4)])
		}
	}
	return check
}

// TestOneKeyOneQuestion holds the key of checks to what it is for: two that have the same are
// the same question, or are refused alike.
func TestOneKeyOneQuestion(t *testing.T) {
	for _, proxy := range Proxies() {
		d := New(proxy, Config{Decider: &counting{}, Allow: access.HeaderNames{"x-stepup-*"}, Forward: access.HeaderNames{"x-seen"}})
		type asked struct {
			request access.Request
			refused bool // by what of several is told by chance
		}
		known, again, taken := map[keep.Digest]asked{}, 0, 0
		r := rand.New(rand.NewPCG(1, 2))
		for range 2_000 {
			check := someCheck(r)
			request, err := d.question(check)
			got := asked{request, err != nil}
			if err == nil {
				taken++
			}
			key, _ := d.sight(check)
			if before, is := known[key]; is {
				again++
				if !reflect.DeepEqual(before, got) {
					t.Fatalf("%s: one key, two questions:\n%+v\n%+v\n%v", proxy.Name, before, got, check.Header)
				}
			}
			known[key] = got
		}
		if again < 100 || taken < 100 {
			t.Errorf("%s: %d keys came again and %d checks were taken: that proves little", proxy.Name, again, taken)
		}
	}
}

// What nobody reads makes no other key, and everything that is read does.
func TestWhatMakesAKey(t *testing.T) {
	d := New(Proxies()[0], Config{Decider: &counting{}, Forward: access.HeaderNames{"x-seen"}})
	plain := func() *http.Request {
		check := httptest.NewRequest(http.MethodGet, "/gw/nginx", nil)
		for name, values := range headers {
			if name != "x_forwarded_uri" && name != "x.stepup.user" {
				check.Header.Set(name, values[0])
			}
		}
		return check
	}
	key, _ := d.sight(plain())
	for name, same := range map[string]bool{
		"User-Agent": true, "Accept": true, "X-Original-Method": false, "X-Original-Uri": false, "X-Forwarded-Host": false,
		"X-Forwarded-Proto": false, "X-Forwarded-For": false, "Authorization": false, "X-Seen": false,
	} {
		check := plain()
		check.Header.Set(name, "another")
		if got, _ := d.sight(check); (got == key) != same {
			t.Errorf("another %s: same key %t, want %t", name, got == key, same)
		}
		check.Header.Del(name)
		if got, _ := d.sight(check); got == key {
			t.Errorf("no %s: the same key", name)
		}
	}
}

// counting answers with what it is given, and counts.
type counting struct {
	asked   []access.Request
	outcome access.Outcome
}

func (c *counting) Decide(_ context.Context, r access.Request) access.Decision {
	c.asked = append(c.asked, r)
	return access.Decision{Outcome: c.outcome, ID: fmt.Sprint(len(c.asked)), Reasons: []access.Reason{access.Because(access.NotAllowed)}}
}

// TestKeptChecksAreDecidedAnew asks again and again while the answer changes: each time the
// decider is asked, about the same, and its answer is what comes; of refusals nothing is kept.
func TestKeptChecksAreDecidedAnew(t *testing.T) {
	decider := &counting{}
	known := keep.New[*access.Request](1<<20, keep.Counters{})
	door := New(Proxies()[0], Config{Decider: decider, Known: known, Peers: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}})
	e := protocol.NewEcho(protocol.Config{})
	protocol.MountProxied(e, "nginx", door.Routes()...)
	served := openapitest.Read("openapi.yaml").Witness(t, e)
	for n, want := range []struct {
		outcome access.Outcome
		status  int
		kept    int
	}{
		{access.Deny, 403, 0}, {access.Deny, 403, 0}, {access.Allow, 200, 1}, {access.Allow, 200, 1}, {access.Deny, 403, 1}, {access.Allow, 200, 1},
	} {
		decider.outcome = want.outcome
		check := httptest.NewRequest(http.MethodGet, "/gw/nginx", nil)
		for name, value := range map[string]string{
			"X-Original-Method": "GET", "X-Original-Uri": "/a", "X-Forwarded-Host": "a.example", "X-Forwarded-Proto": "https",
			"X-Forwarded-For": "192.0.2.9", "Authorization": "Bearer a.b.c", "User-Agent": fmt.Sprint(n),
		} {
			check.Header.Set(name, value)
		}
		answer := httptest.NewRecorder()
		if served.ServeHTTP(answer, check); answer.Code != want.status || known.Len() != want.kept || len(decider.asked) != n+1 {
			t.Errorf("question %d: status %d with %d kept, asked %d times; want %d, %d, %d", n, answer.Code, known.Len(), len(decider.asked), want.status, want.kept, n+1)
		}
	}
	for _, r := range decider.asked[1:] {
		r.Note = decider.asked[0].Note
		if !reflect.DeepEqual(r, decider.asked[0]) {
			t.Errorf("asked about %+v, want %+v", r, decider.asked[0])
		}
	}
}

// With other routes in force the same check has another key.
func TestOtherRoutesAnotherKey(t *testing.T) {
	routes := &httpreq.Routes{}
	d := New(Proxies()[0], Config{Decider: &counting{}, Routes: routes})
	check := httptest.NewRequest(http.MethodGet, "/gw/nginx", nil)
	before, _ := d.sight(check)
	for range 3 {
		routes.Become(&httpreq.Routes{})
		after, _ := d.sight(check)
		if after == before {
			t.Error("the same key")
		}
		before = after
	}
}

// A path of many short segments takes far more than its text: see TestKeptQuestionsTakeWhatIsTold
// of package native.
func TestKeptChecksTakeWhatIsTold(t *testing.T) {
	known := keep.NewOfRepeated[*access.Request](256<<20, keep.Counters{})
	d := New(Proxies()[0], Config{Decider: &counting{outcome: access.Allow}, Known: known})
	before := heaptest.InUse()
	for n := range 200 {
		for range 2 {
			check := httptest.NewRequest("GET", "/gw/nginx", nil)
			for name, value := range map[string]string{"X-Original-Method": "GET", "X-Original-Uri": fmt.Sprintf("/%d", n) + strings.Repeat("/a", 4000), "X-Forwarded-Host": "a.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"} {
				check.Header.Set(name, value)
			}
			if _, _, err := d.ask(check); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.cfg.Decider.(*counting).asked = nil
	taken, told := heaptest.InUse()-before, known.Bytes()
	t.Logf("%d bytes for each check, %d told", taken/200, told/200)
	if told < taken/2 {
		t.Errorf("checks of long paths take %d bytes, and %d are told", taken, told)
	}
	runtime.KeepAlive(known)
}
