package protocol

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// DefaultBody is how many bytes a request's body may have where nothing else is said.
const DefaultBody = 1 << 20

// A Body says which bodies a door takes. The zero value takes JSON that is called so, as
// it is, of [DefaultBody] bytes at most.
type Body struct {
	// Limit is how many bytes a body may have, before and after it is decompressed; 0:
	// [DefaultBody].
	Limit int64
	// AnyType reads as JSON also what is not called so, but for YAML.
	AnyType bool
	// Gzip undoes this one content coding.
	Gzip bool
}

// ReadJSON returns the body of a request that says it is JSON, as the zero [Body] does.
func ReadJSON(c echo.Context, limit int64) ([]byte, error) { return Body{Limit: limit}.Read(c) }

// Read returns the body of a request. The errors are [*Problem]s: 415 for another media type
// or content coding, 413 for more bytes than the limit, 503 where others took all places
// while the body came in.
func (b Body) Read(c echo.Context) ([]byte, error) {
	if b.Limit <= 0 {
		b.Limit = DefaultBody
	}
	if err := b.checkMediaType(c); err != nil {
		return nil, err
	}
	compressed, err := b.checkCoding(c)
	if err != nil {
		return nil, err
	}
	body, err := placeOf(c).without(func() ([]byte, error) { return readLimited(c, b.Limit) })
	if err != nil || !compressed {
		return body, err
	}
	return decompressed(body, b.Limit)
}

func (b Body) checkMediaType(c echo.Context) error {
	fields := c.Request().Header.Values(echo.HeaderContentType)
	if b.AnyType && len(fields) <= 1 && !strings.Contains(strings.ToLower(strings.Join(fields, "")), "yaml") {
		return nil
	}
	if len(fields) == 1 {
		if fields[0] == echo.MIMEApplicationJSON {
			return nil // as nearly everybody says it
		}
		if mediaType, _, err := mime.ParseMediaType(fields[0]); err == nil && mediaType == echo.MIMEApplicationJSON {
			return nil
		}
	}
	// RFC 9110, section 15.5.16: Accept tells what would have been taken.
	c.Response().Header().Set(echo.HeaderAccept, echo.MIMEApplicationJSON)
	return refused(http.StatusUnsupportedMediaType, "The content type must be application/json: send it once in Content-Type.")
}

// checkCoding reports whether the body is compressed in the one way that is undone here.
func (b Body) checkCoding(c echo.Context) (compressed bool, err error) {
	fields := c.Request().Header.Values(echo.HeaderContentEncoding)
	if b.Gzip && len(fields) == 1 && strings.EqualFold(strings.TrimSpace(fields[0]), "gzip") {
		return true, nil
	}
	for _, coding := range fields {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			return false, b.unknownCoding(c)
		}
	}
	return false, nil
}

func (b Body) unknownCoding(c echo.Context) error {
	if b.Gzip {
		c.Response().Header().Set(echo.HeaderAcceptEncoding, "gzip, identity")
		return refused(http.StatusUnsupportedMediaType, "The body must be compressed with gzip, once, or not at all.")
	}
	c.Response().Header().Set(echo.HeaderAcceptEncoding, "identity")
	return refused(http.StatusUnsupportedMediaType, "The body must not be compressed: send it without Content-Encoding.")
}

// decompressed undoes gzip (RFC 1952), and stops as soon as there is more than the limit.
func decompressed(body []byte, limit int64) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, notGzip()
	}
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, notGzip()
	}
	if int64(len(text)) > limit {
		return nil, tooLarge(limit)
	}
	return text, nil
}

func notGzip() error {
	return refused(http.StatusBadRequest, "The body is not gzip, as Content-Encoding says: send it as it is.")
}

// mostForeseen is for how many bytes of a body there is room before any of them came.
const mostForeseen = 16 << 10

func readLimited(c echo.Context, limit int64) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	// What somebody says to send is made room for, but not more than most send: it costs
	// nothing to say so.
	if length := r.ContentLength; 0 < length && length <= mostForeseen {
		body := room(length)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, unread()
		}
		return body, nil
	}
	body := bytes.NewBuffer(make([]byte, 0, bytes.MinRead+int(min(max(r.ContentLength, 0), mostForeseen))))
	_, err := body.ReadFrom(http.MaxBytesReader(c.Response(), r.Body, limit))
	if err == nil {
		return body.Bytes(), nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(limit)
	}
	return nil, unread()
}

func unread() error {
	return refused(http.StatusBadRequest, "The body could not be read to its end: send it again.")
}

func tooLarge(limit int64) error {
	return refused(http.StatusRequestEntityTooLarge, "The body must not be larger than %d bytes (limits.body).", limit)
}
