package native

import (
	"bytes"
	"context"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"

	"stepup/sidecar/access"
	"stepup/sidecar/keep"
)

// A read is a question that was read before, under the digest of its text, with the answer
// that was last written to it. Reading is a function of the text alone; who may ask, and
// how the text came, was looked at before. What the answer is, is decided anew each time:
// only writing down what says the same is saved.
type read struct {
	request access.Request
	written atomic.Pointer[written]
}

// A written is the text of an answer around its decision_id.
type written struct {
	decision      access.Decision
	before, after []byte
}

// mostRead bounds the questions whose texts are worth to be known again.
const mostRead = 16 << 10

// answerTo takes one question from text to the text of its answer. Nothing of the question is in use
// after that, for what is read of it are copies; the answer may stand in its place.
func (d *Door) answerTo(ctx context.Context, body []byte) ([]byte, error) {
	if d.read == nil || len(body) > mostRead {
		r, err := d.parse(body)
		if err != nil {
			return nil, err
		}
		return encodeLine(d.cfg.Decider.Decide(ctx, r.request))
	}
	key := keep.Text(body)
	if r, known := d.read.Get(key, func(*read) bool { return true }); known {
		return r.write(body, d.cfg.Decider.Decide(ctx, r.request))
	}
	r, err := d.parse(body)
	if err != nil {
		return nil, err
	}
	decision := d.cfg.Decider.Decide(ctx, r.request)
	if worthKeeping(decision) {
		d.read.Put(key, r, sizeOfRead(body))
	}
	return encodeLine(decision)
}

func (d *Door) parse(body []byte) (*read, error) {
	request, err := parse(fragment{Text: body}, question{}, d.cfg.Forward)
	if err != nil {
		return nil, err
	}
	if d.read != nil {
		request.Note = &access.Note{}
	}
	return &read{request: request}, nil
}

// worthKeeping leaves out refusals, so that nobody fills the memory with tokens that do not
// hold.
func worthKeeping(d access.Decision) bool {
	return d.Outcome == access.Allow || d.Outcome == access.StepUp
}

// sizeOfRead tells what a question and its answer take in memory, about: the parts of the
// text are copies, and answers are no larger than questions with their tokens. Small values take
// much more than their text: each has a comma or a bracket.
func sizeOfRead(body []byte) int {
	const value = 64
	many := 0
	for _, sign := range []string{",", "[", "{"} {
		many += bytes.Count(body, []byte(sign))
	}
	return 2048 + 3*len(body) + value*many
}

// write returns the text of a decision, made of the last one if that says the same, in place of the
// text of the question.
func (r *read) write(question []byte, d access.Decision) ([]byte, error) {
	if w := r.written.Load(); w != nil && same(w.decision, d) {
		return append(append(append(question[:0], w.before...), d.ID...), w.after...), nil
	}
	text, err := encodeLine(d)
	if err != nil {
		return nil, err
	}
	if before, after, once := bytes.Cut(text, []byte(d.ID)); once && d.ID != "" && !bytes.Contains(after, []byte(d.ID)) {
		r.written.Store(&written{d, before, after})
	}
	return text, nil
}

// same reports whether two decisions are written alike, but for their decision_id.
func same(a, b access.Decision) bool {
	return a.Outcome == b.Outcome && a.Revision == b.Revision && a.ValidUntil == b.ValidUntil &&
		sameAssurance(a.Assurance, b.Assurance) &&
		slices.Equal(a.Reasons, b.Reasons) &&
		maps.Equal(a.Headers, b.Headers) &&
		(a.StepUp == b.StepUp || reflect.DeepEqual(a.StepUp, b.StepUp)) &&
		(len(a.Challenges)+len(b.Challenges) == 0 || reflect.DeepEqual(a.Challenges, b.Challenges)) &&
		(len(a.Obligations)+len(b.Obligations) == 0 || reflect.DeepEqual(a.Obligations, b.Obligations))
}

func sameAssurance(a, b access.Assurance) bool {
	return a.Level == b.Level && a.AuthTime == b.AuthTime && a.Told == b.Told &&
		slices.Equal(a.Levels, b.Levels) && slices.Equal(a.Methods, b.Methods)
}
