package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer is how many bytes of an answer are read; no answer is near it.
const maxAnswer = 1 << 20

// defaultHTTP gives up before a person does. Nothing else of it is special.
var defaultHTTP = &http.Client{Timeout: 5 * time.Second}

// A Client asks a sidecar. It is safe for concurrent use; the zero value asks nobody and
// gets errors.
type Client struct {
	// URL is where the sidecar listens, such as http://127.0.0.1:8181.
	URL string
	// HTTP sends the questions; nil: a client that waits five seconds. Redirects are never
	// followed, because a question has a token in it.
	HTTP *http.Client
}

// A Question is what POST /v1/decision takes. Members that are not told are left out.
type Question struct {
	Token    string         `json:"token,omitempty"`
	IDToken  string         `json:"id_token,omitempty"`
	Action   Action         `json:"action"`
	Resource Resource       `json:"resource"`
	Context  map[string]any `json:"context,omitempty"`
	Request  map[string]any `json:"request,omitempty"`
}

// An Action is what is to be done.
type Action struct {
	Name       string         `json:"name"`
	Properties map[string]any `json:"properties,omitempty"`
}

// A Resource is what it is done to.
type Resource struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Properties map[string]any `json:"properties,omitempty"`
}

// An Error says that the sidecar did not decide. Whoever gets one must refuse.
type Error struct {
	Status int    // of the answer
	Code   string // the sidecar's reason; may be empty
	Detail string // may be empty
}

// Error returns all of it.
func (e *Error) Error() string {
	return strings.TrimSpace(fmt.Sprintf("sidecar answered %d %s: %s", e.Status, e.Code, e.Detail))
}

// Decide asks one question. With an error the answer is the zero value, which refuses.
func (c *Client) Decide(ctx context.Context, q Question) (Answer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return Answer{}, fmt.Errorf("writing the question: %w", err)
	}
	var a Answer
	if err := c.ask(ctx, http.MethodPost, "/v1/decision", body, &a); err != nil {
		return Answer{}, err
	}
	if err := a.check(); err != nil {
		return Answer{}, err
	}
	return a, nil
}

// A RequirementQuestion asks, before there is any token, which logins a resource needs.
type RequirementQuestion struct {
	Action       string
	ResourceType string // empty: route
	ResourceID   string
	Issuer       string // empty: every one that the sidecar knows
}

// Requirements tells which logins a resource needs, weakest first, by issuer.
type Requirements struct {
	Revision     string        `json:"revision"`
	Requirements []Requirement `json:"requirements"`
}

// A Requirement is of one issuer. Without logins nobody can reach the resource by it.
type Requirement struct {
	Issuer string  `json:"issuer"`
	Logins []Login `json:"logins"`
}

// Requirements asks for the logins that a resource needs.
func (c *Client) Requirements(ctx context.Context, q RequirementQuestion) (Requirements, error) {
	query := url.Values{"action": {q.Action}, "resource": {q.ResourceID}}
	if q.ResourceType != "" {
		query.Set("type", q.ResourceType)
	}
	if q.Issuer != "" {
		query.Set("issuer", q.Issuer)
	}
	var r Requirements
	if err := c.ask(ctx, http.MethodGet, "/v1/requirements?"+query.Encode(), nil, &r); err != nil {
		return Requirements{}, err
	}
	return r, nil
}

// ask sends one request and reads an answer of status 200. Everything else is an error.
func (c *Client) ask(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("asking the sidecar: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http().Do(req)
	if err != nil {
		return fmt.Errorf("asking the sidecar: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the sidecar's answer: %w", err)
	case len(text) > maxAnswer:
		return errors.New("reading the sidecar's answer: it is too long")
	case resp.StatusCode != http.StatusOK:
		return errorOf(resp.StatusCode, text)
	}
	if mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return fmt.Errorf("reading the sidecar's answer: its content type is %q", resp.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading the sidecar's answer: %w", err)
	}
	return nil
}

// http returns a client that follows no redirect.
func (c *Client) http() *http.Client {
	from := c.HTTP
	if from == nil {
		from = defaultHTTP
	}
	careful := *from
	careful.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &careful
}

// errorOf reads a problem document (RFC 9457) as far as it is one.
func errorOf(status int, text []byte) error {
	var problem struct {
		Detail  string   `json:"detail"`
		Reasons []Reason `json:"reasons"`
	}
	e := &Error{Status: status}
	if json.Unmarshal(text, &problem) == nil {
		e.Detail = problem.Detail
		if len(problem.Reasons) > 0 {
			e.Code = problem.Reasons[0].Code
		}
	}
	return e
}
