package native_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stepup/sidecar/access"
)

// TestOnePathOneSpelling asks about each path in several spellings, of which one is taken.
func TestOnePathOneSpelling(t *testing.T) {
	srv, _ := asked(t)
	for _, row := range []struct {
		taken   string
		refused []string
	}{
		{"/p%C3%A4y", []string{"/p%c3%a4y", "/p%C3%a4y", "/päy", "/p\u0061\u0308y"}},
		{"/a%20b", []string{"/a b", "/a+b?"}},
		{"/a!b", []string{"/a%21b"}},
		{"/a@b:c", []string{"/a%40b:c", "/a@b%3Ac", "/a@b%3ac"}},
		{"/a$&'()*+,;=b", []string{"/a%24%26%27%28%29%2A%2B%2C%3B%3Db", "/a%2bb"}},
		{"/a-._~z", []string{"/a%2D._~z", "/a%2d._~z", "/a-._%7Ez"}},
		{"/a%3Fb%23c", []string{"/a%3fb%23c"}},
		{"/100%25", []string{"/100%", "/100%2", "/100%zz", "/100%+1"}},
		{"/%22%3C%3E%5B%5D%5E%60%7B%7C%7D", []string{`/"<>[]^` + "`{|}", "/%22%3c%3e%5b%5d%5e%60%7b%7c%7d"}},
		{"/plain", []string{"/%C0%AFplain", "/%FF", "/%C3", "/plain\u00a0", "/plain\u200b"}},
	} {
		if got := statusOfPath(t, srv.URL, row.taken); got != http.StatusOK {
			t.Errorf("path %q: %d, want 200", row.taken, got)
		}
		for _, other := range row.refused {
			if got := statusOfPath(t, srv.URL, other); got != http.StatusBadRequest {
				t.Errorf("path %q: %d, want 400: its spelling is %q", other, got, row.taken)
			}
		}
	}
}

// TestEachByteHasOneSpelling tries every byte plainly and escaped in both cases: none is
// taken in two ways.
func TestEachByteHasOneSpelling(t *testing.T) {
	srv, _ := asked(t)
	const upper, lower = "0123456789ABCDEF", "0123456789abcdef"
	for b := range 0x80 {
		seen := map[string]bool{
			"/x" + string(rune(b)):                            true,
			"/x%" + string(upper[b>>4]) + string(upper[b&15]): true,
			"/x%" + string(lower[b>>4]) + string(lower[b&15]): true,
		}
		taken := []string{}
		for path := range seen {
			if statusOfPath(t, srv.URL, path) == http.StatusOK && b != '/' {
				taken = append(taken, path)
			}
		}
		unsafe := b < ' ' || b == 0x7f || b == '/' || b == '\\'
		if len(taken) > 1 || len(taken) == 0 && !unsafe || len(taken) == 1 && unsafe {
			t.Errorf("byte %#02x is taken as %q, want one way unless it is a control, slash or backslash", b, taken)
		}
		for _, path := range taken {
			if plain, err := url.PathUnescape(path); err != nil || plain != "/x"+string(rune(b)) {
				t.Errorf("path %q reads as %q, %v", path, plain, err)
			}
		}
	}
}

func statusOfPath(t *testing.T, base, path string) int {
	t.Helper()
	text, err := json.Marshal(access.Object{"path": path})
	if err != nil {
		t.Fatal(err)
	}
	resp := post(t, base+"/v1/decision", body(`{A,R,"request":`+string(text)+`}`))
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestBodiesTakeNoQuery asks with parameters beside a body, which would be overlooked.
func TestBodiesTakeNoQuery(t *testing.T) {
	srv, requests := asked(t)
	for _, path := range []string{"/v1/decision?explain=true", "/v1/decision?x", "/v1/decisions?token=a", "/v1/decision?%zz"} {
		doc := problem(t, post(t, srv.URL+path, body(`{A,R}`)), http.StatusBadRequest)
		if !strings.Contains(doc.Detail, "the query must be empty") {
			t.Errorf("POST %s: detail %q, want that the query must be empty", path, doc.Detail)
		}
	}
	if len(*requests) != 0 {
		t.Errorf("%d of them were asked about", len(*requests))
	}
}
