package native

import (
	"context"
	"net/http"

	"stepup/sidecar/protocol"
)

// Ask answers the body of a POST /v1/decision without HTTP around it: with the status and
// the body of the answer. It is for commands that decide without a server.
func (d *Door) Ask(ctx context.Context, body []byte) (status int, text []byte, err error) {
	if text, err = d.decide(ctx, nil, fragment{Text: body}, question{}); err == nil {
		return http.StatusOK, text, nil
	}
	p := protocol.ProblemOf(err)
	text, err = protocol.Encode(p.Document())
	return p.Status, text, err
}
