package openapitest

import (
	"bytes"
	"cmp"
	"net/http"
	"testing"
)

// Witness puts itself before the handler of a test's server, and holds every answer to the
// document. One that is not described is an error of the test.
func (d *Document) Witness(t testing.TB, next http.Handler) http.Handler {
	return Witness(t, next, d)
}

// Witness does the same for a handler that is described by several documents: an answer is held to
// the first that has the path.
func Witness(t testing.TB, next http.Handler, documents ...*Document) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := &keeper{ResponseWriter: w}
		next.ServeHTTP(kept, r)
		a := Answer{r.Method, r.URL.EscapedPath(), cmp.Or(kept.status, http.StatusOK), w.Header().Clone(), kept.body.Bytes()}
		d := documentOf(a.Path, documents)
		if err := d.Hold(a); err != nil {
			t.Errorf("%s %s answers what %s does not say: %v", r.Method, r.URL.Path, d.file, err)
		}
	})
}

// documentOf is the first that has a path, or else just the first.
func documentOf(path string, documents []*Document) *Document {
	for _, d := range documents {
		if d.template(path) != "" {
			return d
		}
	}
	return documents[0]
}

// A keeper keeps what is answered.
type keeper struct {
	http.ResponseWriter

	status int // the first one counts; 0: none was written
	body   bytes.Buffer
}

// Unwrap is for [http.ResponseController].
func (k *keeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }

func (k *keeper) WriteHeader(status int) {
	k.status = cmp.Or(k.status, status)
	k.ResponseWriter.WriteHeader(status)
}

func (k *keeper) Write(text []byte) (int, error) {
	k.status = cmp.Or(k.status, http.StatusOK)
	k.body.Write(text)
	return k.ResponseWriter.Write(text)
}
