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
	note    access.Note // of the request
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
		request, err := parse(fragment{Text: body}, question{}, d.cfg.Forward)
		if err != nil {
			return nil, err
		}
		return encodeLine(d.cfg.Decider.Decide(ctx, request))
	}
	key := keep.Text(body)
	if r, known := d.read.Get(key, func(*read) bool { return true }); known {
		return r.answer(body, d.cfg.Decider.Decide(ctx, r.request))
	}
	r, err := d.readAnew(body)
	if err != nil {
		return nil, err
	}
	decision := d.cfg.Decider.Decide(ctx, r.request)
	answer, err := encodeLine(decision)
	if err == nil && worthKeeping(decision) && d.read.Wants(key) {
		r.write(decision, answer)
		d.read.Put(key, r, sizeOfRead(body, answer, decision))
	}
	return answer, err
}

// readAnew reads a question that may be kept.
func (d *Door) readAnew(body []byte) (*read, error) {
	request, err := d.readForm(body)
	if err != nil {
		return nil, err
	}
	r := &read{request: request}
	r.request.Note = &r.note
	return r, nil
}

// worthKeeping leaves out refusals, so that nobody fills the memory with tokens that do not
// hold.
func worthKeeping(d access.Decision) bool {
	return d.Outcome == access.Allow || d.Outcome == access.StepUp
}

// sizeOfRead tells what a question and its answer take in memory, about: both have their texts, and
// the values that stand in these.
func sizeOfRead(question, answer []byte, d access.Decision) int {
	const header, login = 64, 384
	size := sizeOfForm(question) + 2*len(answer) + header*len(d.Headers)
	if d.StepUp != nil {
		size += login * len(d.StepUp.Alternatives)
	}
	if len(d.Obligations) > 0 {
		size += sizeOfValues(answer)
	}
	return size
}

// sizeOfForm tells what a question takes of which these are the texts. Three of its objects are no maps:
// the whole, its action and its resource.
func sizeOfForm(texts ...[]byte) int {
	const fixed = 512
	size := fixed - 3*object
	for _, text := range texts {
		size += len(text) + len(text)/4 + sizeOfValues(text)
	}
	return size
}

// What values of JSON take besides their texts, about.
const (
	value   = 48
	object  = 288 // of a map, which has places for eight members at once
	segment = 16  // of a path, each of which is a text
)

// sizeOfValues tells what the values of a JSON text take. Small ones take much more than their text:
// each has a comma, a colon or a bracket; and each segment of a path a slash, that may be escaped.
func sizeOfValues(text []byte) int {
	count := func(sign string) int { return bytes.Count(text, []byte(sign)) }
	return value*(count(",")+count(":")+count("[")) + (value+object)*count("{") + segment*(count("/")+count(`\`))
}

// answer returns the text of a decision, made of the last one if that says the same, in place of the
// text of the question.
func (r *read) answer(question []byte, d access.Decision) ([]byte, error) {
	if w := r.written.Load(); w != nil && same(w.decision, d) {
		return append(append(append(question[:0], w.before...), d.ID...), w.after...), nil
	}
	answer, err := encodeLine(d)
	if err == nil {
		r.write(d, answer)
	}
	return answer, err
}

// write keeps an answer, in place of the one before, if it has the decision_id once.
func (r *read) write(d access.Decision, answer []byte) {
	before, after, once := bytes.Cut(bytes.Clone(answer), []byte(d.ID))
	if once && d.ID != "" && !bytes.Contains(after, []byte(d.ID)) {
		r.written.Store(&written{d.Own(), before, after})
	}
}

// same reports whether two decisions are written alike, but for their decision_id.
func same(a, b access.Decision) bool {
	return a.Outcome == b.Outcome && a.Revision == b.Revision && a.ValidUntil == b.ValidUntil &&
		sameAssurance(a.Assurance, b.Assurance) &&
		slices.Equal(a.Reasons, b.Reasons) &&
		maps.Equal(a.Headers, b.Headers) &&
		samePointers(a.StepUp, b.StepUp, sameAdvice) &&
		slices.EqualFunc(a.Challenges, b.Challenges, sameChallenge) &&
		(len(a.Obligations)+len(b.Obligations) == 0 || reflect.DeepEqual(a.Obligations, b.Obligations))
}

func sameAssurance(a, b access.Assurance) bool {
	return a.Level == b.Level && a.AuthTime == b.AuthTime && a.Told == b.Told &&
		slices.Equal(a.Levels, b.Levels) && slices.Equal(a.Methods, b.Methods)
}

func sameAdvice(a, b access.StepUpAdvice) bool {
	return a.Level == b.Level && samePointers(a.MaxAge, b.MaxAge, sameValue) &&
		slices.Equal(a.ACRValues, b.ACRValues) &&
		maps.Equal(a.AuthorizationRequest, b.AuthorizationRequest) &&
		slices.EqualFunc(a.Alternatives, b.Alternatives, sameAdvice)
}

func sameChallenge(a, b access.Challenge) bool {
	return a.Scheme == b.Scheme && a.Error == b.Error && a.Description == b.Description &&
		slices.Equal(a.ACRValues, b.ACRValues) && slices.Equal(a.Scope, b.Scope) &&
		samePointers(a.MaxAge, b.MaxAge, sameValue) && samePointers(a.Claims, b.Claims, sameValue)
}

func sameValue[T comparable](a, b T) bool { return a == b }

// samePointers reports whether neither of two points to anything, or both to what is the same.
func samePointers[T any](a, b *T, same func(a, b T) bool) bool {
	return a == b || a != nil && b != nil && same(*a, *b)
}
