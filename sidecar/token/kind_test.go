package token_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

// TestWhatAGoodTokenProves compares the whole of Claims.
func TestWhatAGoodTokenProves(t *testing.T) {
	b := newBench(t, func(i *token.Issuer) {
		i.Levels, i.MaxLevel = map[string]string{"mfa": "c1"}, "mfa"
		i.Claims = map[string]string{"acr": "https://idp.example/acr"}
	})
	text := b.signed(claims(access.Object{
		"https://idp.example/acr": "mfa", "acr": "phr", "sid": "s1", "big": 9007199254740993, "list": []any{true, nil, "é"},
	}))
	got, err := b.verify(text)
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	want := &token.Claims{
		Issuer: strictURL, Subject: "alice", ClientID: client, Audiences: []string{api},
		Scopes: []string{"openid", "read:customers"}, Kind: token.AccessToken, Binding: "none",
		ExpiresAt: now.Unix() + 3600, IssuedAt: now.Unix() - 60, ID: "j1", Session: "s1", Mark: token.Unmarked,
		Vocabulary: token.Vocabulary{Name: "oidc", Levels: map[string]string{"mfa": "c1"}, MaxLevel: "mfa"},
		All: token.ClaimsOf(access.Object{
			"iss": strictURL, "aud": api, "sub": "alice", "client_id": client, "jti": "j1", "scope": "openid read:customers", "sid": "s1",
			"iat": num(now.Unix() - 60), "exp": num(now.Unix() + 3600), "acr": "mfa", "big": num(9007199254740993), "list": []any{true, nil, "é"},
		}),
	}
	if diff := cmp.Diff(want, got, cmp.Transformer("claims", token.ClaimsSet.Object)); diff != "" {
		t.Errorf("Verify (-want +got):\n%s", diff)
	}
}

// TestAccessTokens: RFC 9068, section 2.2, and what providers do otherwise.
func TestAccessTokens(t *testing.T) {
	b := newBench(t)
	gone := tokentest.Absent{}
	for _, row := range []struct {
		name string
		give access.Object
		want string
	}{
		{"complete", nil, "accepted"},
		{"among several audiences", access.Object{"aud": []string{"https://other.example/", api}}, "accepted"},
		{"for us and for a client: an access token", access.Object{"aud": []string{api, client}}, "accepted"},
		{"no sub", access.Object{"sub": gone}, "token_claim_invalid"},
		{"an empty sub", access.Object{"sub": ""}, "token_claim_invalid"},
		{"sub a number", access.Object{"sub": 7}, "token_claim_invalid"},
		{"sub of 255", access.Object{"sub": strings.Repeat("s", 255)}, "accepted"},
		{"sub of 256", access.Object{"sub": strings.Repeat("s", 256)}, "token_claim_invalid"},
		{"no client_id", access.Object{"client_id": gone}, "token_claim_invalid"},
		{"azp is no client_id here", access.Object{"client_id": gone, "azp": client}, "token_claim_invalid"},
		{"an empty client_id", access.Object{"client_id": ""}, "token_claim_invalid"},
		{"no jti", access.Object{"jti": gone}, "token_claim_invalid"},
		{"an empty jti", access.Object{"jti": ""}, "token_claim_invalid"},
		{"jti a number", access.Object{"jti": 1}, "token_claim_invalid"},
		{"sid a number", access.Object{"sid": 1}, "token_claim_invalid"},
		{"no scope", access.Object{"scope": gone}, "accepted"},
		{"nonce, of a typed token", access.Object{"nonce": "n"}, "accepted"},
		{"scope a list", access.Object{"scope": []string{"openid"}}, "token_claim_invalid"},
		{"scope null", access.Object{"scope": nil}, "token_claim_invalid"},
		{"scope with two spaces", access.Object{"scope": "a  b"}, "token_claim_invalid"},
		{"scope with a space at the end", access.Object{"scope": "a "}, "token_claim_invalid"},
		{"scope with a tab", access.Object{"scope": "a\tb"}, "token_claim_invalid"},
		{"scope with a quote", access.Object{"scope": `a"b`}, "token_claim_invalid"},
	} {
		b.check(row.name, b.signed(claims(row.give)), row.want)
	}
}

// TestUntypedAccessTokens: a provider that does not type its tokens is held to not being in
// conflict.
func TestUntypedAccessTokens(t *testing.T) {
	b := newBench(t)
	gone := tokentest.Absent{}
	for _, row := range []struct {
		name, typ string
		give      access.Object
		want      string
	}{
		{"typ JWT", "JWT", nil, "accepted"},
		{"typ jwt", "jwt", nil, "accepted"},
		{"typ application/jwt", "application/jwt", nil, "accepted"},
		{"no typ", "", nil, "accepted"},
		{"typ at+jwt, with client_id", "at+jwt", access.Object{"azp": gone, "client_id": client}, "accepted"},
		{"client_id and azp agree", "JWT", access.Object{"client_id": client}, "accepted"},
		{"client_id and azp differ", "JWT", access.Object{"client_id": "other"}, "token_claim_invalid"},
		{"neither", "JWT", access.Object{"azp": gone}, "token_claim_invalid"},
		{"azp a list", "JWT", access.Object{"azp": []string{client}}, "token_claim_invalid"},
		{"for us and userinfo", "JWT", access.Object{"aud": []string{api, looseURL + "userinfo"}}, "accepted"},
		{"for its client and us", "JWT", access.Object{"aud": []string{client, api}}, "accepted"},
		{"for its client only, which is an audience here", "JWT", access.Object{"aud": client}, "token_kind_mismatch"},
		{"token_use access", "JWT", access.Object{"token_use": "access"}, "accepted"},
		{"payload's typ Bearer", "JWT", access.Object{"typ": "Bearer"}, "accepted"},
		{"gty a number", "JWT", access.Object{"gty": 1}, "token_claim_invalid"},
	} {
		b.check(row.name, b.signed(loose(row.give), row.typ), row.want)
	}
	h := b.key.Header("")
	h["typ"] = ""
	b.check("an empty typ is not an absent one", b.key.Sign(t, h, loose(nil)), "typ_mismatch")
}

// TestIDTokens: OpenID Connect Core, sections 2 and 3.1.3.7.
func TestIDTokens(t *testing.T) {
	b := newBench(t)
	gone := tokentest.Absent{}
	for _, row := range []struct {
		name, typ string
		give      access.Object
		want      string
	}{
		{"typ JWT", "JWT", nil, "accepted"},
		{"no typ", "", nil, "accepted"},
		{"typ at+jwt", "at+jwt", nil, "token_kind_mismatch"},
		{"for another client", "JWT", access.Object{"aud": "other"}, "audience_mismatch"},
		{"typ JWT, for the API of a strict issuer", "JWT", access.Object{"aud": api, "client_id": client, "jti": "j"}, "typ_mismatch"},
		{"no sub", "JWT", access.Object{"sub": gone}, "token_claim_invalid"},
		{"no iat", "JWT", access.Object{"iat": gone}, "token_claim_invalid"},
		{"no exp", "JWT", access.Object{"exp": gone}, "token_claim_invalid"},
		{"azp is the client", "JWT", access.Object{"azp": client}, "accepted"},
		{"azp is another of ours", "JWT", access.Object{"azp": "spa"}, "accepted"},
		{"azp is somebody else", "JWT", access.Object{"azp": "evil"}, "audience_mismatch"},
		{"azp null", "JWT", access.Object{"azp": nil}, "token_claim_invalid"},
		{"several audiences, azp is ours", "JWT", access.Object{"aud": []string{client, "other"}, "azp": client}, "accepted"},
		{"several audiences, no azp", "JWT", access.Object{"aud": []string{client, "other"}}, "token_claim_invalid"},
		{"bound to a key", "JWT", access.Object{"cnf": access.Object{"jkt": "x"}}, "binding_failed"},
	} {
		b.check(row.name, b.signed(idToken(row.give), row.typ), row.want)
	}
}

func TestIDTokenNamesItsClient(t *testing.T) {
	b := newBench(t)
	for _, row := range []struct {
		give access.Object
		want string
	}{
		{nil, client},
		{access.Object{"aud": "spa"}, "spa"},
		{access.Object{"aud": []string{"other", client}, "azp": "spa"}, "spa"},
	} {
		got, err := b.verify(b.signed(idToken(row.give), "JWT"))
		if err != nil || got.ClientID != row.want || got.Kind != token.IDToken || got.Mark != token.Person {
			t.Errorf("%v: Verify = %+v, %v; want the ID token of a person with client %q", row.give, got, err, row.want)
		}
	}
}

// TestAnEmptyListRefusesThatKind: without clients there are no ID tokens, without
// audiences no access tokens.
func TestAnEmptyListRefusesThatKind(t *testing.T) {
	onlyAccess := newBench(t, func(i *token.Issuer) { i.Clients = nil })
	onlyAccess.check("an ID token", onlyAccess.signed(idToken(nil), "JWT"), "typ_mismatch")
	onlyAccess.check("an ID token that looks like an access token", onlyAccess.signed(idToken(nil), "at+jwt"), "audience_mismatch")
	onlyID := newBench(t, func(i *token.Issuer) { i.Audiences = nil })
	onlyID.check("an access token", onlyID.signed(claims(nil)), "typ_mismatch")
	onlyID.check("an access token that looks like an ID token", onlyID.signed(claims(nil), "JWT"), "audience_mismatch")
	onlyID.check("an ID token", onlyID.signed(idToken(nil), "JWT"), "accepted")
}

// TestTypOverride: the issuer's own typ replaces the vocabulary's, for access tokens.
func TestTypOverride(t *testing.T) {
	b := newBench(t, func(i *token.Issuer) { i.Typ = []string{"application/JWT", ""} })
	b.check("typ JWT", b.signed(claims(nil), "JWT"), "accepted")
	b.check("no typ", b.signed(claims(nil), ""), "accepted")
	b.check("typ at+jwt, no longer listed", b.signed(claims(nil), "at+jwt"), "typ_mismatch")
	b.check("typ tells no kinds apart now, so content does", b.signed(claims(access.Object{"nonce": "n"}), "JWT"), "token_kind_mismatch")
	b.check("the rest of RFC 9068 still holds", b.signed(claims(access.Object{"jti": tokentest.Absent{}}), "JWT"), "token_claim_invalid")
	b.check("ID tokens are not concerned", b.signed(idToken(nil), "JWT"), "accepted")
}

// TestMarks: what tells machines from people.
func TestMarks(t *testing.T) {
	k := tokentest.NewKey(t, "ES256", "a")
	for _, row := range []struct {
		vocabulary string
		give       access.Object
		want       token.Mark
	}{
		{"auth0", nil, token.Person},
		{"auth0", access.Object{"gty": "client-credentials"}, token.Machine},
		{"auth0", access.Object{"gty": []string{"client-credentials"}}, token.Machine},
		{"auth0", access.Object{"gty": "password"}, token.Person},
		{"auth0", access.Object{"sub": "app@clients"}, token.Machine},
		{"auth0", access.Object{"sub": "app@clients.example"}, token.Person},
		{"auth0-rule", access.Object{"gty": "client-credentials"}, token.Machine},
		{"auth0-rule", access.Object{"sub": client}, token.Person},
		{"stepup-demo", nil, token.Person},
		{"stepup-demo", access.Object{"gty": "client_credentials"}, token.Machine},
		{"stepup-demo", access.Object{"sub": "app@clients"}, token.Person},
		{"oidc", access.Object{"gty": "client_credentials"}, token.Unmarked},
		{"a-bundle-of-ours", access.Object{"gty": "client-credentials"}, token.Unmarked},
	} {
		v := newVerifier(t, skew, 0, token.Issuer{URL: strictURL, Audiences: []string{api}, Vocabulary: row.vocabulary, Keys: tokentest.Static{k}})
		got, err := v.Verify(t.Context(), now, access.NewCredential(k.Sign(t, k.Header("at+jwt"), claims(row.give))))
		if err != nil || got.Mark != row.want {
			t.Errorf("%s %v: Verify = %+v, %v; want mark %d", row.vocabulary, row.give, got, err, row.want)
		}
	}
}

// TestUnknownVocabulariesAreStrict: a bundle's vocabulary never loosens verification.
func TestUnknownVocabulariesAreStrict(t *testing.T) {
	k := tokentest.NewKey(t, "ES256", "a")
	for vocabulary, want := range map[string]string{"auth0": "accepted", "auth0-rule": "accepted", "oidc": "typ_mismatch", "stepup-demo": "typ_mismatch", "Auth0": "typ_mismatch", "ours": "typ_mismatch"} {
		v := newVerifier(t, skew, 0, token.Issuer{URL: strictURL, Audiences: []string{api}, Vocabulary: vocabulary, Keys: tokentest.Static{k}})
		c, err := v.Verify(t.Context(), now, access.NewCredential(k.Sign(t, k.Header("JWT"), claims(nil))))
		if got := codeOf(t, c, err); got != want {
			t.Errorf("typ JWT under %s: Verify = %s, want %s", vocabulary, got, want)
		}
	}
}

// TestRenames: the renamed claim alone counts.
func TestRenames(t *testing.T) {
	const long = "https://fabrikam.example/authentication_level"
	for _, row := range []struct {
		name    string
		renames map[string]string
		give    access.Object
		want    access.Object // of the claims below only
	}{
		{"moved", map[string]string{"level": long}, access.Object{long: "mfa"}, access.Object{"level": "mfa"}},
		{"moved over a plain one", map[string]string{"level": long}, access.Object{long: "normal", "level": "mfa"}, access.Object{"level": "normal"}},
		{"a plain one alone means nothing", map[string]string{"level": long}, access.Object{"level": "mfa"}, access.Object{}},
		{"moved whatever it is", map[string]string{"level": long}, access.Object{long: nil, "level": "mfa"}, access.Object{"level": nil}},
		{"exactly, never by suffix", map[string]string{"level": long}, access.Object{long + "x": "mfa"}, access.Object{long + "x": "mfa"}},
		{"exchanged", map[string]string{"a": "b", "b": "a"}, access.Object{"a": "1", "b": "2"}, access.Object{"a": "2", "b": "1"}},
		{"in a row", map[string]string{"a": "b", "b": "c"}, access.Object{"a": "1", "b": "2", "c": "3"}, access.Object{"a": "2", "b": "3"}},
		{"in a row, the last absent", map[string]string{"a": "b", "b": "c"}, access.Object{"a": "1", "b": "2"}, access.Object{"a": "2"}},
		{"to itself", map[string]string{"a": "a"}, access.Object{"a": "1"}, access.Object{"a": "1"}},
	} {
		b := newBench(t, func(i *token.Issuer) { i.Claims = row.renames })
		got, err := b.verify(b.signed(claims(row.give)))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		all := maps.Clone(got.All.Object())
		for name := range claims(nil) {
			delete(all, name)
		}
		if diff := cmp.Diff(row.want, all); diff != "" {
			t.Errorf("%s: claims (-want +got):\n%s", row.name, diff)
		}
	}
}
