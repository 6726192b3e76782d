package assurance

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"stepup/sidecar/access"
)

// An Error is one fault in levels, vocabularies or an issuer's use of them. [Load] joins
// all that it finds; errors.As gives the first.
type Error struct {
	Where string // as a Rego reference: data.stepup.vocabularies.okta.logins[1].level
	What  string // what is wrong there, and what to do
}

// Error implements error.
func (e *Error) Error() string { return e.Where + ": " + e.What }

// faults collects what is wrong, in the order in which it was met.
type faults []error

func (f *faults) add(where place, format string, args ...any) {
	*f = append(*f, &Error{Where: string(where), What: fmt.Sprintf(format, args...)})
}

func (f *faults) err() error { return errors.Join(*f...) }

// A place is where something stands in the data, written as a Rego reference.
type place string

const (
	levelsPlace       place = "data.stepup.levels"
	vocabulariesPlace place = "data.stepup.vocabularies"
)

func (p place) member(name string) place {
	if plainName(name) {
		return p + "." + place(name)
	}
	return p + place("["+strconv.Quote(name)+"]")
}

func (p place) index(i int) place { return p + place("["+strconv.Itoa(i)+"]") }

// below resolves a JSON Pointer (RFC 6901) into the value that stands here. The value
// tells an index from a member whose name is a number.
func (p place) below(pointer jsontext.Pointer, value any) place {
	for token := range pointer.Tokens() {
		list, indexed := value.([]any)
		i, err := strconv.Atoi(token)
		if indexed && err == nil && i < len(list) {
			p, value = p.index(i), list[i]
			continue
		}
		object, _ := value.(access.Object)
		p, value = p.member(token), object[token]
	}
	return p
}

func plainName(s string) bool {
	letter := func(r rune) bool { return r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
	other := func(r rune) bool { return !letter(r) && (r < '0' || r > '9') }
	return s != "" && letter(rune(s[0])) && strings.IndexFunc(s, other) < 0
}
