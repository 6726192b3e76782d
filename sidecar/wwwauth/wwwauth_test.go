package wwwauth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"stepup/sidecar/access"
	"stepup/sidecar/wwwauth"
)

func seconds(n int64) *int64 { return &n }

// The example of "Claims challenges, claims requests and client capabilities" in Microsoft's
// documentation of its identity platform.
var entra = access.ClaimsChallenge{
	AuthorizationURI: "https://login.microsoftonline.com/common/oauth2/authorize",
	Request:          "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiY3AxIn19fQ==",
}

func TestPrint(t *testing.T) {
	rows := []struct {
		name string
		c    access.Challenge
		want string
	}{
		{"bare scheme", access.Challenge{Scheme: "Bearer"}, `Bearer`},
		{"invalid token", access.RefusalChallenges(access.TokenExpired)[0],
			`Bearer error="invalid_token", error_description="The token was not accepted."`},
		{"everything, in the order of RFC 9470", access.Challenge{
			Scheme: "Bearer", Error: "insufficient_user_authentication", Description: "A stronger sign-in is required.",
			ACRValues: []string{"urn:example:loa:2", "phr"}, MaxAge: seconds(300), Scope: []string{"openid", "payments:write"}},
			`Bearer error="insufficient_user_authentication", error_description="A stronger sign-in is required.", ` +
				`acr_values="urn:example:loa:2 phr", max_age="300", scope="openid payments:write"`},
		{"max_age of nothing is still told", access.Challenge{Scheme: "Bearer", MaxAge: seconds(0)}, `Bearer max_age="0"`},
		{"another scheme", access.Challenge{Scheme: "DPoP", Error: "invalid_token"}, `DPoP error="invalid_token"`},
		{"Microsoft Entra, as documented", access.Challenge{Scheme: "Bearer", Error: "insufficient_claims", Claims: &entra},
			`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", ` +
				`claims="eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiY3AxIn19fQ==", cc_type="authcontext"`},
		{"a quote cannot end the string", access.Challenge{Scheme: "Bearer", Description: `a", realm="evil`},
			`Bearer error_description="a\", realm=\"evil"`},
		{"a backslash cannot eat the quote", access.Challenge{Scheme: "Bearer", Description: `a\`}, `Bearer error_description="a\\"`},
		{"controls and what is not ASCII are dropped", access.Challenge{Scheme: "Bearer", Description: "a\x00b\x7f\u00e9\u2028c\xff"},
			`Bearer error_description="abc"`},
		{"nothing left, nothing written", access.Challenge{Scheme: "Bearer", Description: "\u00e9"}, `Bearer`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got, err := wwwauth.Print(row.c); err != nil || got != row.want {
				t.Errorf("Print(%+v) = %q, %v, want %q", row.c, got, err, row.want)
			}
		})
	}
}

func TestPrintRefuses(t *testing.T) {
	rows := []struct {
		name string
		c    access.Challenge
	}{
		{"no scheme", access.Challenge{}},
		{"scheme with a space", access.Challenge{Scheme: "Bearer x"}},
		{"scheme with a line break", access.Challenge{Scheme: "Bearer\r\nSet-Cookie:"}},
		{"line feed in the description", access.Challenge{Scheme: "Bearer", Description: "a\nb"}},
		{"carriage return in the error", access.Challenge{Scheme: "Bearer", Error: "a\rb"}},
		{"line break in a scope", access.Challenge{Scheme: "Bearer", Scope: []string{"a\r\nb"}}},
		{"acr with a space would be two", access.Challenge{Scheme: "Bearer", ACRValues: []string{"phr phrh"}}},
		{"acr that would lose a letter", access.Challenge{Scheme: "Bearer", ACRValues: []string{"stärker"}}},
		{"empty scope", access.Challenge{Scheme: "Bearer", Scope: []string{""}}},
		{"claims without an address", access.Challenge{Scheme: "Bearer", Claims: &access.ClaimsChallenge{Request: "e30="}}},
		{"an address without claims", access.Challenge{Scheme: "Bearer", Claims: &access.ClaimsChallenge{AuthorizationURI: "https://x.example"}}},
		{"an address with a line break", access.Challenge{Scheme: "Bearer", Claims: &access.ClaimsChallenge{AuthorizationURI: "https://x\r\n", Request: "e30="}}},
		{"negative max_age", access.Challenge{Scheme: "Bearer", MaxAge: seconds(-1)}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got, err := wwwauth.Print(row.c); !errors.Is(err, wwwauth.ErrUnprintable) || got != "" {
				t.Errorf("Print(%+v) = %q, %v, want ErrUnprintable", row.c, got, err)
			}
		})
	}
}

func TestPrintAll(t *testing.T) {
	got, err := wwwauth.PrintAll(nil)
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("PrintAll(nil) = %#v, %v, want an empty list", got, err)
	}
	got, err = wwwauth.PrintAll([]access.Challenge{{Scheme: "Bearer"}, {Scheme: "DPoP"}})
	if diff := cmp.Diff([]string{"Bearer", "DPoP"}, got); err != nil || diff != "" {
		t.Errorf("PrintAll differs (-want +got), %v:\n%s", err, diff)
	}
	if _, err = wwwauth.PrintAll([]access.Challenge{{Scheme: "Bearer"}, {}}); err == nil {
		t.Error("PrintAll with an unprintable challenge: no error")
	}
}

func TestParse(t *testing.T) {
	type params = map[string]string
	rows := []struct {
		name, field string
		want        []wwwauth.Challenge
	}{
		{"bare scheme", `Bearer`, []wwwauth.Challenge{{Scheme: "Bearer"}}},
		{"scheme and trailing space", `Bearer `, []wwwauth.Challenge{{Scheme: "Bearer"}}},
		{"RFC 9470, section 3", `Bearer error="insufficient_user_authentication", error_description="More recent authentication is required", max_age="5"`,
			[]wwwauth.Challenge{{Scheme: "Bearer", Params: params{"error": "insufficient_user_authentication",
				"error_description": "More recent authentication is required", "max_age": "5"}}}},
		{"max_age as a token", `Bearer max_age=300`, []wwwauth.Challenge{{Scheme: "Bearer", Params: params{"max_age": "300"}}}},
		{"several challenges in one field", `Basic realm="a", Bearer error="invalid_token", scope="x y", DPoP algs="ES256"`,
			[]wwwauth.Challenge{{Scheme: "Basic", Params: params{"realm": "a"}},
				{Scheme: "Bearer", Params: params{"error": "invalid_token", "scope": "x y"}},
				{Scheme: "DPoP", Params: params{"algs": "ES256"}}}},
		{"several bare schemes", `Negotiate, NTLM`, []wwwauth.Challenge{{Scheme: "Negotiate"}, {Scheme: "NTLM"}}},
		{"token68", `Negotiate YII/abc+==, Bearer realm=x`,
			[]wwwauth.Challenge{{Scheme: "Negotiate", Token68: "YII/abc+=="}, {Scheme: "Bearer", Params: params{"realm": "x"}}}},
		{"a quoted comma is no separator", `Bearer realm="a, Basic realm=b", error=e`,
			[]wwwauth.Challenge{{Scheme: "Bearer", Params: params{"realm": "a, Basic realm=b", "error": "e"}}}},
		{"escapes", `Bearer realm="a\"b\\c\d"`, []wwwauth.Challenge{{Scheme: "Bearer", Params: params{"realm": `a"b\cd`}}}},
		{"names in any case", `bEARER ERROR="x", Max_Age=1`, []wwwauth.Challenge{{Scheme: "bEARER", Params: params{"error": "x", "max_age": "1"}}}},
		{"unknown parameters are kept", `Bearer later="1"`, []wwwauth.Challenge{{Scheme: "Bearer", Params: params{"later": "1"}}}},
		{"space around the equals sign", "Bearer realm = \"a\" ,\terror\t=\tb", []wwwauth.Challenge{{Scheme: "Bearer", Params: params{"realm": "a", "error": "b"}}}},
		{"empty list elements (RFC 9110, section 5.6.1.2)", `, ,Bearer ,realm=a,, Basic,`,
			[]wwwauth.Challenge{{Scheme: "Bearer", Params: params{"realm": "a"}}, {Scheme: "Basic"}}},
		{"the same name in two challenges", `Bearer realm=a, DPoP realm=b`,
			[]wwwauth.Challenge{{Scheme: "Bearer", Params: params{"realm": "a"}}, {Scheme: "DPoP", Params: params{"realm": "b"}}}},
		{"empty quoted-string", `Bearer realm=""`, []wwwauth.Challenge{{Scheme: "Bearer", Params: params{"realm": ""}}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := wwwauth.Parse(row.field)
			if diff := cmp.Diff(row.want, got); err != nil || diff != "" {
				t.Errorf("Parse(%q): %v, differs (-want +got):\n%s", row.field, err, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	rows := []struct{ name, field string }{
		{"empty", ``},
		{"only commas", ` , ,`},
		{"duplicate parameter", `Bearer error="a", error="b"`},
		{"duplicate parameter in another case", `Bearer error="a", ERROR="b"`},
		{"open quote", `Bearer realm="a`},
		{"open escape", `Bearer realm="a\`},
		{"no value", `Bearer realm="a", error=`},
		{"no value, then another", `Bearer realm=,error=b`},
		{"parameters without a comma", `Bearer a="1" b="2"`},
		{"words without a comma", `Bearer foo bar`},
		{"parameter without a scheme", `error="invalid_token"`},
		{"quoted-string without a name", `Bearer "x"`},
		{"text after a quoted-string", `Bearer a="1"x`},
		{"control character", "Bearer a=\"\x00\""},
		{"line break", "Bearer a=\"x\r\ny\""},
		{"scheme that is no token", `Bea(rer`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got, err := wwwauth.Parse(row.field); !errors.Is(err, wwwauth.ErrMalformed) || got != nil {
				t.Errorf("Parse(%q) = %+v, %v, want ErrMalformed", row.field, got, err)
			}
		})
	}
}

func TestAccess(t *testing.T) {
	c := wwwauth.Challenge{Scheme: "Bearer", Params: map[string]string{
		"realm": "r", "error": "e", "error_description": "d", "acr_values": "a  b", "max_age": "05", "scope": "openid x"}}
	want := access.Challenge{Scheme: "Bearer", Error: "e", Description: "d", ACRValues: []string{"a", "b"},
		MaxAge: seconds(5), Scope: []string{"openid", "x"}}
	got, err := c.Access()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Access(): %v, differs (-want +got):\n%s", err, diff)
	}
	c = wwwauth.Challenge{Scheme: "Bearer", Params: map[string]string{"error": "insufficient_claims",
		"authorization_uri": entra.AuthorizationURI, "claims": entra.Request, "client_id": "x"}}
	if got, err := c.Access(); err != nil || !cmp.Equal(got.Claims, &entra) {
		t.Errorf("Access() of a claims challenge = %+v, %v, want %+v", got, err, entra)
	}
	c = wwwauth.Challenge{Scheme: "Bearer", Params: map[string]string{"claims": entra.Request}}
	if got, err := c.Access(); err != nil || got.Claims != nil {
		t.Errorf("Access() of claims without an address = %+v, %v, want none", got, err)
	}
	for _, age := range []string{"", "-1", "+1", "1.5", "x", "9223372036854775808"} {
		c := wwwauth.Challenge{Scheme: "Bearer", Params: map[string]string{"max_age": age}}
		if got, err := c.Access(); !errors.Is(err, wwwauth.ErrMalformed) {
			t.Errorf("Access() with max_age %q = %+v, %v, want ErrMalformed", age, got, err)
		}
	}
}

// What is printed reads back as itself.
func TestRoundTrip(t *testing.T) {
	words := rapid.SliceOfN(rapid.StringMatching(`[!-~]{1,12}`), 1, 4)
	lists := rapid.OneOf(rapid.Just([]string(nil)), words)
	phrase := rapid.StringMatching(`[ -~]{0,20}`)
	rapid.Check(t, func(t *rapid.T) {
		var want []access.Challenge
		for range rapid.IntRange(1, 3).Draw(t, "challenges") {
			c := access.Challenge{
				Scheme: rapid.SampledFrom([]string{"Bearer", "DPoP", "X-y"}).Draw(t, "scheme"),
				Error:  phrase.Draw(t, "error"), Description: phrase.Draw(t, "description"),
				ACRValues: lists.Draw(t, "acr"), Scope: lists.Draw(t, "scope"),
			}
			if rapid.Bool().Draw(t, "with claims") {
				word := rapid.StringMatching(`[!-~]{1,12}`)
				c.Claims = &access.ClaimsChallenge{AuthorizationURI: word.Draw(t, "uri"), Request: word.Draw(t, "request")}
			}
			if rapid.Bool().Draw(t, "aged") {
				c.MaxAge = seconds(rapid.Int64Min(0).Draw(t, "age"))
			}
			want = append(want, c)
		}
		lines, err := wwwauth.PrintAll(want)
		if err != nil {
			t.Fatalf("PrintAll(%+v): %v", want, err)
		}
		got := readAll(t, strings.Join(lines, ", "))
		if diff := cmp.Diff(want, got, emptyIsNil); diff != "" {
			t.Fatalf("%q differs (-want +got):\n%s", lines, diff)
		}
	})
}

var emptyIsNil = cmp.Transformer("emptyIsNil", func(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	return s
})

func readAll(t interface{ Fatalf(string, ...any) }, field string) []access.Challenge {
	parsed, err := wwwauth.Parse(field)
	if err != nil {
		t.Fatalf("Parse(%q): %v", field, err)
	}
	var all []access.Challenge
	for _, p := range parsed {
		c, err := p.Access()
		if err != nil {
			t.Fatalf("Access of %+v: %v", p, err)
		}
		all = append(all, c)
	}
	return all
}

// FuzzParse: no field value panics, and what is read and can be written again reads the
// same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`Bearer`, `Bearer error="invalid_token", max_age=3`, `Negotiate abc==, Bearer a="\"", b=c`,
		`Basic realm="a, b" , , DPoP`, "Bearer a=\"\x00", `Bearer a="1" b`,
		`Bearer realm="", authorization_uri="https://x.example", error="insufficient_claims", claims="e30=", cc_type="authcontext"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		parsed, err := wwwauth.Parse(field)
		if err != nil {
			return
		}
		for _, p := range parsed {
			c, err := p.Access()
			if err != nil {
				continue
			}
			line, err := wwwauth.Print(c)
			if err != nil {
				continue
			}
			checkReadsBack(t, c, line)
		}
	})
}

func checkReadsBack(t *testing.T, c access.Challenge, line string) {
	t.Helper()
	if strings.ContainsAny(line, "\r\n\x00") {
		t.Fatalf("Print(%+v) = %q: it could end the field", c, line)
	}
	again := readAll(t, line)
	reprinted, err := wwwauth.Print(again[0])
	if len(again) != 1 || err != nil || reprinted != line {
		t.Fatalf("%q reads as %+v and prints as %q, %v", line, again, reprinted, err)
	}
}

// FuzzChallenge: whatever stands in a challenge, it is refused or written as exactly one
// challenge, with nothing lost from what programs read.
func FuzzChallenge(f *testing.F) {
	f.Add("Bearer", "insufficient_user_authentication", "A stronger sign-in is required.", "phr", "openid", int64(300))
	f.Add("DPoP", `a"b\`, "x\", realm=\"y", `"`, `\`, int64(0))
	f.Add("Bearer\r\n", "\n", "é\x00", "a b", "", int64(-1))
	f.Fuzz(func(t *testing.T, scheme, code, description, acr, scope string, age int64) {
		want := access.Challenge{Scheme: scheme, Error: code, Description: description,
			ACRValues: []string{acr}, Scope: []string{scope}, MaxAge: &age}
		line, err := wwwauth.Print(want)
		if err != nil {
			return
		}
		checkReadsBack(t, want, line)
		got := readAll(t, line)[0]
		if got.Scheme != scheme || *got.MaxAge != age || !cmp.Equal(got.ACRValues, want.ACRValues) || !cmp.Equal(got.Scope, want.Scope) {
			t.Fatalf("%+v is written %q, which reads %+v", want, line, got)
		}
	})
}
