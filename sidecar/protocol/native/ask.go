package native

import (
	"context"

	"stepup/sidecar/protocol"
)

// Ask answers the body of a POST /v1/decision without HTTP around it: with the status and
// the body of the answer. It is for commands that decide without a server.
func (d *Door) Ask(ctx context.Context, body []byte) (status int, text []byte, err error) {
	status = 200
	var told any
	if told, err = d.decide(ctx, fragment{Text: body}, question{}); err != nil {
		p := protocol.ProblemOf(err)
		status, told = p.Status, p.Document()
	}
	text, err = protocol.Encode(told)
	return status, text, err
}
