package derive_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
	policies "stepup/sidecar/policy"
	"stepup/sidecar/token"
)

// product is the engine that is shipped, from the folder of a policy to the decision. Only
// the signature is missing: its verifier hands out the claims that the facts name.
func product(t testing.TB, p policy, w *world) decide {
	t.Helper()
	loaded := loadPolicy(t, p.text, w)
	return func(f facts) answer {
		d := decisionOf(t, loaded, f)
		return answer{d.Outcome, d.Code(), d.StepUp}
	}
}

// loadPolicy writes a policy and the world's data into a folder and opens it.
func loadPolicy(t testing.TB, text string, w *world) *policies.Policies {
	t.Helper()
	dir := t.TempDir()
	data, err := json.Marshal(w.data())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"p.rego": []byte(text), "data.json": data} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := policies.Open(t.Context(), policies.Config{
		Path: dir, Package: "p", MayRedefine: names(w.levels),
		Issuers: []policies.Use{{Issuer: "https://idp.example/", Vocabulary: w.vocabularyName()}},
	})
	if err != nil {
		t.Fatalf("opening: %v\n%s", err, text)
	}
	return loaded
}

func names[V any](m map[string]V) []string {
	var all []string
	for name := range m {
		all = append(all, name)
	}
	return all
}

// decisionOf asks the real decider about facts.
func decisionOf(t testing.TB, loaded *policies.Policies, f facts) access.Decision {
	t.Helper()
	d := pdp.New(pdp.Config{
		Verifier: proved{f.token(t)},
		Policy:   func() pdp.Policy { return loaded.Current() },
		Recorder: faults{t},
		Now:      func() time.Time { return time.Unix(f.now, 0) },
		Deadline: time.Minute, // the machine may be busy: the truth here does not depend on time
		Keep:     time.Hour,
	})
	req := f.request()
	req.Credential = access.NewCredential("proved")
	return d.Decide(t.Context(), req)
}

type proved struct{ claims *token.Claims }

func (p proved) Verify(context.Context, time.Time, access.Credential) (*token.Claims, error) {
	return p.claims, nil
}

// faults fails the test when a decision could not be made.
type faults struct{ testing.TB }

func (f faults) Record(_ context.Context, r pdp.Record) {
	if r.Fault != nil {
		f.Errorf("fault: %v", r.Fault)
	}
}
