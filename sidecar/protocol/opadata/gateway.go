package opadata

import (
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// told is the HTTP request that an input tells, and what else its member request held.
type told struct {
	http *access.HTTPRequest // nil: none
	rest access.Object
}

// httpNames are the members of a request that are known here, by their names in the inputs of
// gateways: Kong says querystring. What comes to the same name twice is refused.
var httpNames = map[string]string{
	"method": "method", "scheme": "scheme", "host": "host", "path": "path", "segments": "segments",
	"query": "query", "querystring": "query", "headers": "headers", "client_ip": "client_ip",
}

// httpRequest reads the request that an input tells: as the native door has it, as Apache
// APISIX does (a header is a text or a list of texts), or as Kong does, one level deeper in
// http. It is then read as strictly as at every door.
func (q question) httpRequest(pointer string) (told, error) {
	if q.request == nil {
		return told{}, nil
	}
	from, pointer, err := unwrapped(q.request, pointer+"/request")
	if err != nil {
		return told{}, err
	}
	plain, rest, err := plainRequest(from, pointer)
	if err != nil {
		return told{}, err
	}
	request, err := strictly(plain, pointer)
	if err != nil {
		return told{}, err
	}
	if q.isAPISIX() && strings.Contains(request.Path, "%") {
		return told{}, &protocol.Malformed{Pointer: pointer + "/path", Problem: "must have no %: APISIX tells a path with its escapes undone, so another path would be asked about than is served"}
	}
	return told{http: request, rest: rest}, nil
}

// unwrapped returns what stands in http, as Kong has it. Beside other members it is refused:
// its headers would reach the policy with all that is secret in them.
func unwrapped(request access.Object, pointer string) (access.Object, string, error) {
	inner, nested := request["http"]
	if !nested {
		return request, pointer, nil
	}
	kong, object := inner.(map[string]any)
	if !object || len(request) > 1 {
		return nil, "", &protocol.Malformed{Pointer: pointer + "/http", Problem: "must be an object and stand alone, as Kong has it"}
	}
	return kong, pointer + "/http", nil
}

// isAPISIX knows the input of that plugin by what it always holds.
func (q question) isAPISIX() bool {
	_, variables := q.rest["var"]
	return variables && q.rest["type"] == "http"
}

// plainRequest sorts the members of a request into those that are known, in the form of the
// native door, and the others.
func plainRequest(from access.Object, pointer string) (plain, rest access.Object, err error) {
	plain, rest = access.Object{}, access.Object{}
	for name, value := range from {
		ours, known := httpNames[name]
		if meant := spelt(name, httpNames); !known && meant != "" {
			// Below context, Headers would be shown to policies with all that is secret in it.
			return nil, nil, &protocol.Malformed{Pointer: pointer, Problem: "has a member that must be spelt " + meant}
		}
		if !known {
			rest[name] = value
			continue
		}
		if _, twice := plain[ours]; twice {
			return nil, nil, &protocol.Malformed{Pointer: pointer, Problem: "has both query and querystring: give one"}
		}
		if ours == "headers" || ours == "query" {
			if value, err = lists(value, pointer+"/"+name); err != nil {
				return nil, nil, err
			}
		}
		plain[ours] = value
	}
	return plain, rest, nil
}

// lists makes lists of single texts, and an empty text of a parameter without a value, which
// nginx tells as true.
func lists(value any, pointer string) (any, error) {
	object, ok := value.(map[string]any)
	if list, empty := value.([]any); empty && len(list) == 0 {
		return access.Object{}, nil // how Lua writes an empty table
	}
	if !ok {
		return nil, &protocol.Malformed{Pointer: pointer, Problem: "must be an object"}
	}
	made := access.Object{}
	for name, v := range object {
		switch v := v.(type) {
		case string:
			made[name] = []any{v}
		case bool:
			made[name] = []any{""}
		case []any:
			made[name] = withoutTrue(v)
		default:
			return nil, &protocol.Malformed{Pointer: pointer, Problem: "must hold texts and lists of texts"}
		}
	}
	return made, nil
}

func withoutTrue(list []any) []any {
	made := make([]any, len(list))
	for i, v := range list {
		if v == true {
			v = ""
		}
		made[i] = v
	}
	return made
}

// strictly reads a request as every JSON door does.
func strictly(plain access.Object, pointer string) (*access.HTTPRequest, error) {
	text, err := protocol.Encode(plain)
	if err != nil {
		return nil, err
	}
	var request *access.HTTPRequest
	err = protocol.Decode(fragment{Text: text, Pointer: pointer, Depth: 3}, func(d *decoder) error { return d.HTTPRequest(&request) })
	return request, err
}

// chooseToken returns the one token of a question: of its member, of the header beside it,
// or, where neither is given, of the request that is told.
func (q question) chooseToken(pointer, header string, told told) (string, error) {
	switch {
	case q.Token != "" && header != "":
		return "", &protocol.Malformed{Pointer: pointer + "/token", Problem: "is given in X-Subject-Token too: give it once"}
	case q.Token != "" || header != "":
		return q.Token + header, nil
	case told.http == nil:
		return "", nil
	}
	return bearer(told.http.Headers["authorization"], pointer+"/request/headers/authorization")
}

// bearer returns the token of the field Authorization of a user's request (RFC 6750, section
// 2.1), or none if there is no such field or it has another scheme than those of tokens.
func bearer(fields []string, pointer string) (string, error) {
	if len(fields) == 0 {
		return "", nil
	}
	if len(fields) > 1 {
		return "", &protocol.Malformed{Pointer: pointer, Problem: "must be there once: which of them counts would be a guess"}
	}
	scheme, token, _ := strings.Cut(fields[0], " ")
	switch {
	case strings.EqualFold(scheme, "DPoP"):
		return "", &protocol.Malformed{Pointer: pointer, Problem: "has a token that is bound to a key, whose proof cannot be told here yet"}
	case !strings.EqualFold(scheme, "Bearer"):
		return "", nil
	case token == "" || strings.ContainsAny(token, " ,\t"):
		return "", &protocol.Malformed{Pointer: pointer, Problem: "must be Bearer and one token"}
	}
	return token, nil
}
