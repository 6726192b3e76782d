package pdp_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/input"
	"stepup/sidecar/pdp"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

var now = time.Unix(1795428120, 0)

// records keeps what was recorded.
type records struct {
	sync.Mutex
	all []pdp.Record
}

func (r *records) Record(_ context.Context, rec pdp.Record) {
	r.Lock()
	defer r.Unlock()
	r.all = append(r.all, rec)
}

// bench is a decider with the demonstration policy and one real issuer.
type bench struct {
	*testing.T
	issuer  *tokentest.Issuer
	records *records
	config  pdp.Config
}

func newBench(t *testing.T, vocabulary string) *bench {
	t.Helper()
	clock := func() time.Time { return now }
	issuer := tokentest.New(t, tokentest.WithClock(clock))
	entry := issuer.Configuration(tokentest.Static{issuer.Key()})
	entry.Vocabulary = vocabulary
	verifier, err := token.NewVerifier([]token.Issuer{entry}, 30*time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := policy.Open(t.Context(), policy.Config{Issuers: []policy.Use{{Issuer: issuer.URL, Vocabulary: vocabulary}}})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, issuer: issuer, records: &records{}}
	b.config = pdp.Config{
		Verifier: verifier, Policy: func() pdp.Policy { return policies.Current() }, Recorder: b.records,
		Now: clock, Deadline: time.Minute, ClockSkew: 30 * time.Second, Keep: time.Minute,
	}
	return b
}

func (b *bench) ask(text, resource string) access.Decision {
	b.Helper()
	return pdp.New(b.config).Decide(b.Context(), access.Request{
		Door: "test", Credential: access.NewCredential(text),
		Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: resource},
	})
}

// TestAttacks tries those of the catalogue that need more than the verifier to be met.
func TestAttacks(t *testing.T) {
	tries := map[string]func(*bench) []access.Decision{
		"client-named-like-a-user": func(b *bench) []access.Decision {
			return []access.Decision{b.ask(b.issuer.Token(access.Object{"sub": "alice", "client_id": "alice", "gty": "client_credentials"}), "/employees")}
		},
		"login-claims-of-wrong-type": func(b *bench) (all []access.Decision) {
			for name, value := range map[string]any{
				"acr": []any{"mfa"}, "amr": access.Object{"0": "mfa"}, "authentication_level": access.Object{"mfa": true}, "auth_time": "1795428000",
			} {
				all = append(all, b.ask(b.issuer.Token(access.Object{name: value}), "/employees"))
			}
			return all
		},
	}
	rows := readCatalogue(t)
	for name, try := range tries {
		t.Run(name, func(t *testing.T) {
			want, listed := rows[name]
			if !listed {
				t.Fatalf("the catalogue has no row %s for pdp", name)
			}
			delete(rows, name)
			for i, d := range try(newBench(t, "stepup-demo")) {
				if d.Outcome != access.Deny || d.Code() != want || d.StepUp != nil {
					t.Errorf("variant %d: %v %s, want deny %s", i, d.Outcome, d.Code(), want)
				}
			}
		})
	}
	for name := range rows {
		t.Errorf("nothing tries %s", name)
	}
}

func readCatalogue(t *testing.T) map[string]access.Code {
	t.Helper()
	f, err := os.Open("../../testdata/vectors/attacks.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows := map[string]access.Code{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if cells := strings.Split(line, "|"); len(cells) == 3 && strings.TrimSpace(cells[2]) == "pdp" {
			rows[strings.TrimSpace(cells[0])] = access.Code(strings.TrimSpace(cells[1]))
		}
	}
	return rows
}

// broken is a policy one of whose steps goes wrong.
type broken struct {
	pdp.Policy
	assure   func() (assurance.Reading, error)
	evaluate func(ctx context.Context) (access.Ruling, error)
}

func (b broken) Assure(ctx context.Context, doc input.Document) (assurance.Reading, error) {
	if b.assure != nil {
		return b.assure()
	}
	return b.Policy.Assure(ctx, doc)
}

func (b broken) Evaluate(ctx context.Context, doc input.Document) (access.Ruling, error) {
	if b.evaluate != nil {
		return b.evaluate(ctx)
	}
	return b.Policy.Evaluate(ctx, doc)
}

// unable is a verifier that cannot say.
type unable struct{ err error }

func (u unable) Verify(context.Context, time.Time, access.Credential) (*token.Claims, error) {
	return nil, u.err
}

type panicking struct{}

func (panicking) Verify(context.Context, time.Time, access.Credential) (*token.Claims, error) {
	panic("verifier")
}

// TestFaults breaks each step. Whatever goes wrong is refused as a fault, told by its code,
// recorded once, and tells nothing of the token.
func TestFaults(t *testing.T) {
	for name, row := range map[string]struct {
		breaks func(*pdp.Config)
		want   access.Code
		status int
	}{
		"no policy": {func(c *pdp.Config) { c.Policy = func() pdp.Policy { return nil } }, access.NotReady, 503},
		"no keys": {func(c *pdp.Config) {
			c.Verifier = unable{&token.Error{Code: access.KeysUnavailable}}
		}, access.KeysUnavailable, 503},
		"an error nobody knows": {func(c *pdp.Config) { c.Verifier = unable{errors.New("boom")} }, access.PolicyError, 500},
		"a code nobody knows":   {func(c *pdp.Config) { c.Verifier = unable{&token.Error{Code: "new"}} }, "new", 500},
		"a panic":               {func(c *pdp.Config) { c.Verifier = panicking{} }, access.PolicyError, 500},
		"assurance fails": {breaks(broken{assure: func() (assurance.Reading, error) {
			return assurance.Reading{}, &access.Fault{Code: access.PolicyTimeout}
		}}), access.PolicyTimeout, 503},
		"evaluation fails": {breaks(broken{evaluate: func(context.Context) (access.Ruling, error) {
			return access.Ruling{Allow: true}, &access.Fault{Code: access.PolicyContract}
		}}), access.PolicyContract, 500},
		"a header not listed": {breaks(broken{evaluate: func(context.Context) (access.Ruling, error) {
			return access.Ruling{Allow: true, Headers: map[string]string{"x-admin": "1"}}, nil
		}}), access.PolicyContract, 500},
		"the deadline passes": {func(c *pdp.Config) {
			c.Deadline = time.Millisecond
			breaks(broken{evaluate: func(ctx context.Context) (access.Ruling, error) {
				<-ctx.Done()
				return access.Ruling{}, &access.Fault{Code: access.PolicyTimeout, Err: ctx.Err()}
			}})(c)
		}, access.PolicyTimeout, 503},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "stepup-demo")
			row.breaks(&b.config)
			d := b.ask(b.issuer.Token(access.Object{"acr": "mfa"}), "/customers")
			if d.Outcome != access.Indeterminate || d.Code() != row.want || d.Status() != row.status {
				t.Errorf("Decide = %v %s %d, want a fault %s %d", d.Outcome, d.Code(), d.Status(), row.want, row.status)
			}
			if d.StepUp != nil || d.ValidUntil != 0 || d.Headers != nil || d.Assurance.Level != access.NoLevel {
				t.Errorf("a fault tells more than that: %+v", d)
			}
			if len(b.records.all) != 1 || b.records.all[0].Fault == nil {
				t.Errorf("recorded %d times, want once with the fault", len(b.records.all))
			}
		})
	}
}

func breaks(b broken) func(*pdp.Config) {
	return func(c *pdp.Config) {
		working := c.Policy()
		b.Policy = working
		c.Policy = func() pdp.Policy { return b }
	}
}

// TestOneRevisionPerDecision swaps the policy at every look: a decision looks once.
func TestOneRevisionPerDecision(t *testing.T) {
	b := newBench(t, "stepup-demo")
	looks, policy := 0, b.config.Policy
	b.config.Policy = func() pdp.Policy { looks++; return policy() }
	if d := b.ask(b.issuer.Token(access.Object{"acr": "normal", "auth_time": now.Unix(), "scope": "read:employees"}), "/employees"); d.Outcome != access.StepUp || looks != 1 {
		t.Errorf("%v after %d looks at the policy, want a step-up after 1", d.Outcome, looks)
	}
}

// TestStepUpOfManyAtOnce asks more at once than searches may run: all are answered.
func TestStepUpOfManyAtOnce(t *testing.T) {
	b := newBench(t, "stepup-demo")
	text := b.issuer.Token(access.Object{"acr": "normal", "authentication_level": "normal", "auth_time": now.Unix(), "scope": "read:employees"})
	decider := pdp.New(b.config)
	outcomes := make([]access.Outcome, 64)
	var asking sync.WaitGroup
	for i := range outcomes {
		asking.Go(func() {
			outcomes[i] = decider.Decide(t.Context(), access.Request{
				Credential: access.NewCredential(text),
				Action:     access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/employees"},
			}).Outcome
		})
	}
	asking.Wait()
	if i := slices.IndexFunc(outcomes, func(o access.Outcome) bool { return o != access.StepUp }); i >= 0 {
		t.Errorf("outcome %d = %v, want a step-up", i, outcomes[i])
	}
}

// TestStepUp tells the whole advice for the page's own pattern: no acr, a scope instead.
func TestStepUp(t *testing.T) {
	b := newBench(t, "auth0-rule")
	d := b.ask(b.issuer.Token(access.Object{
		"authentication_level": "normal", "auth_time": now.Unix() - 120, "scope": "openid read:customers read:employees",
	}), "/employees")
	hour := int64(3600)
	want := &access.StepUpAdvice{
		Level: "mfa", MaxAge: &hour, ACRValues: []string{},
		AuthorizationRequest: map[string]string{"scope": "openid read:customers read:employees step_up", "max_age": "3600"},
	}
	if diff := cmp.Diff(want, d.StepUp); diff != "" {
		t.Errorf("step-up (-want +got):\n%s", diff)
	}
	if d.Code() != access.LevelTooLow || d.Status() != 401 || d.ValidUntil != 0 {
		t.Errorf("%s %d valid until %d, want level_too_low 401 and no time", d.Code(), d.Status(), d.ValidUntil)
	}
}

// TestHeaders holds the headers of an allow to the names that are listed.
func TestHeaders(t *testing.T) {
	for name, row := range map[string]struct {
		admitted access.HeaderNames
		own      map[string]string
		arrived  []string
		want     map[string]string
	}{
		"none listed":                  {nil, nil, []string{"x-stepup-user"}, map[string]string{}},
		"a literal name is always set": {access.HeaderNames{"x-user"}, nil, nil, map[string]string{"x-user": "-"}},
		"the policy's value":           {access.HeaderNames{"x-user"}, map[string]string{"x-user": "alice"}, nil, map[string]string{"x-user": "alice"}},
		"a client's copy is replaced":  {access.HeaderNames{"x-stepup-*"}, nil, []string{"x-stepup-user", "accept"}, map[string]string{"x-stepup-user": "-"}},
		"the policy's value wins over the client's": {
			access.HeaderNames{"x-stepup-*"}, map[string]string{"x-stepup-user": "alice"}, []string{"x-stepup-user", "x-stepup-role"},
			map[string]string{"x-stepup-user": "alice", "x-stepup-role": "-"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "stepup-demo")
			b.config.Headers = row.admitted
			breaks(broken{evaluate: func(context.Context) (access.Ruling, error) {
				return access.Ruling{Allow: true, Headers: row.own}, nil
			}})(&b.config)
			d := pdp.New(b.config).Decide(t.Context(), access.Request{
				Credential: access.NewCredential(b.issuer.Token(nil)),
				Action:     access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/x"},
				HTTP: &access.HTTPRequest{Arrived: row.arrived},
			})
			if diff := cmp.Diff(row.want, d.Headers); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}
