package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/plugins/rest"
)

// redacted stands where a secret of a URL was.
const redacted = "[redacted]"

// What in a URL may be a credential: the query, with which a presigned URL is signed, and
// who asks (RFC 3986, sections 3.4 and 3.2.1).
var (
	queryOfURL = regexp.MustCompile(`\?[^\s"'<>?=]+=[^\s"'<>]*`)
	userOfURL  = regexp.MustCompile(`://[^\s"'<>/@]*@`)
)

// redact takes both away from all URLs in a text.
func redact(text string) string {
	text = queryOfURL.ReplaceAllLiteralString(text, "?"+redacted)
	return userOfURL.ReplaceAllLiteralString(text, "://"+redacted+"@")
}

// redactField does so in what OPA logs beside a text, such as the headers of an answer.
func redactField(value any) any {
	switch v := value.(type) {
	case string:
		return redact(v)
	case error, fmt.Stringer, http.Header, map[string]any:
		return redact(fmt.Sprint(v))
	}
	return value
}

// reserved names the plugin that asks without telling.
const reserved = "stepup"

// discreet gives services that have no credentials the [asker], so that no error of
// theirs has a secret of a URL in it, wherever OPA tells it: in its status reports and its
// metrics. A service with credentials has its secret there. A registry of images
// has its own way to ask.
func discreet(services any) any {
	switch all := services.(type) {
	case map[string]any:
		out := make(map[string]any, len(all))
		for name, s := range all {
			out[name] = discreetOne(s)
		}
		return out
	case []any:
		out := make([]any, len(all))
		for i, s := range all {
			out[i] = discreetOne(s)
		}
		return out
	}
	return services
}

func discreetOne(service any) any {
	fields, ok := service.(map[string]any)
	if given, _ := fields["credentials"].(map[string]any); !ok || len(given) > 0 || fields["type"] != nil {
		return service
	}
	out := make(map[string]any, len(fields)+1)
	for name, value := range fields {
		out[name] = value
	}
	out["credentials"] = map[string]any{"plugin": reserved}
	return out
}

// An asker is a way to ask a service. Until a request is sent, it has a URL without what may
// be secret in it, and so has every error about it.
type asker struct{}

// NewClient implements [rest.HTTPAuthPlugin].
func (asker) NewClient(c rest.Config) (*http.Client, error) {
	tls, err := rest.DefaultTLSConfig(c)
	if err != nil {
		return nil, err
	}
	client := rest.DefaultRoundTripperClient(tls, *c.ResponseHeaderTimeoutSeconds)
	client.Transport = knowing{client.Transport}
	client.CheckRedirect = func(r *http.Request, before []*http.Request) error {
		if len(before) >= maxRedirects {
			return errors.New("too many redirects")
		}
		hide(r)
		return nil
	}
	return client, nil
}

const maxRedirects = 10 // as of net/http

// Prepare implements [rest.HTTPAuthPlugin].
func (asker) Prepare(r *http.Request) error {
	if u := r.URL.User; u != nil && r.Header.Get("Authorization") == "" {
		password, _ := u.Password()
		r.SetBasicAuth(u.Username(), password)
	}
	hide(r)
	return nil
}

type wholeURL struct{}

// hide notes the URL in the context of the request and leaves the rest of it there.
func hide(r *http.Request) {
	whole, shown := *r.URL, *r.URL
	shown.User, shown.RawQuery, shown.ForceQuery, shown.Fragment, shown.RawFragment = nil, "", false, "", ""
	*r = *r.WithContext(context.WithValue(r.Context(), wholeURL{}, &whole))
	r.URL = &shown
}

// knowing sends what was asked for.
type knowing struct{ to http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (k knowing) RoundTrip(r *http.Request) (*http.Response, error) {
	whole, ok := r.Context().Value(wholeURL{}).(*url.URL)
	if !ok {
		return k.to.RoundTrip(r)
	}
	sent := r.Clone(r.Context())
	sent.URL = whole
	resp, err := k.to.RoundTrip(sent)
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}

// Start implements [plugins.Plugin], and so do the others.
func (asker) Start(context.Context) error      { return nil }
func (asker) Stop(context.Context)             {}
func (asker) Reconfigure(context.Context, any) {}
func (f *Fleet) registerAsker() {
	f.manager.Register(reserved, asker{})
	f.manager.UpdatePluginStatus(reserved, &plugins.Status{State: plugins.StateOK})
}
