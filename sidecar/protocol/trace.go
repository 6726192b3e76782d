package protocol

import (
	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/propagation"
)

// traced notes the trace that a request belongs to in its context (W3C Trace Context,
// section 3.2), for the record only. A field traceparent that cannot be read is none.
func traced(c echo.Context) {
	if r := c.Request(); r.Header.Get("traceparent") != "" {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		c.SetRequest(r.WithContext(ctx))
	}
}
