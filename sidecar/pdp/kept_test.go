package pdp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stepup/sidecar/access"
	"stepup/sidecar/keep"
	"stepup/sidecar/loopguard"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestKeptEqualsFresh holds what is kept to its one promise: a kept answer equals a fresh
// one at every instant, decision_id aside. Two deciders, one of which keeps everything that
// it may, live through the same random life: questions about a few tokens with and without
// evidence, a clock that goes on, stands still and goes back, keys that rotate, policies that
// are swapped. Whatever the one says the other says too, and tells it to the record.
func TestKeptEqualsFresh(t *testing.T) {
	seed := seedOf(t)
	t.Logf("to repeat: KEPT_SEED=%d KEPT_LIVES=%d go test -run '^%s$' ./sidecar/pdp", seed, livesOf(t), t.Name())
	found := &tally{}
	for number := range uint64(livesOf(t)) {
		l := newLife(t, rand.New(rand.NewPCG(seed, number)), found)
		for range events {
			l.happens()
		}
		if t.Failed() {
			t.Fatalf("in life %d of seed %d, under:\n%s", number, seed, strings.Join(l.texts, "\n---\n"))
		}
	}
	t.Logf("%v", found)
	found.wantNotVacuous(t)
}

// The lives of a run, unless KEPT_LIVES says otherwise, and what happens in each.
const (
	lives  = 6
	events = 700
)

// seedOf returns KEPT_SEED, a number or "random"; without it always the same, so that a run
// is red for what was changed. New lives are drawn by `make soak`.
func seedOf(t *testing.T) uint64 {
	switch text := os.Getenv("KEPT_SEED"); text {
	case "":
		return 1
	case "random":
		return rand.Uint64()
	default:
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("KEPT_SEED: %v", err)
		}
		return seed
	}
}

func livesOf(t *testing.T) int {
	text := os.Getenv("KEPT_LIVES")
	if text == "" {
		return lives
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("KEPT_LIVES: %v", err)
	}
	return n
}

// conditions are what the policies of a life are made of, each of one way to look at time,
// at the login, at the question or at none of them.
func conditions() []string {
	return []string{
		`"mfa" in input.assurance.levels`, `"normal" in input.assurance.levels`, `"phr" in input.assurance.levels`,
		`"otp" in input.assurance.methods`, `"read" in input.token.scopes`, `input.token.claims.acr == "mfa"`,
		`input.assurance.age <= 60`, `20 >= input.assurance.age`, `input.assurance.age != 31`, `not input.assurance.age > 90`,
		`input.assurance.age > 40`, `count([1 | input.assurance.age < 50]) == 1`,
		`input.assurance.age <= data.limits[input.resource.id]`, `every k in [70, 80] { input.assurance.age <= k }`,
		`input.now - input.token.claims.auth_time < 45`, `input.now < $NOW + 25`, `input.now % 3 != 0`,
		`input.assurance.auth_time > $NOW - 50`, `input.token.claims.auth_time < $NOW - 5`, `input.token.expires_at > input.now`,
		`time.now_ns() < ($NOW + 20) * 1000000000`, `time.clock(input.now * 1000000000)[2] < 40`,
		`input.resource.id == "/a"`, `input.action.name == "GET"`, `input.context.amount < 10`, `input.request.headers.x[_] == "1"`,
		`input.resource.properties.owner == input.subject.id`, `old <= 55`, `input.token.claims.jti`, `input.subject.id == "alice"`,
		`count(input.token.claims) > 8`, `input.context[input.action.name] == 1`, `limit >= input.assurance.age`, `fresh(30)`,
		`object.get(input, ["assurance", "age"], 0) < 75`, `not input.context.amount`,
	}
}

// helpers are rules that some of the conditions need.
const helpers = `
limit := 35 if "mfa" in input.assurance.levels
else := 15
fresh(k) if input.assurance.age <= k
old := input.assurance.age
`

// besides are outputs besides allow, which may look at time when allow does not.
func besides() []string {
	return []string{
		`reasons contains "old" if input.assurance.age > 33`,
		`reasons contains {"code": "late", "message": "Too late."} if input.now > $NOW + 15`,
		`obligations contains {"at": input.now} if input.resource.id == "/b"`,
		`obligations contains {"amount": input.context.amount}`,
		`headers["x-stepup-user"] := input.subject.id`,
		`headers["x-stepup-age"] := sprintf("%d", [input.assurance.age])`,
		`headers["x-stepup-seen"] := input.request.headers.x[0]`,
	}
}

// A life is what the two deciders live through.
type life struct {
	*rand.Rand
	t      *testing.T
	found  *tally
	before func(*access.Request)            // what a mutant does to a question; nil: nothing
	wrong  func(format string, args ...any) // told where the two deciders differ

	clock    atomic.Int64
	began    int64
	ring     *ring
	active   atomic.Pointer[twice]
	policies []*twice
	texts    []string

	tokens   []text
	asked    []access.Request // lately
	kept     *pdp.Decider
	fresh    *pdp.Decider
	keptRec  *records
	freshRec *records
}

// twice is one policy, opened for each of the two deciders: a snapshot keeps what its library
// read, but for the one that keeps nothing.
type twice struct{ keeping, fresh *policy.Policies }

// A text is a token or an ID token, as it was signed.
type text struct {
	access, evidence string
}

// ring is an issuer's keys, which rotate.
type ring struct {
	mu     sync.Mutex
	key    tokentest.Key
	number uint64
	down   bool
}

func (r *ring) Find(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return nil, &token.Error{Code: access.KeysUnavailable, Detail: "down"}
	}
	return tokentest.Static{r.key}.Find(ctx, kid)
}

func (r *ring) Generation() (uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.number, !r.down
}

func (r *ring) change(f func(*ring)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

const (
	lifeIssuer = "https://idp.example/"
	lifeAPI    = "https://api.example/"
)

func newLife(t *testing.T, r *rand.Rand, found *tally) *life {
	l := &life{Rand: r, t: t, found: found, wrong: t.Errorf, began: now.Unix() + r.Int64N(1000), ring: &ring{key: tokentest.NewKey(t, "ES256", "k0")}}
	l.clock.Store(l.began)
	for range 3 {
		l.texts = append(l.texts, l.policyText())
		text := l.texts[len(l.texts)-1]
		l.policies = append(l.policies, &twice{l.open(text, 1<<20), l.open(text, 0)})
	}
	l.active.Store(l.policies[0])
	for range 5 {
		l.tokens = append(l.tokens, l.sign())
	}
	keeping := func() pdp.Policy { return l.active.Load().keeping.Current() }
	l.kept, l.keptRec = l.decider(keeping, l.memory())
	l.fresh, l.freshRec = l.decider(func() pdp.Policy { return l.active.Load().fresh.Current() }, nil)
	return l
}

// memory keeps tokens as values in some lives, and as text in others.
func (l *life) memory() *pdp.Memory {
	if l.began%5 < 2 {
		return pdp.NewMemory(pdp.MemoryConfig{Bytes: 1 << 20, Counters: l.found.counters})
	}
	return pdp.TextsOnly(pdp.NewMemory(pdp.MemoryConfig{Bytes: 48 << 20, Counters: l.found.counters}))
}

func (l *life) decider(active func() pdp.Policy, m *pdp.Memory) (*pdp.Decider, *records) {
	rec := &records{}
	admitted := access.HeaderNames{"x-stepup-*", "x-stepup-user"}
	return pdp.New(pdp.Config{
		Verifier: l.verifier(l.ring), Policy: active, Recorder: rec,
		Now:      func() time.Time { return time.Unix(l.clock.Load(), 0) },
		Deadline: time.Minute, ClockSkew: 5 * time.Second, Keep: 40 * time.Second, Memory: m, Headers: admitted,
		Labels: true, Anonymous: l.began%4 == 0, Guard: loopguard.New(loopguard.Config{Skew: time.Second}),
	}), rec
}

func (l *life) verifier(keys token.Keys) *token.Verifier {
	v, err := token.NewVerifier([]token.Issuer{{
		URL: lifeIssuer, Audiences: []string{lifeAPI}, Clients: []string{"app"}, Vocabulary: l.vocabulary(), Keys: keys,
	}}, 5*time.Second, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	return v
}

// vocabulary is one whose logins have a time, or in some lives have none.
func (l *life) vocabulary() string {
	if l.began%3 == 0 {
		return "timeless"
	}
	return "oidc"
}

func (l *life) policyText() string {
	var b strings.Builder
	b.WriteString("package p\n" + helpers)
	for n := range 1 + l.IntN(3) {
		if l.began%2 == 0 {
			fmt.Fprintf(&b, "# METADATA\n# labels: {way: %d}\n", n)
		}
		fmt.Fprintf(&b, "allow if {\n\t%s\n}\n", strings.Join(l.some(conditions(), 1+l.IntN(3)), "\n\t"))
	}
	if l.IntN(3) == 0 {
		b.WriteString(strings.Join(l.some(besides(), 1+l.IntN(2)), "\n") + "\n")
	}
	return strings.ReplaceAll(b.String(), "$NOW", fmt.Sprint(l.began))
}

func (l *life) some(from []string, n int) []string {
	picked := make([]string, n)
	for i := range picked {
		picked[i] = from[l.IntN(len(from))]
	}
	slices.Sort(picked)
	return slices.Compact(picked)
}

func (l *life) open(text string, readings int64) *policy.Policies {
	dir := l.t.TempDir()
	// All bundles of a life have the same revision: it is a name, and no promise.
	data := `{"limits": {"/a": 10, "/b": 30}, "stepup": {"vocabularies": {"timeless": {
		"claims": {"acr": {"mfa": "mfa", "normal": "normal"}}, "methods": ["amr"], "auth_time": [], "absent": "none", "logins": [
			{"level": "normal", "claims": [{"acr": "normal"}], "request": {"scope": "openid"}},
			{"level": "mfa", "claims": [{"acr": "mfa", "amr": ["otp"]}, {"acr": "mfa"}], "request": {"acr_values": "mfa"}}]}}}}`
	for name, content := range map[string]string{"p.rego": text, "data.json": data} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
	opened, err := policy.Open(l.t.Context(), policy.Config{
		Path: dir, Package: "p", Issuers: []policy.Use{{Issuer: lifeIssuer, Vocabulary: l.vocabulary()}}, Readings: readings,
	})
	if err != nil {
		l.t.Fatalf("%v\n%s", err, text)
	}
	return opened
}

// sign makes an access token, which may be old or not yet good, sometimes with an ID token
// for it.
func (l *life) sign() text {
	at := l.clock.Load()
	iat := at - l.Int64N(20) + l.Int64N(8)
	claims := access.Object{
		"iss": lifeIssuer, "sub": l.pick("alice", "bob"), "aud": lifeAPI, "client_id": "app", "jti": fmt.Sprint(l.Uint64()),
		"iat": iat, "exp": iat + 10 + l.Int64N(120), "scope": l.pick("read", "openid", "openid read"),
	}
	if l.IntN(5) == 0 {
		claims["nbf"] = at + l.Int64N(12)
	}
	login := l.login(iat)
	var t text
	if l.IntN(3) > 0 {
		maps.Copy(claims, login)
	} else {
		id := access.Object{"iss": lifeIssuer, "sub": claims["sub"], "aud": "app", "iat": iat, "exp": iat + 5 + l.Int64N(120)}
		maps.Copy(id, login)
		t.evidence = l.ring.key.Sign(l.t, l.ring.key.Header("JWT"), id)
	}
	t.access = l.ring.key.Sign(l.t, l.ring.key.Header("at+jwt"), claims)
	return t
}

func (l *life) login(iat int64) access.Object {
	login := access.Object{"acr": l.pick("normal", "mfa", "phr", "odd"), "amr": []string{l.pick("pwd", "otp")}}
	if l.IntN(6) > 0 {
		login["auth_time"] = iat - l.Int64N(60)
	}
	return login
}

func (l *life) pick(from ...string) string { return from[l.IntN(len(from))] }

// happens lets one thing happen; most of them are questions.
func (l *life) happens() {
	switch l.IntN(40) {
	case 0, 1, 2:
		l.clock.Add(1)
	case 3:
		l.clock.Add(l.Int64N(12))
	case 4:
		l.clock.Add(-l.Int64N(20))
	case 5:
		l.tokens[l.IntN(len(l.tokens))] = l.sign()
	case 6:
		l.active.Store(l.policies[l.IntN(len(l.policies))])
	case 7:
		l.rotates()
	case 8:
		l.signsInAgain()
	default:
		l.asks(l.question())
	}
}

// rotates exchanges the key, under its kid or another, or takes the keys away for a while.
func (l *life) rotates() {
	switch l.IntN(6) {
	case 0:
		next := tokentest.NewKey(l.t, "ES256", l.pick("k0", "k1"))
		l.ring.change(func(r *ring) { r.key, r.number = next, r.number+1 })
		for i := range l.tokens[1:] {
			l.tokens[i] = l.sign()
		}
	case 1:
		l.ring.change(func(r *ring) { r.down = true })
	default:
		l.ring.change(func(r *ring) { r.down = false })
	}
}

// signsInAgain plays somebody whose provider ignores what it is asked for.
func (l *life) signsInAgain() {
	for range 4 {
		at := l.clock.Add(2)
		l.tokens[0] = text{access: l.ring.key.Sign(l.t, l.ring.key.Header("at+jwt"), access.Object{
			"iss": lifeIssuer, "sub": "alice", "aud": lifeAPI, "client_id": "app", "jti": fmt.Sprint(l.Uint64()), "iat": at, "exp": at + 60,
			"scope": "openid", "acr": "normal", "auth_time": at,
		})}
		for range 3 {
			l.asks(access.Request{Credential: access.NewCredential(l.tokens[0].access), Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/a"}})
		}
	}
}

// question is a new one, or mostly one that was asked lately.
func (l *life) question() access.Request {
	if len(l.asked) > 0 && l.IntN(3) > 0 {
		return l.asked[l.IntN(len(l.asked))]
	}
	r := l.another()
	if l.asked = append(l.asked, r); len(l.asked) > 12 {
		l.asked = l.asked[1:]
	}
	return r
}

func (l *life) another() access.Request {
	t := l.tokens[l.IntN(len(l.tokens))]
	r := access.Request{
		Note: l.note(), Door: l.pick("one", "another"), Credential: access.NewCredential(t.access),
		Action: access.Action{Name: l.pick("GET", "GET", "POST")}, Resource: access.Resource{Type: "route", ID: l.pick("/a", "/b")},
	}
	if t.evidence != "" && l.IntN(5) > 0 {
		r.Evidence = access.NewCredential(t.evidence)
	}
	switch l.IntN(8) {
	case 0:
		r.Context = access.Object{"amount": json.Number(l.pick("5", "50"))}
	case 1:
		r.Resource.Properties = access.Object{"owner": l.pick("alice", "bob")}
	case 2:
		r.HTTP = &access.HTTPRequest{Headers: map[string][]string{"x": {l.pick("1", "2")}}, Arrived: []string{l.pick("x-stepup-me", "x")}}
	case 3:
		if l.IntN(3) > 0 {
			break
		}
		r.Credential = access.Credential{}
		r.Evidence = access.Credential{}
	}
	return r
}

// note is one of the question's own, as a door has it that keeps what it read; some have none.
func (l *life) note() *access.Note {
	if l.IntN(4) == 0 {
		return nil
	}
	return &access.Note{}
}

// asks puts the same question to both and compares what they say and what they record.
func (l *life) asks(r access.Request) {
	l.t.Helper()
	hits := l.found.hits()
	if l.before != nil {
		l.before(&r)
	}
	if pdp.Noted(r.Note, l.kept) {
		l.found.noted++
	}
	kept, fresh := l.kept.Decide(l.t.Context(), r), l.fresh.Decide(l.t.Context(), r)
	l.found.note(fresh, l.found.hits() > hits)
	if l.found.hits() > hits && len(l.keptRec.last().Labels) > 0 {
		l.found.labelled++
	}
	if diff := cmp.Diff(fresh, kept, cmpopts.IgnoreFields(access.Decision{}, "ID")); diff != "" {
		l.wrong("at %d (%+d) a kept answer differs (-fresh +kept):\n%s", l.clock.Load(), l.clock.Load()-l.began, diff)
	}
	if kept.ID == "" || kept.ID == fresh.ID {
		l.wrong("decision_id %q, want one of its own", kept.ID)
	}
	if diff := cmp.Diff(recorded(l.freshRec.last(), fresh.ID), recorded(l.keptRec.last(), kept.ID)); diff != "" {
		l.wrong("the record of a kept answer differs (-fresh +kept):\n%s", diff)
	}
}

func (r *records) last() pdp.Record { return r.all[len(r.all)-1] }

// recorded is what a record tells, but for how long it took and what was searched.
func recorded(r pdp.Record, id string) map[string]any {
	told := map[string]any{"labels": r.Labels, "subject": r.Subject, "id is the decision's": r.Decision.ID == id, "door": r.Request.Door, "claims": nil, "document": nil, "fault": ""}
	if r.Claims != nil {
		told["claims"] = r.Claims.ID
	}
	if r.Document != nil {
		told["document"] = r.Document.Object()
	}
	if r.Fault != nil {
		told["fault"] = r.Fault.Error()
	}
	return told
}

// tally counts what was met, so that a life in which nothing was kept is noticed.
type tally struct {
	found    [3]atomic.Int64
	missed   [3]atomic.Int64
	outcomes map[string]int
	noted    int // questions whose key was noted at that very moment
	labelled int // kept answers whose record has labels of rules
}

type counting struct{ n *atomic.Int64 }

func (c counting) Inc() { c.n.Add(1) }

func (f *tally) counters(cache string) keep.Counters {
	at := slices.Index(pdp.MemoryCaches(), cache)
	return keep.Counters{Hits: counting{&f.found[at]}, Misses: counting{&f.missed[at]}}
}

// hits counts the answers that were found.
func (f *tally) hits() int64 { return f.found[1].Load() }

func (f *tally) note(d access.Decision, kept bool) {
	if f.outcomes == nil {
		f.outcomes = map[string]int{}
	}
	f.outcomes[fmt.Sprintf("%v %s kept=%t", d.Outcome, d.Code(), kept)]++
}

func (f *tally) String() string {
	return fmt.Sprintf("tokens %d of %d, answers %d of %d; %v", f.found[0].Load(), f.found[0].Load()+f.missed[0].Load(),
		f.found[1].Load(), f.found[1].Load()+f.missed[1].Load(), f.outcomes)
}

// wantNotVacuous demands that answers of every kind were kept, and many.
func (f *tally) wantNotVacuous(t *testing.T) {
	for _, kind := range []string{"allow", "step_up", "deny"} {
		told := func(outcome string) bool {
			return strings.HasPrefix(outcome, kind) && strings.HasSuffix(outcome, "kept=true")
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(f.outcomes)), told) {
			t.Errorf("no kept answer was %s", kind)
		}
	}
	if f.labelled < lives*events/50 {
		t.Errorf("only %d kept answers had labels", f.labelled)
	}
	if f.noted < lives*events/20 {
		t.Errorf("only %d questions had their key noted", f.noted)
	}
	if f.hits() < lives*events/10 {
		t.Errorf("only %d answers were found", f.hits())
	}
}
