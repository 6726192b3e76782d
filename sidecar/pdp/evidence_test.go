package pdp_test

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestEvidence gives an ID token beside an access token that tells nothing of the login.
func TestEvidence(t *testing.T) {
	const client = "intranet"
	login := func(changes access.Object) access.Object {
		all := access.Object{"aud": client, "acr": "mfa", "authentication_level": "mfa", "amr": []any{"pwd", "otp"}, "auth_time": now.Unix() - 60}
		for name, value := range changes {
			all[name] = value
		}
		return all
	}
	for name, row := range map[string]struct {
		access   access.Object
		evidence access.Object
		typ      string // of the evidence; empty: JWT
		want     access.Assurance
		code     access.Code // of a refused token; empty: it is accepted
	}{
		"level, methods and login time come from it": {nil, login(nil), "", mfaAt(60), ""},
		"what both say alike":                        {access.Object{"acr": "mfa"}, login(nil), "", mfaAt(60), ""},
		"the access token says less": {
			access.Object{"acr": "normal"}, login(nil), "",
			access.Assurance{Level: "normal", Levels: []string{"normal"}, Methods: []string{"pwd", "otp"}, AuthTime: now.Unix() - 60, Told: true}, "",
		},
		"the access token says more": {
			access.Object{"acr": "phr"}, login(nil), "", mfaAt(60), "",
		},
		"an empty claim contradicts nothing":    {access.Object{"amr": []any{}, "acr": nil}, login(nil), "", mfaAt(60), ""},
		"of two login times the earlier counts": {access.Object{"auth_time": now.Unix() - 600}, login(nil), "", mfaAt(600), ""},
		"a level without a time, and a time without a level": {
			access.Object{"acr": "mfa"}, access.Object{"aud": client, "auth_time": now.Unix(), "amr": []any{"pwd"}, "at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "",
			access.Assurance{Level: "mfa", Levels: []string{"normal", "mfa"}, Methods: []string{}, AuthTime: 0, Told: true}, "",
		},
		"the same, in one session": {
			access.Object{"acr": "mfa", "sid": "s"}, access.Object{"aud": client, "auth_time": now.Unix(), "sid": "s"}, "",
			access.Assurance{Level: "mfa", Levels: []string{"normal", "mfa"}, Methods: []string{}, AuthTime: 0, Told: true}, "",
		},
		"the same, issued together (at_hash)": {
			access.Object{"acr": "mfa"}, access.Object{"aud": client, "auth_time": now.Unix() - 60, "amr": []any{"pwd", "otp"}, "at_hash": "(its own)"}, "", mfaAt(60), "",
		},
		"an unknown level takes one away": {
			access.Object{"acr": "mfa"}, login(access.Object{"acr": "strange"}), "",
			access.Assurance{Level: "none", Levels: []string{}, Methods: []string{"pwd", "otp"}, AuthTime: now.Unix() - 60, Told: true}, "",
		},
		"another person's":               {nil, login(access.Object{"sub": "bob"}), "", access.NoAssurance(), access.TokenClaimInvalid},
		"another session's":              {access.Object{"sid": "a"}, login(access.Object{"sid": "b"}), "", access.NoAssurance(), access.TokenClaimInvalid},
		"the same session's":             {access.Object{"sid": "a"}, login(access.Object{"sid": "a"}), "", mfaAt(60), ""},
		"another client's":               {nil, login(access.Object{"aud": "other"}), "", access.NoAssurance(), access.AudienceMismatch},
		"expired":                        {nil, login(access.Object{"iat": now.Unix() - 7200, "exp": now.Unix() - 3600}), "", access.NoAssurance(), access.TokenExpired},
		"an access token":                {nil, nil, "at+jwt", access.NoAssurance(), access.TokenKindMismatch},
		"claims of the wrong type":       {nil, login(access.Object{"acr": []any{"mfa"}}), "", access.NoAssurance(), access.TokenClaimInvalid},
		"a login after both were issued": {nil, login(access.Object{"auth_time": now.Unix() + 300}), "", access.NoAssurance(), access.TokenClaimInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "stepup-demo")
			entry := b.issuer.Configuration(tokentest.Static{b.issuer.Key()})
			entry.Vocabulary, entry.Clients = "stepup-demo", []string{client}
			verifier, err := token.NewVerifier([]token.Issuer{entry}, 30*time.Second, 0)
			if err != nil {
				t.Fatal(err)
			}
			b.config.Verifier = verifier
			typ := row.typ
			if typ == "" {
				typ = "JWT"
			}
			text := b.issuer.Token(row.access)
			if row.evidence["at_hash"] == "(its own)" {
				sum := sha256.Sum256([]byte(text))
				row.evidence["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:16])
			}
			evidence := b.issuer.Key().Sign(t, b.issuer.Key().Header(typ), b.issuer.Claims(row.evidence))
			d := pdp.New(b.config).Decide(t.Context(), access.Request{
				Credential: access.NewCredential(text), Evidence: access.NewCredential(evidence),
				Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/employees"},
			})
			if diff := cmp.Diff(row.want, d.Assurance); diff != "" {
				t.Errorf("assurance (-want +got):\n%s%v", diff, b.records.all[0].Fault)
			}
			if row.code != "" && (d.Code() != row.code || d.Outcome != access.Deny) {
				t.Errorf("%v %s, want deny %s", d.Outcome, d.Code(), row.code)
			}
		})
	}
}

func mfaAt(age int64) access.Assurance {
	return access.Assurance{Level: "mfa", Levels: []string{"normal", "mfa"}, Methods: []string{"pwd", "otp"}, AuthTime: now.Unix() - age, Told: true}
}

// TestEvidenceMakesAPerson asks with a token that would be a machine's without it.
func TestEvidenceMakesAPerson(t *testing.T) {
	b := newBench(t, "oidc")
	entry := b.issuer.Configuration(tokentest.Static{b.issuer.Key()})
	entry.Vocabulary, entry.Clients = "oidc", []string{"intranet"}
	verifier, err := token.NewVerifier([]token.Issuer{entry}, 30*time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	b.config.Verifier = verifier
	key := b.issuer.Key()
	idToken := key.Sign(t, key.Header("JWT"), b.issuer.Claims(access.Object{"aud": "intranet"}))
	for evidence, want := range map[string]access.Code{"": access.NoUser, idToken: access.LevelTooLow} {
		d := pdp.New(b.config).Decide(t.Context(), access.Request{
			Credential: access.NewCredential(b.issuer.Token(access.Object{"scope": "read:customers"})), Evidence: access.NewCredential(evidence),
			Action: access.Action{Name: "GET"}, Resource: access.Resource{Type: "route", ID: "/customers"},
		})
		if d.Code() != want {
			t.Errorf("with evidence %t: %v %s, want %s", evidence != "", d.Outcome, d.Code(), want)
		}
	}
}
