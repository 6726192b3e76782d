package openapitest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An Answer is what a door answered to one request.
type Answer struct {
	Method, Path string // of the request; the path without its query
	Status       int
	Header       http.Header
	Body         []byte
}

// Hold holds an answer to what the document says of its path and method. Its error says what of
// the answer is not described: the status, a header, the media type, or what of the body is not
// as its schema wants it.
//
// At a path that the document does not have there is nothing, and to a method that it does not
// have the answer is one of those that the path's other methods have.
func (d *Document) Hold(a Answer) error {
	template := d.template(a.Path)
	if template == "" {
		return a.nothing()
	}
	methods, method := d.methods(template), strings.ToLower(a.Method)
	if !slices.Contains(methods, method) {
		if a.Status != http.StatusMethodNotAllowed {
			return fmt.Errorf("%s has no %s, and answers %d", template, a.Method, a.Status)
		}
		method = methods[0]
	}
	described, at := d.at(pointer("paths", template, method, "responses", strconv.Itoa(a.Status)))
	if described == nil {
		return fmt.Errorf("%s %s: the status %d is not described", method, template, a.Status)
	}
	if err := errors.Join(d.holdHeader(a, described, at), d.holdBody(a, described, at)); err != nil {
		return fmt.Errorf("%s %s, %d: %w", method, template, a.Status, err)
	}
	return nil
}

// nothing refuses an answer, but for one that says that nothing is there.
func (a Answer) nothing() error {
	if a.Status == http.StatusNotFound {
		return nil
	}
	return fmt.Errorf("%s is not described, and answers %d", a.Path, a.Status)
}

// unsaid are the fields that every answer over HTTP has, of which a document says nothing.
// Content-Type stands there as the media types of the body.
func unsaid() []string {
	return []string{"Connection", "Content-Length", "Content-Type", "Date", "Transfer-Encoding", "X-Content-Type-Options"}
}

// policyHeaders is the member of a response by which a document says that the policy sets headers
// there whose names it chooses.
const policyHeaders = "x-policy-headers"

// holdHeader wants each field of an answer described, and those that are required there.
func (d *Document) holdHeader(a Answer, response map[string]any, at string) error {
	var wrong []error
	said := map[string]bool{}
	listed, _ := response["headers"].(map[string]any)
	for _, name := range slices.Sorted(keys(listed)) {
		field := http.CanonicalHeaderKey(name)
		said[field] = true
		wrong = append(wrong, d.holdField(field, a.Header.Values(field), at+pointer("headers", name)))
	}
	for _, name := range slices.Sorted(keys(a.Header)) {
		if !said[name] && !slices.Contains(unsaid(), name) && response[policyHeaders] != true {
			wrong = append(wrong, fmt.Errorf("the header %s is not described", name))
		}
	}
	return errors.Join(wrong...)
}

func (d *Document) holdField(name string, values []string, at string) error {
	header, at := d.at(at)
	if len(values) == 0 && header["required"] == true {
		return fmt.Errorf("the header %s is not there", name)
	}
	for _, value := range values {
		if err := d.holdValue(at+"/schema", value); err != nil {
			return fmt.Errorf("the header %s is %q: %w", name, value, err)
		}
	}
	return nil
}

// holdBody wants a body of a media type that is described, as its schema has it; or none.
func (d *Document) holdBody(a Answer, response map[string]any, at string) error {
	given := a.Header.Get("Content-Type")
	content, _ := response["content"].(map[string]any)
	if content == nil {
		if len(a.Body) > 0 || given != "" {
			return fmt.Errorf("a body of the type %q is not described", given)
		}
		return nil
	}
	for _, name := range slices.Sorted(keys(content)) {
		if !sameMediaType(name, given) {
			continue
		}
		if a.Method == http.MethodHead {
			return nil
		}
		body, err := a.plainBody()
		if err != nil {
			return err
		}
		return d.holdContent(name, body, at+pointer("content", name, "schema"))
	}
	return fmt.Errorf("the media type %q is not described", given)
}

// plainBody undoes the one coding that Go's own client asks for.
func (a Answer) plainBody() ([]byte, error) {
	if a.Header.Get("Content-Encoding") != "gzip" {
		return a.Body, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(a.Body))
	if err != nil {
		return nil, fmt.Errorf("undoing gzip: %w", err)
	}
	return io.ReadAll(r)
}

func (d *Document) holdContent(mediaType string, body []byte, at string) error {
	if strings.HasSuffix(mediaType, "json") {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("%s: %w", body, err)
		}
		return d.holdValue(at, value)
	}
	return d.holdValue(at, string(body))
}

func (d *Document) holdValue(at string, value any) error {
	schema, err := d.compile(at)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// sameMediaType compares a media type of a document with one of an answer. Of its parameters only the
// character set has to be what every text here has; others tell versions.
func sameMediaType(described, given string) bool {
	name, parameters, err := mime.ParseMediaType(given)
	charset := parameters["charset"]
	return err == nil && name == described && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

// Takes holds the body of a request to what the document says of its path and method.
func (d *Document) Takes(method, path, body string) error {
	at := pointer("paths", d.template(path), strings.ToLower(method), "requestBody", "content", "application/json")
	content, at := d.at(at)
	if content == nil {
		return fmt.Errorf("%s %s: no JSON is described", method, path)
	}
	return d.holdContent("application/json", []byte(body), at+"/schema")
}
