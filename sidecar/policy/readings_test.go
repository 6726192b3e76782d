package policy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/input"
	"stepup/sidecar/policy"
	"stepup/sidecar/token"
)

// TestKeptReadingEqualsFresh reads random tokens of every shipped vocabulary, and of some that a
// policy brings along, with a library that keeps its readings and with one that does not. The
// same few values come again and again, so that most are found, and among them are those that
// could be taken for one another.
func TestKeptReadingEqualsFresh(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	uses := usesOfAll()
	keeping, fresh := readers(t, uses, 1<<20), readers(t, uses, 0)
	for n := range 3000 {
		use := uses[n%len(uses)]
		doc := document(r, use, keeping)
		kept, err := keeping.Assure(t.Context(), doc)
		must(t, err)
		want, err := fresh.Assure(t.Context(), doc)
		must(t, err)
		if diff := cmp.Diff(want, kept); diff != "" {
			t.Fatalf("Assure of %v by %+v, mark %d (-fresh +kept):\n%s", doc.Token.All.Object(), use, doc.Token.Mark, diff)
		}
	}
	read := keeping.ReadingsMade()
	t.Logf("3000 tokens, %d readings", read)
	if read > 2000 || read < 100 {
		t.Errorf("%d readings were made of 3000 tokens, want many and not nearly all", read)
	}
}

// Whether a claim is there, what type it has and how its number is written all count; who
// signed in and when does not.
func TestWhatMakesReadingsTheSame(t *testing.T) {
	base := access.Object{"authentication_level": "mfa", "amr": []any{"pwd"}, "auth_time": json.Number("1795428000"), "sub": "alice"}
	for _, row := range []struct {
		name   string
		change access.Object
		same   bool
	}{
		{"another person", access.Object{"sub": "bob", "exp": json.Number("5"), "roles": []any{"x"}}, true},
		{"another time", access.Object{"auth_time": json.Number("1795428001")}, true},
		{"no time", access.Object{"auth_time": absent{}}, false},
		{"null for a time", access.Object{"auth_time": nil}, false},
		{"a time in a string", access.Object{"auth_time": "1795428000"}, false},
		{"a fraction of a second", access.Object{"auth_time": json.Number("1795428000.0")}, false},
		{"an exponent", access.Object{"auth_time": json.Number("1795428e3")}, false},
		{"beyond the year 9999", access.Object{"auth_time": json.Number("253402300800")}, false},
		{"beyond 64 bits, wrapping to a time", access.Object{"auth_time": json.Number("18446744075505000000")}, false},
		{"before the epoch", access.Object{"auth_time": json.Number("-1")}, false},
		{"the epoch", access.Object{"auth_time": json.Number("0")}, false},
		{"another level", access.Object{"authentication_level": "normal"}, false},
		{"no level", access.Object{"authentication_level": absent{}}, false},
		{"null for a level", access.Object{"authentication_level": nil}, false},
		{"a list for a level", access.Object{"authentication_level": []any{"mfa"}}, false},
		{"a number for a level", access.Object{"authentication_level": json.Number("1")}, false},
		{"a number that looks like text", access.Object{"authentication_level": "1"}, false},
		{"other methods", access.Object{"amr": []any{"otp"}}, false},
		{"methods joined", access.Object{"amr": []any{"pwd", ""}}, false},
		{"methods in a string", access.Object{"amr": "pwd"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			changed := maps.Clone(base)
			maps.Copy(changed, row.change)
			maps.DeleteFunc(changed, func(_ string, v any) bool { return v == absent{} })
			s := readers(t, []policy.Use{{Issuer: "https://idp.example/", Vocabulary: "auth0-rule"}}, 1<<20)
			for _, claims := range []access.Object{base, changed} {
				_, err := s.Assure(t.Context(), input.Document{Token: &token.Claims{
					Issuer: "https://idp.example/", All: token.ClaimsOf(claims), Vocabulary: token.Vocabulary{Name: "auth0-rule"},
				}})
				must(t, err)
			}
			if same := s.ReadingsMade() == 1; same != row.same {
				t.Errorf("%d readings were made of two tokens, want one reading for both: %t", s.ReadingsMade(), row.same)
			}
		})
	}
}

// Of an issuer that is not configured, or whose token is read by another vocabulary than it
// is configured for, it is not known which claims count: nothing is kept.
func TestReadingsOfOthersAreNotKept(t *testing.T) {
	s := readers(t, []policy.Use{{Issuer: "https://idp.example/", Vocabulary: "auth0-rule"}}, 1<<20)
	for _, c := range []token.Claims{
		{Issuer: "https://other.example/", Vocabulary: token.Vocabulary{Name: "auth0-rule"}},
		{Issuer: "https://idp.example/", Vocabulary: token.Vocabulary{Name: "oidc"}},
	} {
		_, err := s.Assure(t.Context(), input.Document{Token: &c})
		must(t, err)
	}
	if n := s.ReadingsMade(); n != 0 {
		t.Errorf("%d readings are kept, want none", n)
	}
}

// absent stands for a claim that is not there.
type absent struct{}

// added are vocabularies of a policy's own, with the traps: two times, a time that grades,
// one kind for several claims, the absence of everything.
const added = `{"stepup": {"vocabularies": {
	"two-times": {"claims": {"lvl": {"m": "mfa", "n": "normal"}}, "methods": ["how"], "auth_time": ["auth_time", "mfa_time"],
		"absent": "normal", "logins": [{"level": "normal", "claims": [{"lvl": "n"}], "request": {"scope": "openid"}}]},
	"timeless": {"claims": {"acr": {"mfa": "mfa", "normal": "normal"}}, "kinds": {"acr": "string_or_list"}, "methods": ["amr"], "auth_time": [],
		"absent": "none", "logins": [{"level": "normal", "claims": [{"acr": "normal"}], "request": {"scope": "openid"}}]}}}}`

func usesOfAll() []policy.Use {
	uses := []policy.Use{{Vocabulary: "two-times"}, {Vocabulary: "timeless"}, {Vocabulary: "oidc", MaxLevel: "normal"}}
	for _, name := range slices.Sorted(maps.Keys(policies.Vocabularies())) {
		use := policy.Use{Vocabulary: name}
		if name == "entra" {
			use.Levels = map[string]string{"mfa": "c1"}
		}
		uses = append(uses, use)
	}
	for i := range uses {
		uses[i].Issuer = fmt.Sprintf("https://%d.example/", i)
	}
	return uses
}

// readers opens a policy that keeps so many bytes of readings.
func readers(t *testing.T, uses []policy.Use, bytes int64) *policy.Snapshot {
	t.Helper()
	p, err := policy.Open(t.Context(), policy.Config{
		Path: folder(t, rego("allow := true").with(files{"data.json": added})), Package: "p", Issuers: uses, Readings: bytes,
	})
	must(t, err)
	return p.Current()
}

// document is one of a token of random claims: those that its vocabulary reads, and others.
func document(r *rand.Rand, use policy.Use, s *policy.Snapshot) input.Document {
	claims := access.Object{"sub": fmt.Sprint(r.Uint64()), "acr_values": "mfa"}
	v := s.Vocabulary(use.Issuer)
	for _, name := range append(v.Reads(), "acr", "amr", "auth_time") {
		if r.IntN(3) > 0 {
			claims[name] = value(r, name)
		}
	}
	for name, levels := range v.Claims {
		if r.IntN(2) == 0 {
			word := slices.Sorted(maps.Keys(levels))
			if len(word) > 0 {
				claims[name] = word[r.IntN(len(word))]
			}
		}
	}
	return input.Document{Now: now, Token: &token.Claims{
		Issuer: use.Issuer, All: token.ClaimsOf(claims), Mark: []token.Mark{token.Unmarked, token.Person, token.Machine}[r.IntN(3)],
		Vocabulary: token.Vocabulary{Name: use.Vocabulary, Levels: use.Levels, MaxLevel: use.MaxLevel},
	}}
}

func value(r *rand.Rand, name string) any {
	if (name == "auth_time" || name == "mfa_time") && r.IntN(4) > 0 {
		return json.Number(fmt.Sprint(now - r.IntN(1000)))
	}
	values := []any{
		"mfa", "normal", "phr", "0", "1", "c1", "m", "", nil, true, json.Number("1"), json.Number("0"), json.Number("1.0"),
		json.Number("253402300799"), json.Number("253402300800"), json.Number("-1"), json.Number("1e400"),
		[]any{}, []any{"pwd"}, []any{"pwd", "otp"}, []any{"mfa"}, []any{"mfa", json.Number("1")}, []any{nil}, access.Object{}, access.Object{"mfa": "mfa"},
	}
	return values[r.IntN(len(values))]
}
