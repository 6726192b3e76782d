package pdp_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/heaptest"
	"stepup/sidecar/pdp"
	"stepup/sidecar/token/tokentest"
)

// TestMemoryIsBounded lets a memory keep more than it may, of tokens of many kinds, among them what an
// issuer can put into one to make it take more than it seems, and compares what it may take and tells
// to take with what the process came to hold. The limits are generous: what they must notice is a
// multiple. What texts take is looked at in keep.
func TestMemoryIsBounded(t *testing.T) {
	const most = 4 << 20
	methods := make([]any, 800)
	for n := range methods {
		methods[n] = fmt.Sprintf("m%d", n)
	}
	for name, row := range map[string]struct {
		tokens int
		route  string
		claims access.Object
	}{
		"allowed":          {tokens: 2000, route: "/employees"},
		"denied":           {tokens: 2000, route: "/" + strings.Repeat("nowhere/", 8)},
		"many methods":     {tokens: 200, route: "/employees", claims: access.Object{"amr": methods}},
		"an escaped jti":   {tokens: 300, route: "/employees", claims: access.Object{"jti": strings.Repeat("x", 10_000) + "\""}},
		"many scopes":      {tokens: 100, route: "/employees", claims: access.Object{"scope": strings.Repeat("a b ", 2000) + "c"}},
		"as large as goes": {tokens: 300, route: "/employees", claims: access.Object{"fill": strings.Repeat("x", 11_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, "ES256")
			o.decider(nil).Decide(t.Context(), o.asks(t, 0, row.route, row.claims)) // what is taken once
			before := heaptest.InUse()
			m := pdp.NewMemory(pdp.MemoryConfig{Bytes: most})
			d := o.decider(m)
			for n := range row.tokens {
				if got := d.Decide(t.Context(), o.asks(t, n, row.route, row.claims)); got.Outcome == access.Indeterminate {
					t.Fatalf("token %d: %q", n, got.Reasons)
				}
			}
			taken, told := heaptest.InUse()-before, told(m)
			runtime.KeepAlive(m)
			t.Logf("%d KiB are taken, %d told, of %d", taken>>10, told>>10, most>>10)
			if taken > most+most/4 || told > most || told < taken/2 {
				t.Errorf("%d bytes are taken, and %d told; it may take %d", taken, told, most)
			}
		})
	}
}

// TestValuesTakeWhatIsTold: whoever asks chooses what a context looks like, and what is told of it bounds
// what waits for the decision log. The limit is generous: the race detector keeps small texts one by one.
func TestValuesTakeWhatIsTold(t *testing.T) {
	for name, item := range map[string]string{
		"empty objects":  `{}`,
		"small objects":  `{"a":1}`,
		"objects of two": `{"a":1,"b":"xyz"}`,
		"larger objects": `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`,
		"lists":          `[1]`,
		"long numbers":   strings.Repeat("123456789", 6),
		"texts":          `"xyz"`,
	} {
		text := `{"x":[` + strings.Repeat(item+",", 2000) + `0]}`
		contexts := make([]access.Object, 20)
		before := heaptest.InUse()
		for n := range contexts {
			d := json.NewDecoder(strings.NewReader(text))
			d.UseNumber()
			if err := d.Decode(&contexts[n]); err != nil {
				t.Fatal(err)
			}
		}
		taken := heaptest.InUse() - before
		told := int64(len(contexts) * pdp.SizeOfValue(contexts[0]))
		runtime.KeepAlive(contexts)
		t.Logf("%s: %d bytes are taken, %d told", name, taken, told)
		if told < taken/5*3 {
			t.Errorf("%s: %d bytes are taken, and %d told", name, taken, told)
		}
	}
}

// TestKeptAnswersHoldNoTokens asks about many people with large tokens, whose names the policy answers with: what is
// kept of the answer is the name, not the payload in which it stands.
func TestKeptAnswersHoldNoTokens(t *testing.T) {
	const people, fill = 400, 10_000
	l := &life{t: t, began: 1}
	policies := l.open(`package p

allow if input.subject.id
headers["x-stepup-user"] := input.subject.id
obligations contains {"who": [input.token.claims.jti], input.token.claims.jti: 1}
reasons contains {"code": "c", "message": input.token.claims.client_id} if not allow
`, 1<<20)
	key := tokentest.NewKey(t, "ES256", "k0")
	l.ring = &ring{key: key}
	d := pdp.New(pdp.Config{
		Verifier: l.verifier(l.ring), Policy: func() pdp.Policy { return policies.Current() }, Recorder: &counted{}, Now: func() time.Time { return now },
		Deadline: time.Minute, Keep: time.Hour, Memory: pdp.AnswersOnly(pdp.NewMemory(pdp.MemoryConfig{Bytes: 64 << 20})), Headers: access.HeaderNames{"x-stepup-user"},
	})
	ask := func(n int) {
		text := key.Sign(t, key.Header("at+jwt"), access.Object{
			"iss": lifeIssuer, "sub": fmt.Sprint("user", n), "aud": lifeAPI, "client_id": "app", "jti": fmt.Sprint("j", n), "iat": now.Unix(), "exp": now.Unix() + 3600,
			"acr": "mfa", "amr": []any{fmt.Sprint("m", n)}, "auth_time": now.Unix(), "fill": strings.Repeat("x", fill),
		})
		got := d.Decide(t.Context(), access.Request{
			Credential: access.NewCredential(text), Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/a"},
		})
		if got.Headers["x-stepup-user"] != fmt.Sprint("user", n) {
			t.Fatalf("%+v", got)
		}
	}
	ask(-1)
	before := heaptest.InUse()
	for n := range people {
		ask(n)
	}
	taken := heaptest.InUse() - before
	runtime.KeepAlive(d)
	t.Logf("%d bytes for each answer", taken/people)
	if taken > people*fill/2 {
		t.Errorf("%d answers about tokens of %d bytes take %d", people, fill, taken)
	}
}

func told(m *pdp.Memory) (bytes int64) {
	for _, n := range m.Bytes() {
		bytes += n
	}
	return bytes
}
