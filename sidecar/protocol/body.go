package protocol

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// DefaultBody is how many bytes a request's body may have where nothing else is said.
const DefaultBody = 1 << 20

// ReadJSON returns the body of a request that says it is JSON. The errors are
// [*Problem]s: 415 for another media type or any content coding, 413 for more than
// limit bytes ([DefaultBody] if it is not positive), 503 where others took all places
// while the body came in.
//
// Content codings are refused, not undone, so that the limit is one of what is read.
func ReadJSON(c echo.Context, limit int64) ([]byte, error) {
	if err := checkMediaType(c); err != nil {
		return nil, err
	}
	if err := checkCoding(c); err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = DefaultBody
	}
	return placeOf(c).without(func() ([]byte, error) { return readLimited(c, limit) })
}

func checkMediaType(c echo.Context) error {
	fields := c.Request().Header.Values(echo.HeaderContentType)
	if len(fields) == 1 {
		if mediaType, _, err := mime.ParseMediaType(fields[0]); err == nil && mediaType == echo.MIMEApplicationJSON {
			return nil
		}
	}
	// RFC 9110, section 15.5.16: Accept tells what would have been taken.
	c.Response().Header().Set(echo.HeaderAccept, echo.MIMEApplicationJSON)
	return refused(http.StatusUnsupportedMediaType, "The content type must be application/json: send it once in Content-Type.")
}

func checkCoding(c echo.Context) error {
	for _, coding := range c.Request().Header.Values(echo.HeaderContentEncoding) {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			c.Response().Header().Set(echo.HeaderAcceptEncoding, "identity")
			return refused(http.StatusUnsupportedMediaType, "The body must not be compressed: send it without Content-Encoding.")
		}
	}
	return nil
}

func readLimited(c echo.Context, limit int64) ([]byte, error) {
	r := c.Request()
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, limit))
	if err == nil {
		return body, nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(limit)
	}
	return nil, refused(http.StatusBadRequest, "The body could not be read to its end: send it again.")
}

func tooLarge(limit int64) error {
	return refused(http.StatusRequestEntityTooLarge, "The body must not be larger than %d bytes (limits.body).", limit)
}
