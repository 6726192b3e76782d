package httpreq_test

import (
	"testing"

	"stepup/sidecar/httpreq"
)

// TestBearer reads the fields of Authorization as a user's.
func TestBearer(t *testing.T) {
	for name, row := range map[string]struct {
		fields  []string
		token   string
		refused bool
	}{
		"none":                     {nil, "", false},
		"a token":                  {[]string{"Bearer e.y-J_"}, "e.y-J_", false},
		"padded":                   {[]string{"Bearer abc=="}, "abc==", false},
		"another case":             {[]string{"bEARER abc"}, "abc", false},
		"a scheme without a token": {[]string{"Basic YTpi"}, "", false},
		"another unknown one":      {[]string{"Bearerx abc"}, "", false},
		"twice":                    {[]string{"Bearer a", "Bearer b"}, "", true},
		"twice, one not a token":   {[]string{"Basic YTpi", "Bearer b"}, "", true},
		"joined":                   {[]string{"Bearer a, Bearer b"}, "", true},
		"joined behind Basic":      {[]string{"Basic YTpi,Bearer b"}, "", true},
		"bound to a key":           {[]string{"DPoP abc"}, "", true},
		"empty":                    {[]string{""}, "", true},
		"no token":                 {[]string{"Bearer"}, "", true},
		"a space for a token":      {[]string{"Bearer  "}, "", true},
		"two spaces":               {[]string{"Bearer  abc"}, "", true},
		"a tab":                    {[]string{"Bearer\tabc"}, "", false}, // no scheme of that name
		"more behind it":           {[]string{"Bearer abc def"}, "", true},
		"not UTF-8":                {[]string{"Bearer a\xff"}, "", true},
		"padding alone":            {[]string{"Bearer =="}, "", true},
	} {
		token, err := httpreq.Bearer(row.fields)
		if token != row.token || (err != nil) != row.refused {
			t.Errorf("%s: Bearer(%q) = %q, %v; want %q, refused: %v", name, row.fields, token, err, row.token, row.refused)
		}
	}
}
