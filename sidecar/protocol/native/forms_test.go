package native

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
)

// formed are texts of questions, most of them with a place for a token.
var formed = map[string]struct {
	text  string
	known bool // its form is
}{
	"first":             {`{"token":"%s","action":{"name":"GET"},"resource":{"type":"route","id":"/a"},"context":{"n":1}}`, true},
	"last":              {`{"action":{"name":"GET"},"resource":{"type":"route","id":"/a"},"token":"%s"}`, true},
	"spaces":            {"{ \"token\"\t:\r\n \"%s\" , \"action\":{\"name\":\"GET\"},\"resource\":{\"type\":\"route\",\"id\":\"/a\"}}\n", true},
	"an ID token":       {`{"id_token":"e.e.e","token":"%s","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, true},
	"the ID token":      {`{"id_token":"%s","token":"t","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"in the context":    {`{"context":{"token":"%s"},"token":"t","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"after the context": {`{"context":{"token":"t"},"token":"%s","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"only in there":     {`{"context":{"token":"%s"},"action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"in a text":         {`{"context":{"a":"\"token\":\"%s"},"token":"t","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"a text":            {`{"resource":{"type":"token","id":"%s"},"token":"t","action":{"name":"GET"}}`, false},
	"twice":             {`{"token":"%s","token":"t","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"twice, escaped":    {`{"tok\u0065n":"t","token":"%s","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"escaped":           {`{"tok\u0065n":"%s","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"unknown member":    {`{"token":"%s","acton":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"no action":         {`{"token":"%s","resource":{"type":"route","id":"/a"}}`, false},
	"cut off":           {`{"token":"%s","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}`, false},
	"more":              {`{"token":"%s","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}} 1`, false},
	"a number":          {`{"token":%s,"action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"no colon":          {`{"token""%s","action":{"name":"GET"},"resource":{"type":"route","id":"/a"}}`, false},
	"nothing":           {`"token":"%s"`, false},
}

// TestForms asks each text with many tokens, again and again, whether its form is known by then or
// not: what is read is always what reading makes of the whole text.
func TestForms(t *testing.T) {
	tokens := []string{
		"t", "eyJ.a.b", strings.Repeat("x", 3000), "", "a b", "~", `\u0061`, `\"`, `\`, `"`, `","context":{"x":1},"id_token":"e`, "\n", "\x00", "\x7f", "é", "\xff",
		`t","token":"u`, "t\\", "/", "<&>", "1", "null",
	}
	for name, row := range formed {
		d := New(Config{Decider: naming{}, Memory: 1 << 20})
		for round := range 3 {
			for _, token := range tokens {
				compareForm(t, d, []byte(strings.Replace(row.text, "%s", token, 1)))
			}
			if known := d.forms.Len() > 0; round == 0 && known != row.known {
				t.Errorf("%s: a form is known: %t, want %t", name, known, row.known)
			}
		}
	}
}

// compareForm reads a text by its form, if that is known, and whole.
func compareForm(t *testing.T, d *Door, body []byte) {
	t.Helper()
	want, wrong := parse(fragment{Text: body}, question{}, d.cfg.Forward)
	got, err := d.readForm(body)
	if fmt.Sprint(err) != fmt.Sprint(wrong) {
		t.Fatalf("%q: got %v, want %v", body, err, wrong)
	}
	same := cmp.Comparer(func(a, b access.Credential) bool { return a == b })
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Fatalf("%q (-whole +by its form):\n%s", body, diff)
	}
}

// FuzzForms: whatever stands around two tokens, and whatever these are, what is read of the second is
// what reading makes of the whole text, after the first made the form known if it could.
func FuzzForms(f *testing.F) {
	for _, row := range formed {
		before, after, _ := strings.Cut(row.text, "%s")
		f.Add(before, "t", "eyJ.a.b", after)
		f.Add(before, "t", `t","token":"u`, after)
	}
	f.Fuzz(func(t *testing.T, before, one, other, after string) {
		d := New(Config{Decider: naming{}, Memory: 1 << 20})
		for _, token := range []string{one, one, one, other, one} {
			compareForm(t, d, []byte(before+token+after))
		}
	})
}
