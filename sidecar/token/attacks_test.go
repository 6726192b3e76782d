package token_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/tokentest"
)

const catalogue = "../../testdata/vectors/attacks.txt"

// TestAttacks tries every row of the catalogue that belongs here, and holds the two lists
// of names to each other.
func TestAttacks(t *testing.T) {
	tests := map[string]func(*attempt){
		"alg-none":                      algNone,
		"rs-to-hs-confusion":            rsToHS,
		"ecdsa-zero-signature":          zeroSignature,
		"hostile-kid":                   hostileKid,
		"jku-and-x5u":                   jkuAndX5u,
		"embedded-jwk-and-x5c":          embeddedKey,
		"crit":                          crit,
		"b64-false":                     b64False,
		"duplicate-members":             duplicateMembers,
		"pbes2-count":                   pbes2Count,
		"jwe-zip-bomb":                  jweZip,
		"jwe-taken-for-signed":          jweTakenForSigned,
		"jwe-invalid-curve":             jweInvalidCurve,
		"dots-size-depth":               dotsSizeDepth,
		"other-kinds-of-token":          otherKinds,
		"token-for-another-api":         anotherAPI,
		"hostile-audience":              hostileAudience,
		"issuer-look-alike":             issuerLookAlike,
		"keys-of-another-issuer":        keysOfAnotherIssuer,
		"clock-skew-abuse":              clockSkewAbuse,
		"hostile-exp":                   hostileExp,
		"not-utf8":                      notUTF8,
		"replay-through-another-server": replay,
		"oracle-by-error-text":          oracle,
	}
	rows := readCatalogue(t, "token")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		try, there := tests[name]
		if !there {
			t.Errorf("%s has the row %q, and no test tries it", catalogue, name)
			continue
		}
		delete(tests, name)
		t.Run(name, func(t *testing.T) {
			a := &attempt{bench: newBench(t), allowed: rows[name], seen: map[string]bool{}}
			try(a)
			a.finish()
		})
	}
	for name := range tests {
		t.Errorf("a test tries %q, which %s does not list", name, catalogue)
	}
}

// readCatalogue returns the rows that are tried in one folder: name to codes.
func readCatalogue(t *testing.T, where string) map[string][]string {
	t.Helper()
	f, err := os.Open(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := map[string][]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		cells := strings.Split(line, "|")
		if len(cells) != 3 || strings.TrimSpace(cells[2]) != where {
			continue
		}
		var codes []string
		for code := range strings.SplitSeq(cells[1], ",") {
			codes = append(codes, strings.TrimSpace(code))
		}
		rows[strings.TrimSpace(cells[0])] = codes
	}
	return rows
}

// attempt tries the variants of one attack. Each must be met with a code of the row, and
// each code of the row must be met.
type attempt struct {
	*bench
	allowed []string
	seen    map[string]bool
}

func (a *attempt) try(variant, text string) {
	a.t.Helper()
	c, err := a.verify(text)
	a.told(variant, codeOf(a.t, c, err), err)
}

func (a *attempt) told(variant, code string, err error) {
	a.t.Helper()
	a.seen[code] = true
	if !slices.Contains(a.allowed, code) {
		a.t.Errorf("%s: Verify = %s (%v), want %v", variant, code, err, a.allowed)
	}
}

func (a *attempt) finish() {
	a.t.Helper()
	for _, code := range a.allowed {
		if code != "-" && !a.seen[code] {
			a.t.Errorf("no variant met %s", code)
		}
	}
}

func (a *attempt) payload() string { return raw(a.t, claims(nil), "") }

func algNone(a *attempt) {
	good := a.signed(claims(nil))
	for _, alg := range []string{"none", "None", "noNE", "NONE", ""} {
		header := fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":"k1"}`, alg)
		a.try("alg "+alg+", no signature", tokentest.Forge(header, a.payload(), nil))
		a.try("alg "+alg+", a good signature", tokentest.WithPart(good, 0, tokentest.Encode([]byte(header))))
	}
	a.try("no alg", tokentest.Forge(`{"typ":"at+jwt"}`, a.payload(), nil))
}

func rsToHS(a *attempt) {
	k := tokentest.NewKey(a.t, "RS256", "k1")
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		header := fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":"k1"}`, alg)
		// The attack keys the MAC with the public key's text.
		a.try(alg, tokentest.Forge(header, a.payload(), hmacWith(k, header, a.payload())))
	}
}

func zeroSignature(a *attempt) {
	a.try("r = s = 0", tokentest.WithPart(a.signed(claims(nil)), 2, tokentest.Encode(make([]byte, 64))))
	order := []byte("\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51")
	a.try("r = s = the order", tokentest.WithPart(a.signed(claims(nil)), 2, tokentest.Encode(append(order, order...))))
}

func hostileKid(a *attempt) {
	long := strings.Repeat("a", 257)
	a.verifier = newVerifier(a.t, skew, 4<<20, token.Issuer{
		URL: strictURL, Audiences: []string{api}, Vocabulary: "oidc", Keys: tokentest.Static{a.key, a.key.Named(long)},
	})
	for _, kid := range []string{"../../etc/passwd", "' OR 1=1 --", "k1\x00", "k1\n", long, strings.Repeat("k", 1<<20)} {
		a.try(token.Quote(kid), a.withHeader(access.Object{"kid": kid}))
	}
}

func jkuAndX5u(a *attempt) {
	attacker := tokentest.New(a.t)
	for _, name := range []string{"jku", "x5u"} {
		a.try(name, a.withHeader(access.Object{name: attacker.JWKSURI()}))
		a.try(name+" link-local", a.withHeader(access.Object{name: "http://169.254.169.254/"}))
	}
	if n := attacker.Fetches(""); n != 0 {
		a.t.Errorf("the attacker's server was asked %d times", n)
	}
}

func embeddedKey(a *attempt) {
	evil := tokentest.NewKey(a.t, "ES256", "evil")
	h := evil.Header("at+jwt")
	h["jwk"] = evil.JWK()
	a.try("jwk", evil.Sign(a.t, h, claims(nil)))
	h = evil.Header("at+jwt")
	h["x5c"] = []string{selfSigned(a.t, evil)}
	a.try("x5c", evil.Sign(a.t, h, claims(nil)))
}

func crit(a *attempt) {
	for _, v := range []any{[]string{"x"}, []string{}, []string{"b64"}, []string{"exp"}, "x", nil} {
		a.try(fmt.Sprintf("crit %v", v), a.withHeader(access.Object{"crit": v, "x": 1}))
	}
}

func b64False(a *attempt) {
	a.try("with crit", a.withHeader(access.Object{"b64": false, "crit": []string{"b64"}}))
	a.try("alone", a.withHeader(access.Object{"b64": false}))
	a.try("true", a.withHeader(access.Object{"b64": true}))
}

func duplicateMembers(a *attempt) {
	header := raw(a.t, a.key.Header("at+jwt"), "")
	for _, more := range []string{`,"alg":"ES256"`, `,"ALG":"none"`, `,"kid":"k2"`, `,"x":{"a":1,"a":2}`} {
		a.try("header "+more, a.key.Sign(a.t, strings.TrimSuffix(header, "}")+more+"}", claims(nil)))
	}
	for _, more := range []string{
		`,"iss":"` + otherURL + `"`, `,"exp":9999999999`, `,"\u0065xp":9999999999`, `,"ISS":"` + otherURL + `"`, `,"Exp":9999999999`,
		`,"i\u017fs":"` + otherURL + `"`, `,"x":[{"y":1,"y":1}]`,
	} {
		a.try("payload "+more, a.key.Sign(a.t, a.key.Header("at+jwt"), raw(a.t, claims(nil), more)))
	}
	a.try("ISS instead of iss", a.signed(claims(access.Object{"iss": tokentest.Absent{}, "ISS": strictURL})))
}

// jwe is a token with five parts.
func jwe(header string) string {
	return tokentest.Encode([]byte(header)) + ".a2V5.aXY.Y2lwaGVy.dGFn"
}

func pbes2Count(a *attempt) {
	a.try("p2c", jwe(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"c2FsdA","p2c":2147483648}`))
}

func jweZip(a *attempt) {
	a.try("zip", jwe(`{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}`))
}

func jweTakenForSigned(a *attempt) {
	a.try("encrypted to our public key", jwe(`{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}`))
	a.try("a signed token with two more parts", a.signed(claims(nil))+".aXY.dGFn")
	a.try("an empty key", tokentest.Encode([]byte(`{"alg":"A256KW","enc":"A256GCM"}`))+"..aXY.Y2lwaGVy.dGFn")
}

func jweInvalidCurve(a *attempt) {
	a.try("epk", jwe(`{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}}`))
}

func dotsSizeDepth(a *attempt) {
	good := a.signed(claims(nil))
	a.try("thousands of dots", strings.Repeat(".", 10000))
	a.try("a million dots", strings.Repeat(".", 1<<20))
	a.try("1 MB", a.signed(claims(access.Object{"pad": strings.Repeat("a", 1<<20)})))
	a.try("one byte too long", good+strings.Repeat("A", token.DefaultMaxSize+1-len(good)))
	a.try("deep arrays", a.key.Sign(a.t, a.key.Header("at+jwt"), raw(a.t, claims(nil), `,"x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000))))
	a.try("deep objects in the header", a.key.Sign(a.t, raw(a.t, a.key.Header("at+jwt"), `,"x":`+strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40)), claims(nil)))
}

func otherKinds(a *attempt) {
	// By typ, of either issuer.
	for _, typ := range []string{
		"secevent+jwt", "logout+jwt", "dpop+jwt", "token-introspection+jwt", "oauth-authz-req+jwt", "client-authentication+jwt",
		"txntoken+jwt", "wit+jwt", "wpt+jwt", "statuslist+jwt", "entity-statement+jwt", "application/logout+jwt", "DPoP+JWT", "JOSE", "at+jwt; x=1", "application/application/at+jwt",
	} {
		a.try(typ+" of a strict issuer", a.signed(claims(nil), typ))
		a.try(typ+" of another", a.signed(loose(nil), typ))
	}
	a.try("JWT of a strict issuer", a.signed(claims(nil), "JWT"))
	a.try("an empty typ", a.withHeader(access.Object{"typ": ""}))
	// By what is in it, where typ does not tell.
	for _, c := range []access.Object{
		{"nonce": "n"}, {"at_hash": "h"}, {"c_hash": "h"}, {"s_hash": "h"}, {"nonce": nil},
		{"events": access.Object{"http://schemas.openid.net/event/backchannel-logout": access.Object{}}},
		{"token_use": "id"}, {"typ": "ID"}, {"typ": "Refresh"}, {"typ": "Offline"}, {"typ": "Logout"},
		{"aud": client, "scope": tokentest.Absent{}}, {"aud": client}, {"aud": []string{client}},
	} {
		a.try(fmt.Sprintf("%v", c), a.signed(loose(c), "JWT"))
	}
	// And access tokens and logout tokens as ID tokens.
	a.try("at+jwt for a client", a.signed(idToken(nil), "at+jwt"))
	a.try("a logout token for a client", a.signed(idToken(access.Object{"events": access.Object{}}), "JWT"))
	a.try("an access token for a client", a.signed(idToken(access.Object{"token_use": "access"}), "JWT"))
	a.try("Keycloak's access token for a client", a.signed(idToken(access.Object{"typ": "Bearer"}), "JWT"))
}

func anotherAPI(a *attempt) {
	for _, aud := range []any{"https://api2.example/", "https://api.example", "HTTPS://API.EXAMPLE/", "", []string{"https://api2.example/"}} {
		a.try(fmt.Sprintf("aud %v", aud), a.signed(claims(access.Object{"aud": aud})))
	}
}

func hostileAudience(a *attempt) {
	a.verifier = newVerifier(a.t, skew, 4<<20, token.Issuer{
		URL: strictURL, Audiences: []string{api}, Vocabulary: "oidc", Keys: tokentest.Static{a.key},
	})
	many := slices.Repeat([]string{api}, 10000)
	for name, aud := range map[string]any{
		"10,000 entries": many, "65 entries": many[:65], "number": 1, "null": nil, "mixed": []any{api, 1}, "null inside": []any{api, nil},
		"object": access.Object{"a": api}, "nested": []any{[]string{api}}, "empty list": []string{}, "absent": tokentest.Absent{},
	} {
		a.try(name, a.signed(claims(access.Object{"aud": aud})))
	}
}

func issuerLookAlike(a *attempt) {
	for _, iss := range []any{
		"https://idp.example", "https://idp.example//", "https://idp.example.evil/", "https://IDP.example/", "HTTPS://idp.example/",
		"https://idp.example/?", "https://idp.example:443/", "https://user@idp.example/", "http://idp.example/", "https://іdp.example/",
		"https://idp.example/ ", "https://idp.example/\x00", "", nil, 1, []string{strictURL}, tokentest.Absent{},
	} {
		a.try(fmt.Sprintf("iss %q", iss), a.signed(claims(access.Object{"iss": iss})))
	}
}

func keysOfAnotherIssuer(a *attempt) {
	a.try("signed by A, says B", a.signed(loose(access.Object{"iss": otherURL})))
}

func clockSkewAbuse(a *attempt) {
	if _, err := token.NewVerifier(nil, token.MaxClockSkew+time.Second, 0); err == nil {
		a.t.Errorf("a clock skew beyond %s is accepted", token.MaxClockSkew)
	}
	a.verifier = newVerifier(a.t, token.MaxClockSkew, 0, token.Issuer{
		URL: strictURL, Audiences: []string{api}, Vocabulary: "oidc", Keys: tokentest.Static{a.key},
	})
	a.try("expired by the largest skew", a.signed(claims(access.Object{"exp": now.Unix() - 120, "iat": now.Unix() - 3600})))
}

func hostileExp(a *attempt) {
	for _, exp := range []string{
		`"9999999999"`, `true`, `null`, `[]`, `{}`, `-1`, `-0.5`, `1e300`, `9.3e18`, `1e17`, `1e999`, `1e999999999`, `1e-999999999`,
		`253402300800`, `253402300799.5`, `1795431600000`, `"Infinity"`, `""`,
	} {
		a.try("exp "+exp, a.key.Sign(a.t, a.key.Header("at+jwt"), raw(a.t, claims(access.Object{"exp": tokentest.Absent{}}), `,"exp":`+exp)))
	}
	a.try("no exp", a.signed(claims(access.Object{"exp": tokentest.Absent{}})))
}

func notUTF8(a *attempt) {
	h := a.key.Header("at+jwt")
	good := a.payload()
	for name, payload := range map[string]string{
		"unpaired high surrogate": raw(a.t, claims(nil), `,"x":"\ud800"`),
		"unpaired low surrogate":  raw(a.t, claims(nil), `,"x":"\udc00a"`),
		"in a name":               raw(a.t, claims(nil), `,"\ud800":1`),
		"bytes":                   raw(a.t, claims(nil), ",\"x\":\"\xff\xfe\""),
		"overlong":                raw(a.t, claims(nil), ",\"x\":\"\xc0\xaf\""),
		"BOM":                     "\ufeff" + good,
		"UTF-16":                  utf16Text(good),
		"trailing data":           good + "{}",
		"trailing comma":          strings.TrimSuffix(good, "}") + ",}",
		"a list":                  "[" + good + "]",
		"nothing":                 " ",
		"NaN":                     raw(a.t, claims(nil), `,"x":NaN`),
	} {
		a.try(name, a.key.Sign(a.t, h, payload))
	}
	a.try("BOM in the header", a.key.Sign(a.t, "\ufeff"+raw(a.t, h, ""), good))
}

func utf16Text(s string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

func replay(a *attempt) {
	a.try("audience", a.signed(claims(access.Object{"aud": "https://api2.example/"})))
	for _, cnf := range []any{access.Object{"jkt": "x"}, access.Object{"x5t#S256": "x"}, access.Object{}, nil, false, "", "none"} {
		a.try(fmt.Sprintf("cnf %v", cnf), a.signed(claims(access.Object{"cnf": cnf})))
	}
}

// oracle: what an error says for the log holds nothing of a claim's value, and the text
// told to callers is the same for every refused token.
func oracle(a *attempt) {
	const canary = "cAnArY"
	for name, change := range map[string]access.Object{
		"iss": {"iss": canary}, "sub": {"sub": []string{canary}}, "aud": {"aud": canary}, "exp": {"exp": canary}, "scope": {"scope": canary + "  " + canary},
		"client": {"client_id": []string{canary}}, "jti": {"jti": access.Object{canary: canary}}, "cnf": {"cnf": canary}, "bad text": {"x": json.RawMessage(`"` + canary + `\ud800"`)},
		"number": {"x": json.RawMessage("1e99999"), "y": canary},
	} {
		var payload any = claims(change)
		if x, ok := change["x"].(json.RawMessage); ok {
			payload = raw(a.t, claims(nil), `,"`+canary+`":`+string(x))
		}
		_, err := a.verifier.Verify(context.Background(), now, access.NewCredential(a.key.Sign(a.t, a.key.Header("at+jwt"), payload)))
		if err == nil {
			a.t.Errorf("%s: accepted", name)
			continue
		}
		if strings.Contains(err.Error(), canary) {
			a.t.Errorf("%s: the error tells the claim: %v", name, err)
		}
		if got, want := access.Because(err.(*token.Error).Code).Message, access.Because(access.TokenMalformed).Message; got != want {
			a.t.Errorf("%s: callers are told %q, want %q", name, got, want)
		}
	}
}
