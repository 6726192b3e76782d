package native

import (
	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// answer is a decision as it is written, its members in this order.
type answer struct {
	Outcome  string `json:"outcome"`
	Decision bool   `json:"decision"`
	protocol.Answer
}

// render returns a decision as it is written. What is no decision is an error.
func render(d access.Decision) (answer, error) {
	told, err := protocol.AnswerOf(d)
	if err != nil {
		return answer{}, err
	}
	return answer{Outcome: d.Outcome.String(), Decision: d.Outcome == access.Allow, Answer: told}, nil
}
