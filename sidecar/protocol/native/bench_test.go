package native

import (
	"strings"
	"testing"
)

// The body of about a kilobyte that most callers send: a token and a question.
func BenchmarkParse(b *testing.B) {
	body := []byte(`{"token":"` + strings.Repeat("eyJhbGciOi", 80) + `","action":{"name":"GET"},"resource":{"type":"route","id":"/employees"},` +
		`"context":{"ticket":"T-1"},"request":{"method":"GET","path":"/employees","headers":{"accept":["text/html"]}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(fragment{Text: body}, question{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
