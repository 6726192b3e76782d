package tokentest

import (
	"net/http"
	"strings"

	"stepup/sidecar/access"
)

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	path := i.relative(r.URL.Path)
	handler, down, stalled := i.arrived(w, path)
	if stalled != nil {
		select {
		case <-stalled:
		case <-r.Context().Done():
			return
		}
	}
	if down {
		panic(http.ErrAbortHandler) // breaks the connection
	}
	handler(w, r)
}

// relative turns the path of a request into one of this package's constants.
func (i *Issuer) relative(path string) string {
	base := strings.TrimSuffix(i.path, "/")
	if path == OAuthMetadata+base {
		return OAuthMetadata
	}
	return strings.TrimPrefix(path, base)
}

// arrived counts a request and says how it is to be answered.
func (i *Issuer) arrived(w http.ResponseWriter, path string) (http.HandlerFunc, bool, <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches[path]++
	for name, values := range i.headers {
		w.Header()[name] = values
	}
	if h, special := i.handlers[path]; special {
		return h, i.down, i.stalled
	}
	switch path {
	case OpenIDMetadata, OAuthMetadata:
		return i.serveMetadata, i.down, i.stalled
	case KeySet:
		return i.serveKeys, i.down, i.stalled
	}
	return http.NotFound, i.down, i.stalled
}

func (i *Issuer) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text(i.t, access.Object{"issuer": i.URL, "jwks_uri": i.JWKSURI()}))
}

func (i *Issuer) serveKeys(w http.ResponseWriter, r *http.Request) {
	if tag := w.Header().Get("ETag"); tag != "" && r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(i.JWKS())
}

// Answer returns a handler with a fixed answer.
func Answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}
