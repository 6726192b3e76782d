package keep_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"stepup/sidecar/heaptest"
	"stepup/sidecar/keep"
)

// TestTexts lets texts of many sizes come, and come again, until all room was written over many times. What
// is found is what was put last under its key, and nothing is told to take more than it may.
func TestTexts(t *testing.T) {
	const most = keep.LeastTexts
	r, texts, put := rand.New(rand.NewPCG(1, 1)), keep.NewTexts(most), map[int]string{}
	found, written := 0, 0
	for n := range 120_000 {
		k := r.IntN(n/4 + 1)
		if r.IntN(3) == 0 {
			k = r.IntN(200) // some are asked for often
		}
		got, there := texts.Get(key(k))
		if want, was := put[k]; there && (!was || got != want) {
			t.Fatalf("under key %d there is %q, put was %q", k, got, want)
		}
		if there {
			found++
		}
		text := strings.Repeat(fmt.Sprint(k, "/", n, " "), r.IntN(400))
		if texts.Put(key(k), []byte(text)) {
			put[k] = text
			written += len(text)
		}
	}
	t.Logf("%d found; %d are kept, in %d bytes", found, texts.Len(), texts.Bytes())
	if bytes := texts.Bytes(); bytes > most || bytes < most/2 || written < 5*most || found == 0 {
		t.Errorf("%d bytes are told of %d that may be taken, after %d were written; %d were found", bytes, most, written, found)
	}
	for k := range 200 {
		if _, there := texts.Get(key(k)); there {
			return
		}
	}
	t.Error("nothing is kept of what is asked for often")
}

// TestTextsTakeWhatTheyMay lets short texts come and go for long, which is what the tables that find them
// grow with: with the texts they take what they may and not a quarter more.
func TestTextsTakeWhatTheyMay(t *testing.T) {
	const most = keep.LeastTexts
	before := heaptest.InUse()
	texts, text := keep.NewTexts(most), make([]byte, 300)
	for n := range 600_000 {
		texts.Put(keep.Text(binary.AppendUvarint(nil, uint64(n))), text)
	}
	taken, told := heaptest.InUse()-before, texts.Bytes()
	t.Logf("%d texts take %d KiB, %d told, of %d", texts.Len(), taken>>10, told>>10, most>>10)
	if taken > most+most/4 || told > most || told < taken*3/4 {
		t.Errorf("%d bytes are taken, and %d told; it may take %d", taken, told, most)
	}
	runtime.KeepAlive(texts)
}

// TestTextsAreNothingToTheCollector: with twenty thousand texts there is no more for it to find than with ten.
func TestTextsAreNothingToTheCollector(t *testing.T) {
	texts := keep.NewTexts(keep.LeastTexts)
	found := func(many int) uint64 {
		for n := range many {
			texts.Put(key(n), make([]byte, 400))
		}
		heaptest.InUse() // collects
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapObjects
	}
	few, many := found(10), found(20_000)
	if texts.Len() < 15_000 || many > few+1000 {
		t.Errorf("%d texts are kept; there were %d objects with ten, and are %d", texts.Len(), few, many)
	}
	runtime.KeepAlive(texts)
}

func TestTextsTooLarge(t *testing.T) {
	texts := keep.NewTexts(keep.LeastTexts)
	if !texts.Put(key(1), []byte("short")) {
		t.Error("a short text is not kept")
	}
	if texts.Put(key(2), make([]byte, keep.LeastTexts/1024)) {
		t.Error("a text of a thousandth of all is kept")
	}
	if _, there := texts.Get(key(2)); there {
		t.Error("and found")
	}
	none := keep.NewTexts(keep.LeastTexts - 1)
	if none != nil || none.Put(key(1), nil) || none.Bytes() != 0 || none.Len() != 0 {
		t.Error("less than the least keeps something")
	}
	if _, there := none.Get(key(1)); there {
		t.Error("and something is found in it")
	}
}

// TestLast: what was put last at a place is found there, under its own key only, and together values never
// take more than they may.
func TestLast(t *testing.T) {
	const most = 1 << 20
	r, last, put := rand.New(rand.NewPCG(2, 2)), keep.NewLast[int](most), map[uint64]int{}
	found := 0
	for n := range 50_000 {
		number := r.Uint64N(1000)
		k := keep.Text(binary.AppendUvarint(nil, number))
		got, there := last.Get(k)
		if want, was := put[number]; there && (!was || got != want) {
			t.Fatalf("under key %d there is %d, put was %d", number, got, want)
		}
		if there {
			found++
		}
		if n%7 == 0 {
			last.Forget(k)
			if _, there := last.Get(k); there {
				t.Fatal("what was forgotten is found")
			}
		}
		last.Put(k, n, r.IntN(40_000))
		if put[number] = n; last.Bytes() > most {
			t.Fatalf("%d bytes are told, more than %d", last.Bytes(), most)
		}
	}
	if found < 1000 {
		t.Errorf("%d were found", found)
	}
	last.Put(key(0), 7, most/2)
	if _, there := last.Get(key(0)); there {
		t.Error("a value of half of all is kept")
	}
	if none := keep.NewLast[int](0); none != nil {
		t.Error("room for nothing is some")
	}
}

// Many at a time come out even: with the last value gone, nothing is told any more.
func TestLastTogether(t *testing.T) {
	last := keep.NewLast[int](1 << 16)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 5000 {
				k := keep.Text([]byte{byte(i % 64)})
				last.Put(k, n, i%4000)
				last.Get(k)
				last.Forget(k)
			}
		})
	}
	all.Wait()
	for i := range 64 {
		last.Forget(keep.Text([]byte{byte(i)}))
	}
	if got := last.Bytes(); got != 0 {
		t.Errorf("%d bytes are told of nothing", got)
	}
}
