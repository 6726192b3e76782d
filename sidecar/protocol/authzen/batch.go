package authzen

import (
	"stepup/sidecar/protocol"
)

// A semantic says when a batch ends (section on evaluations_semantic).
type semantic string

const (
	executeAll          semantic = "execute_all"
	denyOnFirstDeny     semantic = "deny_on_first_deny"
	permitOnFirstPermit semantic = "permit_on_first_permit"
)

// ends reports whether a batch ends with an item. An item error and a step-up are no
// permission.
func (s semantic) ends(allowed bool) bool {
	switch s {
	case denyOnFirstDeny:
		return !allowed
	case permitOnFirstPermit:
		return allowed
	case executeAll:
		return false
	}
	return false
}

// batch is what a request for several evaluations said. Its own question is what the items
// leave out, or where there are none the only one.
type batch struct {
	question
	items    []fragment
	semantic semantic
}

// readBatch reads the defaults and leaves the items as they are: what is wrong inside one
// of them is that item's answer.
func readBatch(body []byte, most int) (batch, error) {
	b := batch{semantic: executeAll}
	members := protocol.Members[batch]{
		"evaluations": func(d *decoder, b *batch) error { return d.Items(most, &b.items) },
		"options":     readOptions,
	}
	for name, read := range questionMembers {
		members[name] = func(d *decoder, b *batch) error { return read(d, &b.question) }
	}
	err := readQuestion(fragment{Text: body}, members, &b)
	return b, err
}

// optionMembers has the one option that is known; the specification wants others ignored.
var optionMembers = protocol.Members[batch]{"evaluations_semantic": readSemantic}

func readOptions(d *decoder, b *batch) error { return protocol.Object(d, optionMembers, b) }

func readSemantic(d *decoder, b *batch) error {
	var text string
	if err := d.Text(&text); err != nil {
		return err
	}
	switch b.semantic = semantic(text); b.semantic {
	case executeAll, denyOnFirstDeny, permitOnFirstPermit:
		return nil
	}
	return d.Refuse("must be execute_all, deny_on_first_deny or permit_on_first_permit")
}

// item reads one question of a batch, completed with the defaults. A context of its own
// replaces the default one, and with it the token: that is not taken for a question that
// nobody signed in for.
func (b batch) item(from fragment) (question, error) {
	var q question
	if err := readQuestion(from, questionMembers, &q); err != nil {
		return q, err
	}
	if q.Context != nil && q.Token == "" && b.Token != "" {
		return q, &protocol.Malformed{Pointer: from.Pointer + "/context", Problem: "takes the place of the default context and of the token in it: repeat the token, or send it in the header " + protocol.HeaderToken}
	}
	return q.or(b.question), nil
}
