package assurance

import (
	stdjson "encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"stepup/sidecar/access"
)

// vocabulary is the form of data.stepup.vocabularies.<name>.
type vocabulary struct {
	Claims  map[string]map[string]string `json:"claims"`
	Kinds   map[string]kind              `json:"kinds"`
	Factors *factors                     `json:"factors"`
	Words   string                       `json:"words"`
	// RequiresWords lists the levels that mean something else at every tenant: their
	// shipped values hold the place of the tenant's words and are never read themselves.
	RequiresWords []string  `json:"requires_words"`
	Methods       []string  `json:"methods"`
	AuthTime      []string  `json:"auth_time"`
	Absent        string    `json:"absent"`
	Challenge     challenge `json:"challenge"`
	Logins        []login   `json:"logins"`
}

// factors grant a level when a list claim holds two methods of different classes.
type factors struct {
	Claim   string            `json:"claim"`
	Classes map[string]string `json:"classes"`
	Level   string            `json:"level"`
}

type login struct {
	Level   string            `json:"level"`
	Claims  []access.Object   `json:"claims"`
	Scopes  []string          `json:"scopes"`
	Request map[string]string `json:"request"`
}

// decode reads one member of the data strictly: no unknown member, no other type, and
// no null, which would read as a member left out.
func decode[T any](f *faults, where place, value any) (T, bool) {
	var into T
	before := len(*f)
	refuseNull(f, where, value)
	if len(*f) > before {
		return into, false
	}
	text, err := stdjson.Marshal(value)
	if err != nil {
		f.add(where, "not JSON (%v); write it as JSON or YAML data", err)
		return into, false
	}
	if err := json.Unmarshal(text, &into, json.RejectUnknownMembers(true)); err != nil {
		explain(f, where, value, err)
		return into, false
	}
	return into, true
}

func refuseNull(f *faults, where place, value any) {
	switch value := value.(type) {
	case nil:
		f.add(where, "null says nothing; leave the member out")
	case []any:
		for i, element := range value {
			refuseNull(f, where.index(i), element)
		}
	case access.Object:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			refuseNull(f, where.member(name), value[name])
		}
	}
}

func explain(f *faults, where place, value any, err error) {
	semantic, ok := errors.AsType[*json.SemanticError](err)
	switch {
	case !ok:
		f.add(where, "%v", err)
	case errors.Is(err, json.ErrUnknownName):
		f.add(where.below(semantic.JSONPointer, value), "unknown member; correct its name or take it out")
	default:
		f.add(where.below(semantic.JSONPointer, value), "a JSON %s cannot stand here", kindName(semantic.JSONKind))
	}
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case '0':
		return "number"
	case 't', 'f':
		return "boolean"
	}
	return "value of this type"
}

// badToken says why a text cannot stand in acr_values, in a scope or in a challenge: the
// characters of RFC 6749, section 3.3 (scope-token), which are also those that a
// quoted-string holds without escapes (RFC 9470, section 3). Empty: it can.
func badToken(s string) string {
	if s == "" {
		return "is empty"
	}
	for _, r := range s {
		if r <= ' ' || r > '~' || r == '"' || r == '\\' {
			return "has the character " + strconv.QuoteRune(r) + " (a space, quote, backslash, control character or one beyond ASCII)"
		}
	}
	return ""
}
