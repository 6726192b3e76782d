package client_test

import (
	"crypto/rand"
	"log"
	"net/http"
	"net/url"

	"stepup/sidecar/client"
)

// A page that only those see who signed in strongly enough. With echo, give
// echo.WrapMiddleware(guard.RequireStepUp) to a route instead.
func Example() {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // the same in every instance: from the configuration
	guard, err := client.New(client.Config{
		Client: &client.Client{URL: "http://127.0.0.1:8181"},
		Secret: secret,
		Token: func(r *http.Request) (string, error) {
			return "", nil // the access token of the session that r belongs to
		},
		SignIn: func(_ *http.Request, request map[string]string, returnTo string) (string, error) {
			// The application's own start of a login, which makes state, nonce and PKCE, and
			// in the end redirects to returnTo if client.LocalPath says that it may.
			query := client.MergeAuthorization(url.Values{"return_to": {returnTo}}, request)
			return "/login?" + query.Encode(), nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	employees := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	http.Handle("/employees", guard.RequireStepUp(employees))
}
