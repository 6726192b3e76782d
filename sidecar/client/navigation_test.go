package client

import (
	"net/http"
	"testing"
)

func TestNavigates(t *testing.T) {
	page := "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, row := range []struct {
		name   string
		header map[string]string
		want   bool
	}{
		{"a page", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, true},
		{"a page, whatever it accepts", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "*/*"}, true},
		{"a frame", map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": page}, false},
		{"a fetch", map[string]string{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": page}, false},
		{"an image", map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, false},
		{"half of it is told", map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": page}, false},
		{"nothing is told, a page is preferred", map[string]string{"Accept": page}, true},
		{"only a page is accepted", map[string]string{"Accept": "text/html"}, true},
		{"JSON is preferred", map[string]string{"Accept": "application/json, text/html;q=0.9"}, false},
		{"a page is preferred to JSON", map[string]string{"Accept": "application/json;q=0.5, text/html"}, true},
		{"anything", map[string]string{"Accept": "*/*"}, false},
		{"no page", map[string]string{"Accept": "text/html;q=0"}, false},
		{"a weight that is none", map[string]string{"Accept": "text/html;q=high"}, false},
		{"nothing", nil, false},
		{"a web socket", map[string]string{"Upgrade": "websocket", "Accept": page}, false},
		{"an old library", map[string]string{"X-Requested-With": "XMLHttpRequest", "Accept": page}, false},
		{"a prefetch", map[string]string{"Sec-Purpose": "prefetch;prerender", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, false},
	} {
		r := &http.Request{Method: http.MethodGet, Header: http.Header{}}
		for name, value := range row.header {
			r.Header.Set(name, value)
		}
		if got := navigates(r); got != row.want {
			t.Errorf("%s: navigates = %t, want %t", row.name, got, row.want)
		}
	}
}
