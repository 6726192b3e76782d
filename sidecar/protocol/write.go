package protocol

import (
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Decisions are written by the thousands, so that what [Encode] makes of an answer by looking at its
// types is written here member by member: the same bytes, as a test holds, in less time.

// AppendMembers appends the members of an answer as [Encode] writes them, without the braces around
// them, for doors that have members of their own before. Its errors are those of Encode: a text
// that is no UTF-8, an obligation that is no JSON.
func (a *Answer) AppendMembers(to []byte) ([]byte, error) {
	w := writer{text: to}
	w.plain(`"decision_id":`).quoted(a.DecisionID)
	w.plain(`,"revision":`).quoted(a.Revision)
	w.plain(`,"reasons":`)
	array(&w, a.Reasons, (*writer).reason)
	w.plain(`,"assurance":`).assurance(&a.Assurance)
	if a.StepUp != nil {
		w.plain(`,"step_up":{`).login(&a.StepUp.Login)
		w.plain(`,"alternatives":`)
		array(&w, a.StepUp.Alternatives, (*writer).alternative)
		w.plain(`}`)
	}
	if len(a.Obligations) > 0 {
		w.plain(`,"obligations":`).free(a.Obligations)
	}
	if len(a.Headers) > 0 {
		w.plain(`,"headers":`).texts(a.Headers)
	}
	w.plain(`,"http":{"status":`).number(int64(a.HTTP.Status))
	w.plain(`,"www_authenticate":`).list(a.HTTP.WWWAuthenticate)
	w.plain(`}`)
	if a.ValidUntil != 0 {
		w.plain(`,"valid_until":`).number(a.ValidUntil)
	}
	return w.text, w.err
}

// A writer appends JSON, and remembers the first thing that cannot be written.
type writer struct {
	text []byte
	err  error
}

func (w *writer) plain(json string) *writer {
	w.text = append(w.text, json...)
	return w
}

func (w *writer) quoted(s string) {
	var err error
	if w.text, err = jsontext.AppendQuote(w.text, s); err != nil && w.err == nil {
		w.err = err
	}
}

func (w *writer) quote(s *string) { w.quoted(*s) }

func (w *writer) number(n int64) { w.text = strconv.AppendInt(w.text, n, 10) }

func (w *writer) list(texts []string) { array(w, texts, (*writer).quote) }

func (w *writer) reason(r *Reason) {
	w.plain(`{"code":`).quoted(r.Code)
	w.plain(`,"message":`).quoted(r.Message)
	w.plain(`}`)
}

func (w *writer) assurance(a *Assurance) {
	w.plain(`{"level":`).quoted(a.Level)
	w.plain(`,"levels":`).list(a.Levels)
	w.plain(`,"methods":`).list(a.Methods)
	w.plain(`,"auth_time":`).number(a.AuthTime)
	w.plain(`}`)
}

func (w *writer) alternative(l *Login) {
	w.plain(`{`).login(l)
	w.plain(`}`)
}

func (w *writer) login(l *Login) {
	w.plain(`"level":`).quoted(l.Level)
	if l.MaxAge != nil {
		w.plain(`,"max_age":`).number(*l.MaxAge)
	}
	w.plain(`,"acr_values":`).list(l.ACRValues)
	w.plain(`,"authorization_request":`).texts(l.AuthorizationRequest)
}

// texts writes an object of texts, its names in order.
func (w *writer) texts(m map[string]string) {
	var few [8]string
	names := slices.AppendSeq(few[:0], maps.Keys(m))
	slices.Sort(names)
	w.plain(`{`)
	for i, name := range names {
		if i > 0 {
			w.plain(`,`)
		}
		w.quoted(name)
		w.plain(`:`).quoted(m[name])
	}
	w.plain(`}`)
}

// free writes what a policy made.
func (w *writer) free(value any) {
	text, err := Encode(value)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.text = append(w.text, text...)
}

func array[T any](w *writer, list []T, item func(*writer, *T)) {
	w.plain(`[`)
	for i := range list {
		if i > 0 {
			w.plain(`,`)
		}
		item(w, &list[i])
	}
	w.plain(`]`)
}
