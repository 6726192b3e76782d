package openapitest

import (
	"bytes"
	"net/http"
	"testing"
)

// Witness puts itself before the handler of a test's server, and holds every answer to the
// document. One that is not described is an error of the test.
func (d *Document) Witness(t testing.TB, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept := &keeper{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(kept, r)
		err := d.Hold(Answer{r.Method, r.URL.EscapedPath(), kept.status, w.Header().Clone(), kept.body.Bytes()})
		if err != nil {
			t.Errorf("%s %s answers what %s does not say: %v", r.Method, r.URL.Path, d.file, err)
		}
	})
}

// A keeper keeps what is answered.
type keeper struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
}

// Unwrap is for [http.ResponseController].
func (k *keeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }

func (k *keeper) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

func (k *keeper) Write(text []byte) (int, error) {
	k.body.Write(text)
	return k.ResponseWriter.Write(text)
}
