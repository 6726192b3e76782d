package decisionlog_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/input"
	"stepup/sidecar/pdp"
)

// TestAskedAgain: a request that is asked again has the text of its last event only if it would
// be written so anew. Each of the pairs is about one request and differs in one thing alone,
// whatever there is in a document and a decision.
func TestAskedAgain(t *testing.T) {
	w := newWorld(t, "", nil)
	first := record()
	first.Request.Note = &access.Note{}
	var names []string
	log := func(r pdp.Record, name string) {
		r.Decision.ID = fmt.Sprint(len(names), " ", name)
		names = append(names, r.Decision.ID)
		w.log.Record(t.Context(), r)
	}
	for name, other := range others(first) {
		log(first, "first")
		log(first, "again")
		log(other, name)
		other.Request.Note = nil
		log(other, name+" anew")
	}
	told := toldOf(t, w)
	for n := 0; n < len(names); n += 4 {
		if first, again := told[names[n]], told[names[n+1]]; first != again || first == "" {
			t.Errorf("asked again the event says\n%s\nwant\n%s", again, first)
		}
		if other, anew := told[names[n+2]], told[names[n+3]]; other != anew || anew == "" {
			t.Errorf("with another %s the event says\n%s\nwant\n%s", names[n+2], other, anew)
		}
	}
	if len(names) < 4*30 {
		t.Errorf("only %d things differed", len(names)/4)
	}
}

// toldOf is what was asked and answered, byte by byte, by the ids of decisions.
func toldOf(t *testing.T, w *world) map[string]string {
	t.Helper()
	w.written()
	told := map[string]string{}
	for _, event := range w.service.Events() {
		var e struct {
			ID            string `json:"decision_id"`
			Input, Result json.RawMessage
		}
		if err := json.Unmarshal(event, &e); err != nil {
			t.Fatal(err)
		}
		told[e.ID] = fmt.Sprintf("%s\n%s", e.Input, e.Result)
	}
	return told
}

// others are records that share everything with one but a single thing, by its name.
func others(r pdp.Record) map[string]pdp.Record {
	all := map[string]pdp.Record{}
	with := func(name string, change func(*pdp.Record)) {
		other := r
		change(&other)
		all[name] = other
	}
	for path := range leaves(reflect.TypeFor[input.Document](), nil) {
		with("document "+path.name, func(o *pdp.Record) {
			doc := *r.Document
			o.Document = &doc
			alter(path.in(reflect.ValueOf(&doc).Elem()))
		})
	}
	for path := range leaves(reflect.TypeFor[access.Decision](), nil) {
		with("decision "+path.name, func(o *pdp.Record) { alter(path.in(reflect.ValueOf(&o.Decision).Elem())) })
	}
	with("credential", func(o *pdp.Record) { o.Request.Credential = access.NewCredential("x-stepup-user of alice") })
	with("credential in a claim", func(o *pdp.Record) { o.Request.Credential = access.NewCredential("https://idp.example/") })
	with("evidence", func(o *pdp.Record) { o.Request.Evidence = access.NewCredential("https://idp.example/") })
	with("claims", func(o *pdp.Record) { o.Claims = nil })
	with("no document", func(o *pdp.Record) { o.Document = nil })
	return all
}

// A leaf is a part of a struct that is none itself.
type leaf struct {
	name  string
	index []int
}

func (l leaf) in(v reflect.Value) reflect.Value { return v.FieldByIndex(l.index) }

func leaves(of reflect.Type, under []int) func(func(leaf) bool) {
	return func(yield func(leaf) bool) {
		for _, f := range reflect.VisibleFields(of) {
			index := append(under[:len(under):len(under)], f.Index...)
			if f.Type.Kind() != reflect.Struct {
				if f.Name != "ID" || of != reflect.TypeFor[access.Decision]() {
					yield(leaf{fmt.Sprint(of.Name(), ".", f.Name), index})
				}
				continue
			}
			for l := range leaves(f.Type, index) {
				yield(l)
			}
		}
	}
}

// alter gives a value another one, and leaves what it refers to as it is.
func alter(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8:
		v.SetUint((v.Uint() + 1) % 4)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		} else {
			v.SetZero()
		}
	case reflect.Slice:
		v.Set(reflect.Append(v.Slice3(0, v.Len(), v.Len()), reflect.Zero(v.Type().Elem())))
	case reflect.Map:
		o := reflect.MakeMap(v.Type())
		for _, name := range v.MapKeys() {
			o.SetMapIndex(name, v.MapIndex(name))
		}
		o.SetMapIndex(reflect.ValueOf("another"), reflect.Zero(v.Type().Elem()))
		v.Set(o)
	default:
		panic("what is another " + v.Type().String() + "?")
	}
}
