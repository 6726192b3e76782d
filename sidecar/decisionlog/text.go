package decisionlog

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"stepup/sidecar/input"
	"stepup/sidecar/token"
)

// Where no rule looks at an event, nobody needs its parts as values: they are written as
// JSON at once, cleaned on the way, which is a fraction of what copies, Rego's values and
// JSON of them cost. What a token says is written once for all questions of that token.

// write appends the JSON of what [secrets.clean] makes of a value. Names are in order, so that
// what is alike looks alike to whoever compresses it.
func (s secrets) write(to []byte, value any) []byte { return s.writeTo(to, maxDepth, value) }

func (s secrets) writeTo(to []byte, depth int, value any) []byte {
	if depth == 0 {
		return quote(to, tooDeep)
	}
	switch v := value.(type) {
	case map[string]any:
		return s.writeObject(to, depth, v)
	case []any:
		to = append(to, '[')
		for i, item := range v {
			if i > 0 {
				to = append(to, ',')
			}
			to = s.writeTo(to, depth-1, item)
		}
		return append(to, ']')
	case string:
		return quote(to, s.text(v))
	case written:
		return append(to, v...)
	case bool:
		return strconv.AppendBool(to, v)
	case nil:
		return append(to, "null"...)
	case json.Number:
		if plainNumber(v) {
			return append(to, v...)
		}
	case int:
		return s.writeTo(to, depth, int64(v))
	case int64:
		if v > -largest && v < largest {
			return strconv.AppendInt(to, v, 10)
		}
	}
	return s.long(to, depth, value)
}

// written is JSON that is clean already.
type written []byte

func (s secrets) writeObject(to []byte, depth int, o map[string]any) []byte {
	var few [16]string
	names := few[:0]
	for name := range o {
		if !secretNames[strings.ToLower(name)] && s.text(name) != name {
			return s.long(to, depth, o) // two names may be the same without what is secret in them
		}
		names = append(names, name)
	}
	slices.Sort(names)
	to = append(to, '{')
	for i, name := range names {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(quote(to, name), ':')
		if secretNames[strings.ToLower(name)] {
			to = append(to, `"`+redacted+`"`...)
			continue
		}
		to = s.writeTo(to, depth-1, o[name])
	}
	return append(to, '}')
}

// long writes what [secrets.clean] makes of a value the long way, as where rules look at it.
func (s secrets) long(to []byte, depth int, value any) []byte {
	text, err := json.Marshal(s.cleanTo(depth, value))
	if err != nil {
		return quote(to, redacted)
	}
	return append(to, text...)
}

// quote appends a text as JSON. What is no UTF-8 is replaced, as encoding/json replaces it.
func quote(to []byte, text string) []byte {
	to, _ = jsontext.AppendQuote(to, text)
	return to
}

// largest is what whole numbers are below that are always written as they are, and so are those of fewer digits.
const (
	largest       = 1e15
	largestDigits = 15
)

// plainNumber reports whether a number is a whole one, of which neither an encoder nor a double makes anything else.
func plainNumber(n json.Number) bool {
	digits := strings.TrimPrefix(string(n), "-")
	if digits == "" || len(digits) > largestDigits || (digits[0] == '0' && digits != "0") {
		return false
	}
	return !strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
}

// A text is what was asked and answered, as OPA's plugin sends it. It is to be read only.
type text struct {
	question any // json.RawMessage
	answer   any // *unseen; nil: nothing was told
	bytes    int // that it takes, with its event
}

// texts returns the text of an entry, cleaned of credentials, and what its event takes: one that shares
// the text of another takes no more than itself.
func (l *Log) texts(e *entry) (t *text, size int64) {
	if t := l.told.of(e); t != nil {
		return t, envelopeBytes
	}
	t = l.writeText(e)
	l.told.keep(e, t)
	return t, int64(t.bytes)
}

func (l *Log) writeText(e *entry) *text {
	s := secretsOf(e.Request)
	l.draft = l.tokens.asked(l.draft[:0], e, s)
	length := len(l.draft)
	value, told := result(e, true)
	if told {
		l.draft = s.write(l.draft, value)
	}
	whole := slices.Clip(slices.Clone(l.draft)) // no larger than it is, since many wait to be sent
	t := &text{question: json.RawMessage(whole[:length:length]), bytes: envelopeBytes + len(whole)}
	if told {
		t.answer = &unseen{whole[length:]}
	}
	if cap(l.draft) > largestDraft {
		l.draft = nil
	}
	return t
}

// largestDraft bounds what is kept to write in: most questions are much smaller.
const largestDraft = 64 << 10

// asked appends what [asked] makes of an entry, as cleaned JSON.
func (t *tokenTexts) asked(to []byte, e *entry, s secrets) []byte {
	if e.Document == nil || e.Document.Token == nil || e.Claims == nil {
		return s.write(to, asked(e))
	}
	rest := *e.Document
	rest.Token = nil
	o := rest.Object()
	o["token"] = t.of(e.Document.Token, s)
	return s.write(to, o)
}

// tokenTexts keep what was written of tokens, so that it is written once for many questions. They
// are for one goroutine. The zero value has none.
type tokenTexts struct {
	young, old map[*token.Claims]tokenText
	bytes      int // that the young take
}

// A tokenText is what a token says, without what was secret in the request that brought it.
type tokenText struct {
	secrets secrets
	text    written
}

// textBytes is how much the texts of tokens may take, about, with the claims that they keep
// alive: twice as much with the old ones.
const textBytes = 4 << 20

// of returns what claims say. Claims that are presented with other secrets than before are
// written anew: one could stand in a claim.
func (t *tokenTexts) of(c *token.Claims, s secrets) written {
	found, there := t.young[c]
	if !there {
		found, there = t.old[c]
	}
	if !there || !slices.Equal(found.secrets.whole, s.whole) {
		found = tokenText{s, s.write(nil, input.TokenObject(c))}
	}
	t.keep(c, found)
	return found.text
}

func (t *tokenTexts) keep(c *token.Claims, text tokenText) {
	const share = 4 // a text, and claims that take some times as much
	if _, young := t.young[c]; !young {
		t.bytes += share * len(text.text)
	}
	if t.young == nil || t.bytes > textBytes {
		t.old, t.young, t.bytes = t.young, map[*token.Claims]tokenText{}, share*len(text.text)
	}
	t.young[c] = text
}

// An unseen is JSON that is sent, and not shown to rules that mask and drop, of which there
// are none. For them OPA's plugin makes values of what a pointer points to, which is a struct
// without any members to tell, and what it sends it makes of the pointer.
type unseen struct{ text []byte }

// MarshalJSON implements [json.Marshaler].
func (u *unseen) MarshalJSON() ([]byte, error) { return u.text, nil }
