package login_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stepup/policies"
	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
	"stepup/sidecar/protocol/login"
)

// FuzzLogin posts any bytes: the rule is asked about documents of its schema and no others,
// and nothing but its own answer has claims.
func FuzzLogin(f *testing.F) {
	for _, seed := range []string{whole, least, `{}`, `[]`, ``, `{"user":{"id":"a","id":"b"}}`, strings.Replace(whole, "1795428110", "1e9", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var asked access.Object
		e := protocol.NewEcho(protocol.Config{})
		protocol.Mount(e, login.Name, login.New(login.Config{Rule: rule(func(doc access.Object) (access.LoginAnswer, error) {
			asked = doc
			return access.LoginAnswer{Factors: []string{"otp"}}, nil
		})}).Routes()...)
		r := httptest.NewRequest(http.MethodPost, "/v1/login", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if (w.Code == http.StatusOK) != (asked != nil) || w.Code >= 500 {
			t.Fatalf("%d %s, and the rule was asked %v", w.Code, w.Body, asked)
		}
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer["claims"] != nil {
			t.Fatalf("%d %s (%v)", w.Code, w.Body, err)
		}
		if asked == nil {
			return
		}
		asked["now"], asked["clock_skew"] = 1795428120, 30
		if err := schema(t, policies.LoginSchema()).Validate(plain(t, asked)); err != nil {
			t.Fatalf("%s made a document that is not of schema.login.input: %v", body, err)
		}
	})
}
