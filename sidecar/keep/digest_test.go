package keep_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/keep"
)

// TestDigestsTellQuestionsApart changes every field that a question has, one by one and
// however deep, and wants another digest. A field that somebody adds later is changed too:
// a part of the question that no digest covers would give one question's answer to another.
func TestDigestsTellQuestionsApart(t *testing.T) {
	ofRequirement := func(v any) (keep.Digest, bool) { return keep.Requirement(v.(access.RequirementQuestion)) }
	for name, row := range map[string]struct {
		full   any
		digest func(any) (keep.Digest, bool)
	}{
		"requirement": {access.RequirementQuestion{Issuer: "i", Action: fullQuestion().Action, Resource: fullQuestion().Resource, Context: fullQuestion().Context, HTTP: fullQuestion().HTTP}, ofRequirement},
	} {
		seen := map[keep.Digest]string{}
		note := func(path string, v any) {
			got, exact := row.digest(v)
			if !exact {
				t.Errorf("%s: %s: no digest", name, path)
			}
			if other, same := seen[got]; same {
				t.Errorf("%s: %s and %s have one digest", name, path, other)
			}
			seen[got] = path
		}
		note("as it is", row.full)
		changes(reflect.ValueOf(row.full), "", func(path string, changed reflect.Value) { note(path, changed.Interface()) })
		t.Logf("%s: %d digests", name, len(seen))
	}
}

func fullQuestion() access.Request {
	return access.Request{
		Door: "d", Credential: access.NewCredential("token"), Evidence: access.NewCredential("evidence"),
		Asserted: access.Subject{Type: "user", ID: "alice", Properties: access.Object{"p": "1"}},
		Action:   access.Action{Name: "GET", Properties: access.Object{"p": "1"}},
		Resource: access.Resource{Type: "route", ID: "/a", Properties: access.Object{"p": "1"}},
		Context:  access.Object{"c": "1", "d": "2"},
		HTTP: &access.HTTPRequest{
			Method: "GET", Scheme: "https", Host: "h", Path: "/a", Segments: []string{"a"}, Query: map[string][]string{"q": {"1"}},
			Headers: map[string][]string{"h": {"1"}}, ClientIP: "127.0.0.1", Arrived: []string{"h"},
		},
	}
}

// changes gives a copy of a struct for each of its fields, with that field changed. The door
// is left out: no answer depends on it.
func changes(v reflect.Value, path string, give func(string, reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Name == "Door" {
			continue
		}
		each(v.Field(i), path+"."+field.Name, func(path string, changed reflect.Value) {
			another := reflect.New(v.Type()).Elem()
			another.Set(v)
			another.Field(i).Set(changed)
			give(path, another)
		})
	}
}

// each gives other values of one kind.
func each(v reflect.Value, path string, give func(string, reflect.Value)) {
	switch {
	case v.Type() == reflect.TypeFor[access.Credential]():
		give(path, reflect.ValueOf(access.NewCredential("another")))
		give(path+" absent", reflect.ValueOf(access.Credential{}))
	case v.Kind() == reflect.String:
		give(path, reflect.ValueOf(v.String()+"x"))
		give(path+" empty", reflect.ValueOf(""))
	case v.Kind() == reflect.Struct:
		changes(v, path, give)
	case v.Kind() == reflect.Pointer:
		give(path+" nil", reflect.Zero(v.Type()))
		changes(v.Elem(), path, func(path string, changed reflect.Value) {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(changed)
			give(path, p)
		})
	case v.Type() == reflect.TypeFor[access.Object]():
		for what, o := range map[string]access.Object{
			" name": {"other": "1"}, " value": {"c": "9"}, " number": {"c": json.Number("1")}, " true": {"c": true}, " false": {"c": false},
			" null": {"c": nil}, " list": {"c": []any{"1"}}, " longer list": {"c": []any{"1", "1"}}, " list in list": {"c": []any{[]any{"1"}}},
			" object": {"c": access.Object{"1": "1"}}, " none": nil,
		} {
			give(path+what, reflect.ValueOf(o))
		}
	case v.Type() == reflect.TypeFor[[]string]():
		for what, l := range map[string][]string{" longer": {"a", "b"}, " joined": {"ab"}, " none": nil, " empty text": {""}} {
			give(path+what, reflect.ValueOf(l))
		}
	case v.Type() == reflect.TypeFor[map[string][]string]():
		for what, m := range map[string]map[string][]string{
			" name": {"z": {"1"}}, " value": {"q": {"9"}}, " more values": {"q": {"1", "2"}}, " more names": {"q": {"1"}, "r": {"2"}}, " none": nil,
		} {
			give(path+what, reflect.ValueOf(m))
		}
	default:
		give(path+": a kind that this test does not change: teach it, and keep.Question", v)
	}
}

// What nobody can have read from JSON has no digest.
func TestInexact(t *testing.T) {
	for name, value := range map[string]any{"a double": 1.5, "an integer": 1, "texts": []string{"a"}, "inside": []any{access.Object{"a": 1}}} {
		if _, exact := keep.Object(access.Object{"c": value}); exact {
			t.Errorf("%s: a digest", name)
		}
	}
	// One that could not be written leaves nothing behind for the next.
	if _, exact := keep.Object(access.Object{}); !exact {
		t.Error("a plain object has no digest")
	}
}

// The order of members means nothing, and neither does an absent free object.
func TestEqualObjectsHaveOneDigest(t *testing.T) {
	full := access.Object{"c": "1", "d": json.Number("2"), "e": access.Object{"x": nil, "y": true}}
	first, _ := keep.Object(full)
	for range 20 {
		again := access.Object{}
		for _, name := range []string{"e", "d", "c"} {
			again[name] = full[name]
		}
		if second, _ := keep.Object(again); first != second {
			t.Fatal("one object has two digests")
		}
	}
}

// TestSightsTellValuesApart looks at values of every kind, alone and in pairs, and wants
// another digest for each: with what is next to one another, no value can look like two.
func TestSightsTellValuesApart(t *testing.T) {
	values := []any{
		nil, true, false, "", "a", "ab", "b", "1", json.Number("1"), json.Number("1.0"), int64(1), int64(0), []any{}, []any{"a"}, []any{"a", "b"},
		[]string{}, []string{"a"}, []string{"a", "b"}, []string{"ab"}, access.Object{}, access.Object{"a": "b"}, access.Object{"a": nil},
		map[string]string{}, map[string]string{"a": "b"}, map[string][]string{}, map[string][]string{"a": {"b"}}, map[string][]string{"a": {"b", ""}},
	}
	seen := map[keep.Digest]string{}
	note := func(look func(keep.Sight), what ...any) {
		s := keep.Look()
		look(s)
		got, exact := s.Digest()
		if other, same := seen[got]; same || !exact {
			t.Errorf("%#v: exact %t, and as %s", what, exact, other)
		}
		seen[got] = fmt.Sprintf("%#v", what)
	}
	note(func(keep.Sight) {})
	note(func(s keep.Sight) { s.Part(nil, false) }, "nothing")
	for _, one := range values {
		note(func(s keep.Sight) { s.Part(one, true) }, one)
		note(func(s keep.Sight) { s.Part(one, true); s.Part(nil, false) }, one, "nothing")
		for _, other := range values {
			note(func(s keep.Sight) { s.Part(one, true); s.Part(other, true) }, one, other)
		}
	}
}

// A token with an ID token beside it is another than without, or than with another one, or
// than the two the other way round.
func TestTokensAreToldApart(t *testing.T) {
	seen := map[keep.Digest]string{}
	for _, pair := range [][2]string{{"a", ""}, {"a", "b"}, {"a", "c"}, {"b", "a"}, {"ab", ""}, {"", "a"}, {"b", ""}} {
		var c [2]access.Credential
		for i, text := range pair {
			if text != "" {
				c[i] = access.NewCredential(text)
			}
		}
		got := keep.Tokens(c[0], c[1])
		if other, same := seen[got]; same {
			t.Errorf("%q and %s have one digest", pair, other)
		}
		seen[got] = fmt.Sprintf("%q", pair)
	}
}
