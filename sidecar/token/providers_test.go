package token_test

import (
	"fmt"
	"maps"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// gone takes a claim away.
var gone = tokentest.Absent{}

// shapes are the claims of a person's access token, of an ID token and of a machine's
// access token, as each provider documents them.
type shapes struct{ person, id, machine access.Object }

func documented() map[string]shapes {
	okta := access.Object{"client_id": gone, "scope": gone, "cid": client, "uid": "00u1", "scp": []any{"openid", "read"}, "ver": 1}
	keycloak := access.Object{"client_id": gone, "azp": client, "typ": "Bearer", "sid": "s1", "acr": "1", "scope": "openid read", "preferred_username": "alice"}
	entra := access.Object{"client_id": gone, "jti": gone, "scope": gone, "azp": client, "scp": "openid read", "ver": "2.0", "oid": "o1"}
	cognito := access.Object{"aud": gone, "client_id": api, "token_use": "access", "username": "alice", "scope": "openid read"}
	logto := access.Object{"scope": "openid read"}
	with := func(base, changes access.Object) access.Object {
		all := maps.Clone(base)
		maps.Copy(all, changes)
		return all
	}
	id := access.Object{"aud": client, "scope": gone, "client_id": gone, "nonce": "n"}
	return map[string]shapes{
		"okta":     {okta, id, with(okta, access.Object{"uid": gone, "sub": client})},
		"keycloak": {keycloak, with(id, access.Object{"typ": "ID", "azp": client}), with(keycloak, access.Object{"sid": gone, "client_id": client, "clientHost": "192.0.2.1", "preferred_username": "service-account-app"})},
		"entra":    {entra, with(id, access.Object{"ver": "2.0"}), with(entra, access.Object{"scp": gone, "roles": []any{"read"}, "idtyp": "app", "sub": "o2", "oid": "o2"})},
		"cognito":  {cognito, with(id, access.Object{"token_use": "id"}), with(cognito, access.Object{"username": gone, "sub": api})},
		"logto":    {logto, id, with(logto, access.Object{"sub": client})},
	}
}

// headers are the typ of each provider's access tokens.
var headers = map[string]string{"okta": "", "keycloak": "JWT", "entra": "JWT", "cognito": "", "logto": "at+jwt"}

// A provider is a verifier of one of its tenants.
type provider struct {
	t        *testing.T
	name     string
	key      tokentest.Key
	verifier *token.Verifier
}

func newProvider(t *testing.T, name string) provider {
	t.Helper()
	p := provider{t: t, name: name, key: tokentest.NewKey(t, "RS256", "a")}
	p.verifier = newVerifier(t, skew, 0, token.Issuer{
		URL: strictURL, Audiences: []string{api}, Clients: []string{client}, Vocabulary: name, Keys: tokentest.Static{p.key},
	})
	return p
}

func (p provider) verify(typ string, shape, changes access.Object) (*token.Claims, error) {
	p.t.Helper()
	all := maps.Clone(shape)
	maps.Copy(all, changes)
	return p.verifier.Verify(p.t.Context(), now, access.NewCredential(p.key.Sign(p.t, p.key.Header(typ), claims(all))))
}

// What documented tokens prove.
func TestDocumentedTokens(t *testing.T) {
	for name, shape := range documented() {
		p := newProvider(t, name)
		wantClient := client
		if name == "cognito" {
			wantClient = api // the stand-in for aud
		}
		for _, row := range []struct {
			what, typ string
			shape     access.Object
			want      string
		}{
			{"person", headers[name], shape.person, fmt.Sprint("access_token ", wantClient, " [openid read] ", token.Person)},
			{"ID token", "", shape.id, fmt.Sprint("id_token ", client, " [] ", token.Person)},
			{"machine", headers[name], shape.machine, fmt.Sprint("access_token ", wantClient, " ", map[bool]string{true: "[]", false: "[openid read]"}[name == "entra"], " ", token.Machine)},
		} {
			c, err := p.verify(row.typ, row.shape, nil)
			if err != nil {
				t.Errorf("%s, %s: Verify = %v, want accepted", name, row.what, err)
				continue
			}
			if got := fmt.Sprint(c.Kind, " ", c.ClientID, " ", c.Scopes, " ", c.Mark); got != row.want {
				t.Errorf("%s, %s: Verify proves %q, want %q", name, row.what, got, row.want)
			}
		}
	}
}

// Variants of the documented shapes. The want is a code, or the mark of what is accepted.
func TestProvidersTokens(t *testing.T) {
	const person, machine = "person", "machine"
	type row struct {
		name    string
		changes access.Object
		want    string
	}
	for name, rows := range map[string][]row{
		"okta": {
			{"no scopes", access.Object{"scp": gone}, person},
			{"scopes as a text", access.Object{"scp": "openid read"}, "token_claim_invalid"},
			{"a scope that is two", access.Object{"scp": []any{"openid read"}}, "token_claim_invalid"},
			{"a scope that is a number", access.Object{"scp": []any{1}}, "token_claim_invalid"},
			{"scopes where Okta has none", access.Object{"scope": "admin"}, person},
			{"client under another name only", access.Object{"cid": gone, "client_id": client}, "token_claim_invalid"},
			{"uid that is no text", access.Object{"uid": 7}, "token_claim_invalid"},
			{"empty uid", access.Object{"uid": ""}, machine},
			{"nonce", access.Object{"nonce": "n"}, "token_kind_mismatch"},
		},
		"keycloak": {
			{"refresh token", access.Object{"typ": "Refresh"}, "token_kind_mismatch"},
			{"offline token", access.Object{"typ": "Offline"}, "token_kind_mismatch"},
			{"logout token", access.Object{"typ": "Logout"}, "token_kind_mismatch"},
			{"ID token meant for the API", access.Object{"typ": "ID"}, "audience_mismatch"},
			{"typ in another case", access.Object{"typ": "bearer"}, "token_kind_mismatch"},
			{"no typ", access.Object{"typ": gone}, "token_kind_mismatch"},
			{"bound to a key", access.Object{"typ": "DPoP", "cnf": access.Object{"jkt": "x"}}, "token_kind_mismatch"},
			{"access token for a client", access.Object{"aud": client}, "audience_mismatch"},
			{"its own client among the audiences", access.Object{"aud": []any{"account", api}, "azp": api}, person},
			{"session before Keycloak 25", access.Object{"sid": gone, "session_state": "s"}, person},
			{"no session", access.Object{"sid": gone}, machine},
			{"service account by name", access.Object{"preferred_username": "service-account-app"}, machine},
			{"service account by client", access.Object{"client_id": client}, machine},
			{"service account by address", access.Object{"clientAddress": "192.0.2.1"}, machine},
			{"service account of older versions", access.Object{"clientId": client}, machine},
			{"no subject", access.Object{"sub": gone}, "token_claim_invalid"},
		},
		"entra": {
			{"version 1.0", access.Object{"azp": gone, "appid": client, "ver": "1.0"}, person},
			{"two clients", access.Object{"appid": "other"}, "token_claim_invalid"},
			{"app-only, not told by idtyp", access.Object{"scp": gone, "roles": []any{"read"}}, machine},
			{"app-only, whatever its scopes", access.Object{"idtyp": "app"}, machine},
			{"a user with roles alone", access.Object{"idtyp": "user", "scp": gone}, person},
			{"a device", access.Object{"idtyp": "device"}, machine},
			{"idtyp that is no text", access.Object{"idtyp": true}, "token_claim_invalid"},
			{"scopes as a list", access.Object{"scp": []any{"read"}}, "token_claim_invalid"},
			{"one registration as client and API", access.Object{"azp": api}, "token_kind_mismatch"},
			{"bound to a key", access.Object{"cnf": access.Object{"kid": "x"}}, "binding_failed"},
		},
		"cognito": {
			{"aud by resource binding", access.Object{"aud": api, "client_id": "other"}, person},
			{"of another client", access.Object{"client_id": "other"}, "audience_mismatch"},
			{"client of ID tokens only", access.Object{"client_id": client}, "audience_mismatch"},
			{"no token_use", access.Object{"token_use": gone}, "token_claim_invalid"},
			{"no token_use, but aud", access.Object{"token_use": gone, "aud": api}, "token_kind_mismatch"},
			{"token_use id without aud", access.Object{"token_use": "id"}, "token_claim_invalid"},
			{"token_use id for the API", access.Object{"token_use": "id", "aud": api}, "audience_mismatch"},
			{"the client as subject", access.Object{"sub": api}, machine},
			{"username that is no text", access.Object{"username": 7}, "token_claim_invalid"},
		},
		"logto": {
			{"no jti", access.Object{"jti": gone}, "token_claim_invalid"},
			{"no client", access.Object{"client_id": gone}, "token_claim_invalid"},
			{"of a client of another name", access.Object{"client_id": "app2"}, person},
		},
	} {
		p := newProvider(t, name)
		for _, r := range rows {
			c, err := p.verify(headers[name], documented()[name].person, r.changes)
			got := codeOf(t, c, err)
			if err == nil {
				got = map[token.Mark]string{token.Person: person, token.Machine: machine}[c.Mark]
			}
			if got != r.want {
				t.Errorf("%s, %s: Verify = %s, want %s (%v)", name, r.name, got, r.want, err)
			}
		}
	}
}

// At Cognito one client is both: it tells its kinds of token apart itself.
func TestOneClientForBothKinds(t *testing.T) {
	k := tokentest.NewKey(t, "RS256", "a")
	issuer := token.Issuer{URL: strictURL, Audiences: []string{client}, Clients: []string{client}, Vocabulary: "cognito", Keys: tokentest.Static{k}}
	v := newVerifier(t, skew, 0, issuer)
	p := provider{t: t, name: "cognito", key: k, verifier: v}
	shape := documented()["cognito"]
	for what, row := range map[string]struct {
		shape access.Object
		want  token.Kind
	}{
		"access token": {shape.person, token.AccessToken},
		"ID token":     {shape.id, token.IDToken},
	} {
		changes := access.Object{}
		if row.want == token.AccessToken {
			changes["client_id"] = client
		}
		if c, err := p.verify("", row.shape, changes); err != nil || c.Kind != row.want {
			t.Errorf("%s: Verify = %+v, %v, want kind %s", what, c, err, row.want)
		}
	}
}

// Types of header that each provider's access tokens may have.
func TestProvidersTypes(t *testing.T) {
	for name, want := range map[string]string{
		"okta":     "at+jwt JWT - ",
		"keycloak": "at+jwt JWT - ",
		"entra":    "at+jwt JWT - ",
		"cognito":  "at+jwt JWT - ",
		"logto":    "at+jwt ",
	} {
		p, got := newProvider(t, name), ""
		for _, typ := range []string{"at+jwt", "JWT", "", "logout+jwt", "application/okta-internal-at+jwt"} {
			if _, err := p.verify(typ, documented()[name].person, nil); err == nil {
				got += map[bool]string{true: "-", false: typ}[typ == ""] + " "
			}
		}
		if got != want {
			t.Errorf("%s accepts the types %q, want %q", name, got, want)
		}
	}
}
