package sidecar_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/cases"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy/fleet/fleettest"
)

// TestCorpusIsLogged puts every case of testdata/cases, through every door, to sidecars
// with decision logs on, whose events are sent when they stop. Every decision arrives, with
// its door and its outcome, and no event has a text of any token in it.
func TestCorpusIsLogged(t *testing.T) {
	l := newLogged(t)
	corpus := loadCorpus(t)
	t.Run("asking", func(t *testing.T) {
		worlds := newWorlds(t) // these stop when all has been asked
		worlds.opa, worlds.also = l.opa(), l.decided
		for name, c := range corpus {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				l.put(t, worlds, c)
			})
		}
	})
	events := l.events()
	if len(events) < 5*len(corpus) {
		t.Errorf("%d events of %d cases at %d doors", len(events), len(corpus), len(doors()))
	}
	l.checkAll(events)
	l.checkSecrets()
	l.checkTraces(events)
}

// logged is a service of decision logs, and what its events have to tell.
type logged struct {
	*testing.T
	service *fleettest.Logs

	mu      sync.Mutex
	made    map[string]pdp.Record // by the id of the decision
	secrets map[string]string     // and whose each is
	traces  map[string]string     // by the name of the case
}

func newLogged(t *testing.T) *logged {
	return &logged{
		T: t, service: fleettest.NewLogs(t),
		made: map[string]pdp.Record{}, secrets: map[string]string{}, traces: map[string]string{},
	}
}

// opa sends at no other time than at the end.
func (l *logged) opa() map[string]any {
	return l.service.Config(map[string]any{"min_delay_seconds": 3600, "max_delay_seconds": 3600})
}

func (l *logged) decided(r pdp.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, twice := l.made[r.Decision.ID]; twice {
		l.Errorf("two decisions have the id %s", r.Decision.ID)
	}
	l.made[r.Decision.ID] = r
}

// put asks at every door, and at the native one a second time as part of a trace: with an ID
// token beside the access token, and both once more where a careless caller puts them.
func (l *logged) put(t *testing.T, worlds *worlds, c cases.Case) {
	t.Helper()
	w, token := worlds.of(t, c), tokenOf(t, c, worlds.keys)
	l.secret(c.Name, token)
	for _, d := range doors() {
		if d.leavesOut(c) == "" {
			l.through(t, w, c, func() { d.ask(t, w, c, token) })
		}
	}
	if token == "" || c.Body != nil {
		return
	}
	evidence := worlds.keys.issuer["ES256"].Sign(t, map[string]any{"alg": "ES256"}, map[string]any{"iss": c.Issuer["issuer"], "nonce": c.Name})
	l.secret(c.Name+", evidence", evidence)
	with := c
	with.Request = maps.Clone(c.Request)
	with.Request["id_token"] = evidence
	with.Request["context"] = map[string]any{"seen": "Bearer " + token + ", " + evidence}
	l.through(t, w, c, func() {
		post(t, w.url+"/v1/decision", bodyOf(t, with, token), http.Header{"Traceparent": {l.trace(c.Name)}})
	})
}

func (l *logged) through(t *testing.T, w *world, c cases.Case, ask func()) {
	t.Helper()
	w.asking.Lock()
	defer w.asking.Unlock()
	w.now.Store(c.Now)
	ask()
}

// minLooked is the length from which a text is looked for: a shorter one, such as the word
// in place of a token, occurs by itself.
const minLooked = 16

// tail is how much of the end of a longer one is looked for.
const tail = 32

// secret notes a token, and each of its parts but the header (which many tokens share): of
// a token whose signature can be read, the rest can be guessed from the claims.
func (l *logged) secret(name, token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, text := range append([]string{token}, strings.Split(token, ".")...) {
		if i != 1 && len(text) >= minLooked {
			l.secrets[text] = name
		}
	}
}

// trace begins a trace of a case (W3C Trace Context, section 3.2).
func (l *logged) trace(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := fmt.Sprintf("%032x", len(l.traces)+1)
	l.traces[id] = name
	return "00-" + id + "-00f067aa0ba902b7-01"
}

type event map[string]any

// events are those that arrived, by the id of their decision.
func (l *logged) events() map[string]event {
	l.Helper()
	if odd := l.service.Odd(); len(odd) > 0 {
		l.Errorf("the service was sent what is no decision log: %q", odd)
	}
	all := map[string]event{}
	for _, text := range l.service.Events() {
		var e event
		if err := json.Unmarshal(text, &e); err != nil {
			l.Fatal(err)
		}
		id := fmt.Sprint(e["decision_id"])
		if all[id] != nil {
			l.Errorf("the decision %s arrived twice", id)
		}
		all[id] = e
	}
	return all
}

// checkAll holds the events to the decisions: all of them, and no other.
func (l *logged) checkAll(events map[string]event) {
	l.Helper()
	told := map[string]string{}
	for id, e := range events {
		result, _ := e["result"].(map[string]any)
		told[id] = fmt.Sprint(e["requested_by"], " ", result["outcome"], " ", result["decision"])
	}
	want, doorsSeen := map[string]string{}, map[string]bool{}
	for id, r := range l.made {
		outcome := r.Decision.Outcome.String()
		if r.Decision.Outcome == access.Indeterminate {
			outcome = "fault"
		}
		want[id] = fmt.Sprint(r.Request.Door, " ", outcome, " ", outcome == "allow")
		doorsSeen[r.Request.Door] = true
	}
	if diff := cmp.Diff(want, told); diff != "" {
		l.Errorf("%d decisions, %d events (-decided +told)\n%s", len(want), len(told), diff)
	}
	for _, d := range doors() {
		if !doorsSeen[d.name] {
			l.Errorf("no decision was asked for at the door %s; seen %v", d.name, slices.Sorted(maps.Keys(doorsSeen)))
		}
	}
}

// checkSecrets looks for every secret in every event.
func (l *logged) checkSecrets() {
	l.Helper()
	if len(l.secrets) < 200 {
		l.Fatalf("only %d texts to look for", len(l.secrets))
	}
	all := l.service.Events()
	whole := bytes.Join(rawTexts(all), []byte("\n"))
	for secret, name := range l.secrets {
		// The end of a long text is found much faster than the whole, and is as telling.
		secret = secret[max(0, len(secret)-tail):]
		if !bytes.Contains(whole, []byte(secret)) {
			continue
		}
		i := slices.IndexFunc(all, func(e json.RawMessage) bool { return bytes.Contains(e, []byte(secret)) })
		l.Errorf("the token of %s is in an event: %s\n%s", name, secret, all[i])
	}
}

func rawTexts(all []json.RawMessage) [][]byte {
	texts := make([][]byte, len(all))
	for i, e := range all {
		texts[i] = e
	}
	return texts
}

// checkTraces: an event has the trace of the request, and its parent; others have none.
func (l *logged) checkTraces(events map[string]event) {
	l.Helper()
	traced := 0
	for id, e := range events {
		if e["trace_id"] == nil && e["span_id"] == nil {
			continue
		}
		traced++
		if l.traces[fmt.Sprint(e["trace_id"])] == "" || e["span_id"] != "00f067aa0ba902b7" || e["requested_by"] != "native" {
			l.Errorf("the decision %s has the trace %v and the span %v", id, e["trace_id"], e["span_id"])
		}
	}
	if traced != len(l.traces) || traced == 0 {
		l.Errorf("%d events have a trace, and %d questions had one", traced, len(l.traces))
	}
}
