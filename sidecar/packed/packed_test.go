package packed_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"stepup/sidecar/packed"
)

// everything is one of each kind that can be written.
type everything struct {
	Number int64
	Flag   bool
	Text   string
	List   []string
}

func (e everything) write(w *packed.Writer) {
	w.Number(e.Number)
	w.Flag(e.Flag)
	w.Text(e.Text)
	w.Texts(e.List)
}

func read(r *packed.Reader) everything {
	return everything{r.Number(), r.Flag(), r.Text(), r.Texts()}
}

// TestPacked: what was written is read, none is told from an empty list, and no text that ends early,
// goes on, or was read otherwise passes for whole.
func TestPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) everything {
			return everything{
				rapid.Int64().Draw(t, "number"), rapid.Bool().Draw(t, "flag"), rapid.String().Draw(t, "text"),
				rapid.OneOf(rapid.Just[[]string](nil), rapid.SliceOfN(rapid.String(), 0, 5)).Draw(t, "list"),
			}
		})
		want := rapid.SliceOfN(one, 1, 4).Draw(t, "values")
		w := &packed.Writer{}
		for _, e := range want {
			e.write(w)
		}
		text := string(w.Bytes())
		r := packed.Read(text)
		for _, e := range want {
			if diff := cmp.Diff(e, read(r)); diff != "" {
				t.Fatalf("written and read:\n%s", diff)
			}
		}
		if !r.Done() {
			t.Fatal("not done after all was read")
		}
		for cut := range text {
			if part := packed.Read(text[:cut]); readAll(part, len(want)) {
				t.Fatalf("the first %d of %d bytes pass for whole", cut, len(text))
			}
		}
		if more := packed.Read(text + "\x00"); readAll(more, len(want)) {
			t.Fatal("a text that goes on passes for whole")
		}
	})
}

func readAll(r *packed.Reader, many int) bool {
	for range many {
		read(r)
	}
	return r.Done()
}

// A writer that begins anew leaves nothing of before in its memory.
func TestReset(t *testing.T) {
	w := &packed.Writer{}
	w.Text("a secret")
	kept := w.Bytes()
	w.Reset()
	if len(w.Bytes()) != 0 || bytes.Contains(kept, []byte("secret")) {
		t.Errorf("after Reset there is %q, and in memory %q", w.Bytes(), kept)
	}
}

// FuzzRead: no text makes a reader take more memory than the text has, or go on where it is broken.
func FuzzRead(f *testing.F) {
	w := &packed.Writer{}
	everything{math.MinInt64, true, "text", []string{"", "a"}}.write(w)
	f.Add(string(w.Bytes()))
	f.Add("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, text string) {
		r := packed.Read(text)
		got := read(r)
		if len(got.List) > len(text) || len(got.Text) > len(text) {
			t.Fatalf("%q became %+v", text, got)
		}
		if !r.Done() {
			return
		}
		again := &packed.Writer{}
		got.write(again)
		if same := read(packed.Read(string(again.Bytes()))); !cmp.Equal(got, same) {
			t.Fatalf("%+v is written and read as %+v", got, same)
		}
	})
}
