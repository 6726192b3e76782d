package native

import (
	"bytes"

	"stepup/sidecar/access"
	"stepup/sidecar/keep"
)

// A form is a question without its token, under the digest of the text around that. Most callers ask
// about few things with many tokens: then a question is read by putting its token into a form that is
// known. That is sound because a JSON text stays the same but for one string, if nothing but the
// characters of that string are others, and none of them ends or escapes it.
type form = access.Request

// readForm reads a question, of whose form another one may be known.
func (d *Door) readForm(body []byte) (access.Request, error) {
	p, cut := cutToken(body)
	if !cut {
		return parse(fragment{Text: body}, question{}, d.cfg.Forward)
	}
	key := p.digest()
	if f, known := d.forms.Get(key, func(*form) bool { return true }); known {
		request := *f
		request.Credential = access.NewCredential(string(p.token))
		return request, nil
	}
	q, err := readQuestion(fragment{Text: body})
	if err != nil {
		return access.Request{}, err
	}
	request, err := q.complete("", d.cfg.Forward)
	// Another member may be named so too, in the context.
	if err == nil && q.tokenEnd == p.end() && d.forms.Wants(key) {
		f := request
		f.Credential = access.Credential{}
		d.forms.Put(key, &f, sizeOfForm(p.before, p.after))
	}
	return request, err
}

// The parts of a question's text: the token between its quotes, and what stands around it.
type parts struct{ before, token, after []byte }

// cutToken cuts a question's text at the first member that is called token, if that is a string
// which is what it looks like. Nothing of the text was read yet: it need not be JSON.
func cutToken(body []byte) (p parts, cut bool) {
	const name = `"token"`
	at := bytes.Index(body, []byte(name))
	if at < 0 {
		return p, false
	}
	value, colon := bytes.CutPrefix(bytes.TrimLeft(body[at+len(name):], " \t\r\n"), []byte(":"))
	value, quoted := bytes.CutPrefix(bytes.TrimLeft(value, " \t\r\n"), []byte(`"`))
	if !colon || !quoted {
		return p, false
	}
	size := bytes.IndexByte(value, '"')
	if size <= 0 || !plain(value[:size]) {
		return p, false
	}
	start := len(body) - len(value)
	return parts{body[:start], value[:size], value[size:]}, true
}

// plain reports whether a text stands for itself between quotes (RFC 8259, section 7).
func plain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '\\' || c == '"' {
			return false
		}
	}
	return true
}

// end is where the token ends, its quote included.
func (p parts) end() int64 { return int64(len(p.before) + len(p.token) + len(`"`)) }

func (p parts) digest() keep.Digest {
	s := keep.Look()
	s.Bytes(p.before)
	s.Bytes(p.after)
	key, _ := s.Digest() // texts are always exact
	return key
}
