package decisionlog_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"stepup/sidecar/access"
	"stepup/sidecar/decisionlog"
	"stepup/sidecar/input"
	"stepup/sidecar/pdp"
)

// noise is a text that gzip makes little of.
func noise(r *rand.Rand, n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[r.IntN(64)]
	}
	return string(text)
}

func about(i int, context access.Object) pdp.Record {
	r := numbered(i)
	r.Request.Context = context
	doc := input.New(r.Request, r.Claims, r.Decision.Assurance, decided.Unix())
	r.Document = &doc
	return r
}

func faulty(i int) pdp.Record {
	r := numbered(i)
	r.Document, r.Claims = nil, nil
	r.Decision = access.Decision{ID: fmt.Sprint(i), Outcome: access.Indeterminate, Reasons: []access.Reason{access.Because(access.SubjectMismatch)}}
	return r
}

// TestOneEventLosesNoOther: OPA's encoder reads a chunk back that got too large, and loses all of it at one event that it
// cannot read, such as one with an error or a number beyond a double. None of ours is such a one.
func TestOneEventLosesNoOther(t *testing.T) {
	number := numbered(-1)
	number.Decision.Obligations = []access.Object{{"n": json.Number("1e309")}}
	deep := numbered(-1)
	var nested any = "x"
	for range 9999 {
		nested = []any{nested}
	}
	deep.Decision.Obligations = []access.Object{{"n": nested}}
	label := numbered(-1)
	label.Labels = []access.Object{{"n": json.Number("1e309"), "i": math.Inf(1)}}
	for name, poison := range map[string]pdp.Record{"a fault": faulty(-1), "a number": number, "levels": deep, "a label": label} {
		for _, kind := range []string{"event", "size"} {
			for rules, text := range map[string]string{"": "", ", masked": `mask contains "/input/context/nothing" if true`} {
				t.Run(name+", by "+kind+rules, func(t *testing.T) { losesNoOther(t, poison, text, kind, 0) })
			}
		}
	}
}

// TestMasksLoseNoOther: an event into which a mask puts what cannot be read again is lost alone, and counted.
func TestMasksLoseNoOther(t *testing.T) {
	poison := numbered(-1)
	doc := *poison.Document
	doc.Context = access.Object{"n": json.Number("1e308")}
	poison.Request.Context, poison.Document = doc.Context, &doc
	losesNoOther(t, poison, `mask contains {"op": "upsert", "path": "/input/context/n", "value": input.input.context.n * 100}`, "event", 1)
}

func losesNoOther(t *testing.T, poison pdp.Record, rules, kind string, lost int) {
	const many = 1000
	r := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t, rules, map[string]any{"buffer_type": kind})
	for i := range many {
		w.log.Record(t.Context(), numbered(i))
	}
	w.log.Record(t.Context(), poison)
	for range 2 {
		w.log.Record(t.Context(), about(-2, access.Object{"x": noise(r, 30_000)}))
	}
	if got := len(w.written()); got != many+3-lost || w.counted(decisionlog.Failed) != lost {
		t.Errorf("%d of %d events arrived; counted %v, and by OPA %v", got, many+3, w.counts, w.fleet.Counts())
	}
}

// TestNumbersAreNotRounded: what a double does not hold is told as text, by whichever way an event is made, so that nobody
// reads another number, not even OPA's encoder.
func TestNumbersAreNotRounded(t *testing.T) {
	numbers := map[json.Number]bool{ // held by a double?
		"0": true, "-0": true, "0.0": true, "7": true, "-12": true, "1.0": true, "100e-2": true, "0.1": true, "1e21": true, "1e308": true, "5e-324": true,
		"999999999999999": true, "1000000000000000": true, "9007199254740992": true, "0.30000000000000004": true, "52.520006599999999": true,
		"9007199254740993": false, "-9007199254740993": false, "12345678901234567890": false, "0.1000000000000000000001": false, "123456789012345678.5": false, "9007199254740993.5": false,
		"00012": false, ".5": false, "5.": false, "+1": false, "0x1.8p1": false, "1E5": true, "1e+5": true, "1.50": true, " 1 ": false, `{"a":1}`: false,
		"1e309": false, "-1e309": false, "1e-400": false, "1e99999999999999999999": false, "1e-99999999999999999999": false,
	}
	for rules, text := range map[string]string{"text": "", "masked": `mask contains "/input/context/nothing" if true`} {
		t.Run(rules, func(t *testing.T) {
			w := newWorld(t, text, nil)
			context := access.Object{}
			for n := range numbers {
				context[string(n)] = n
			}
			w.log.Record(t.Context(), about(1, context))
			w.written()
			e, err := decisionlog.Read(w.service.Events()[0])
			if err != nil {
				t.Fatal(err)
			}
			got := e.Input["context"].(map[string]any)
			for n, held := range numbers {
				switch told := got[string(n)].(type) {
				case string:
					if held || told != string(n) {
						t.Errorf("%s is told as the text %q", n, told)
					}
				case json.Number:
					a, _ := told.Float64()
					if b, err := n.Float64(); !held || err != nil || a != b {
						t.Errorf("%s is told as the number %s", n, told)
					}
				default:
					t.Errorf("%s is told as %v", n, told)
				}
			}
		})
	}
}
