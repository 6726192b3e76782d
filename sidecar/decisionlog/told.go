package decisionlog

import (
	"maps"
	"reflect"
	"slices"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
)

// What is asked again within a second is the same question, and is mostly answered alike: the
// text of its event is then that of the event before, which is written once and, however
// many wait to be sent, is there once.

// told keeps the texts of one second, by the notes of requests that doors keep. A note only says
// where to look: a text is that of another event if all that it was written of is the same. It is
// for one goroutine. The zero value has none.
type told struct {
	now   int64
	last  map[*access.Note]telling
	bytes int
}

// A telling is a text with all that it was written of.
type telling struct {
	credential, evidence access.Credential
	document             input.Document
	decision             access.Decision
	text                 *text
}

// toldBytes is how much the texts of a second may take, about, with the requests that they
// keep alive.
const toldBytes = 8 << 20

// of returns the text of an entry, if it was written before; nil: it was not.
func (t *told) of(e *entry) *text {
	if before, there := t.last[e.Request.Note]; there && before.says(e) {
		return before.text
	}
	return nil
}

// keep keeps the text of an entry, if it can come again.
func (t *told) keep(e *entry, text *text) {
	if e.Request.Note == nil || !ofItsDocument(e) {
		return
	}
	if t.last == nil || t.now != e.Document.Now || t.bytes > toldBytes {
		t.now, t.last, t.bytes = e.Document.Now, map[*access.Note]telling{}, 0
	}
	t.last[e.Request.Note] = telling{e.Request.Credential, e.Request.Evidence, *e.Document, e.Decision, text}
	t.bytes += text.bytes + int(e.size)
}

// ofItsDocument reports whether the text of an entry is that of a decision, and of nothing but
// its document.
func ofItsDocument(e *entry) bool {
	return e.further == nil && e.Document != nil && (e.Claims != nil || e.Document.Token == nil)
}

// says reports whether the text is that of an entry too.
func (t *telling) says(e *entry) bool {
	return ofItsDocument(e) &&
		t.credential == e.Request.Credential && t.evidence == e.Request.Evidence &&
		sameDocument(&t.document, e.Document) && sameResult(&t.decision, &e.Decision)
}

// sameDocument reports whether two documents are written alike. Objects are the same only if
// they are one: what is shared is never changed.
func sameDocument(a, b *input.Document) bool {
	return a.Now == b.Now && a.Request == b.Request && a.Token == b.Token &&
		a.Subject.Type == b.Subject.Type && a.Subject.ID == b.Subject.ID && one(a.Subject.Properties, b.Subject.Properties) &&
		a.Action.Name == b.Action.Name && one(a.Action.Properties, b.Action.Properties) &&
		a.Resource.Type == b.Resource.Type && a.Resource.ID == b.Resource.ID && one(a.Resource.Properties, b.Resource.Properties) &&
		one(a.Context, b.Context) && sameAssurance(&a.Assurance, &b.Assurance)
}

// sameResult reports whether [Result] makes the same of two decisions.
func sameResult(a, b *access.Decision) bool {
	return a.Outcome == b.Outcome && a.Revision == b.Revision && a.ValidUntil == b.ValidUntil && a.StepUp == b.StepUp &&
		slices.Equal(a.Reasons, b.Reasons) && maps.Equal(a.Headers, b.Headers) &&
		slices.EqualFunc(a.Obligations, b.Obligations, one) && sameAssurance(&a.Assurance, &b.Assurance)
}

func sameAssurance(a, b *access.Assurance) bool {
	return a.Level == b.Level && a.AuthTime == b.AuthTime &&
		slices.Equal(a.Levels, b.Levels) && slices.Equal(a.Methods, b.Methods)
}

// one reports whether two objects are the very same.
func one(a, b access.Object) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer()
}
