package native

import (
	"fmt"
	"strconv"

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

// roomForAnswer is how large most answers are at most.
const roomForAnswer = 768

// encodeLine returns the text of a decision, with a line end for those who read it in a terminal.
func encodeLine(d access.Decision) ([]byte, error) {
	text, err := encode(make([]byte, 0, roomForAnswer), d)
	return append(text, '\n'), err
}

// encode appends the text of a decision. With an error, such as for what is no decision, nothing is
// appended.
func encode(to []byte, d access.Decision) ([]byte, error) {
	a, err := render(d)
	if err != nil {
		return to, err
	}
	text := append(append(append(to, `{"outcome":"`...), a.Outcome...), `","decision":`...)
	text = append(strconv.AppendBool(text, a.Decision), ',')
	if text, err = a.AppendMembers(text); err != nil {
		return to, fmt.Errorf("encoding decision %s: %w", d.ID, err)
	}
	return append(text, '}'), nil
}
