package policy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stepup/sidecar/input"
	"stepup/sidecar/policy"
)

// A watched source, with a channel that tells of every attempt that was concluded.
type watched struct {
	*policy.Policies
	t        *testing.T
	attempts chan error
	log      *safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// watch opens a source and watches it until the test ends.
func watch(t *testing.T, path string, patience time.Duration) *watched {
	t.Helper()
	w, err := watchAnyway(t, path, patience)
	must(t, err)
	return w
}

// watchAnyway watches a source whose policy may be refused.
func watchAnyway(t *testing.T, path string, patience time.Duration) (*watched, error) {
	t.Helper()
	w := &watched{t: t, attempts: make(chan error, 1000), log: &safeBuffer{}}
	p, refused := policy.Open(context.Background(), policy.Config{
		Path: path, Package: "p", Logger: slog.New(slog.NewTextHandler(w.log, nil)),
		Observe: func(err error) { w.attempts <- err },
	})
	w.Policies = p
	p.Hurry(30*time.Millisecond, patience)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- p.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	return w, refused
}

// until waits for an attempt after which the condition holds.
func (w *watched) until(what string, holds func() bool) {
	w.t.Helper()
	late := time.After(time.Minute)
	for !holds() {
		select {
		case <-w.attempts:
		case <-late:
			w.t.Fatalf("waited in vain for %s; status %+v, log:\n%s", what, w.Status(), w.log)
		}
	}
}

func (w *watched) untilAllow(want bool) {
	w.t.Helper()
	w.until(fmt.Sprintf("allow %v", want), func() bool { return w.allows() == want })
}

func (w *watched) allows() bool {
	w.t.Helper()
	r, err := w.Current().Evaluate(context.Background(), alice())
	must(w.t, err)
	return r.Allow
}

const (
	yes = "package p\n\nallow := true\n"
	no  = "package p\n\nallow := false\n"
)

// However a folder changes, what is there afterwards is active.
func TestWatchFolder(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(t *testing.T, dir string)
	}{
		{"a file is written", func(t *testing.T, dir string) { write(t, dir, files{"p.rego": yes}) }},
		{"a file is moved over", func(t *testing.T, dir string) {
			write(t, dir, files{".p.rego.tmp": yes})
			must(t, os.Rename(filepath.Join(dir, ".p.rego.tmp"), filepath.Join(dir, "p.rego")))
		}},
		{"a file is removed and written", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "p.rego")))
			write(t, dir, files{"p.rego": yes})
		}},
		{"a folder is made, and a file in it later", func(t *testing.T, dir string) {
			write(t, dir, files{"p.rego": "package p\n\nallow if data.a.b.c\n"})
			must(t, os.MkdirAll(filepath.Join(dir, "a/b"), 0o755))
			write(t, dir, files{"a/b/data.json": `{"c": true}`})
		}},
		{"the folder is moved away and another takes its place", func(t *testing.T, dir string) {
			must(t, os.Rename(dir, dir+".old"))
			write(t, dir, files{"p.rego": yes})
		}},
		{"the folder is moved over", func(t *testing.T, dir string) {
			write(t, dir+".new", files{"p.rego": yes})
			must(t, os.Rename(dir, dir+".old"))
			must(t, os.Rename(dir+".new", dir))
		}},
		{"the folder and the one above are removed and come back", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Dir(dir)))
			write(t, dir, files{"p.rego": yes})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "above", "policies")
			write(t, dir, files{"p.rego": no})
			w := watch(t, dir, 5*time.Second)
			row.change(t, dir)
			w.untilAllow(true)
			// And it goes on: the new folder is watched as the old one was.
			write(t, dir, files{"p.rego": no})
			w.untilAllow(false)
		})
	}
}

func TestWatchConfigMap(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir, "..1", rego("allow if data.roles.staff").with(files{"roles/data.json": `{"staff": false}`}))
	w := watch(t, dir, 5*time.Second)
	mount(t, dir, "..2", rego("allow if data.roles.staff").with(files{"roles/data.json": `{"staff": true}`}))
	must(t, os.RemoveAll(filepath.Join(dir, "..1")))
	w.untilAllow(true)
	mount(t, dir, "..3", rego("allow := false"))
	must(t, os.RemoveAll(filepath.Join(dir, "..2")))
	must(t, os.Remove(filepath.Join(dir, "roles")))
	w.untilAllow(false)
}

// A release is a folder, and a link says which one is current.
func TestWatchLinkToFolder(t *testing.T) {
	top := t.TempDir()
	write(t, top, files{"1/policies/p.rego": no, "2/policies/p.rego": yes})
	current := filepath.Join(top, "current")
	must(t, os.Symlink("1", current))
	w := watch(t, filepath.Join(current, "policies"), 5*time.Second)
	must(t, os.Symlink("2", current+".new"))
	must(t, os.Rename(current+".new", current))
	w.untilAllow(true)
}

func TestWatchBundle(t *testing.T) {
	path := bundleFile(t, tarGz(t, entry{name: "p.rego", text: no}))
	w := watch(t, path, 5*time.Second)
	content := tarGz(t, entry{name: "p.rego", text: yes})
	must(t, os.WriteFile(path, content[:len(content)/2], 0o644)) // half of it is there
	must(t, os.WriteFile(path, content, 0o644))
	w.untilAllow(true)
	must(t, os.WriteFile(path+".new", tarGz(t, entry{name: "p.rego", text: no}), 0o644))
	must(t, os.Rename(path+".new", path))
	w.untilAllow(false)
}

// What stays broken is told once, with its place; so is the recovery. The policy before
// stays active in between.
func TestWatchKeepsTheLastGood(t *testing.T) {
	dir := folder(t, files{"p.rego": yes})
	w := watch(t, dir, 300*time.Millisecond)
	before := w.Status()
	for range 3 {
		replace(t, dir, "package p\n\nallow if {\n")
		w.until("the error", func() bool { return w.Status().LastError != nil })
	}
	wantText(t, w.Status().LastError, filepath.Join(dir, "p.rego")+":4: rego_parse_error")
	if after := w.Status(); after.Revision != before.Revision || !w.allows() {
		t.Errorf("revision %q, want %q still", after.Revision, before.Revision)
	}
	replace(t, dir, no)
	w.untilAllow(false)
	w.until("no error", func() bool { return w.Status().LastError == nil })
	for _, line := range []string{"level=ERROR", "is accepted again"} {
		if got := strings.Count(w.log.String(), line); got != 1 {
			t.Errorf("%d lines with %s, want 1:\n%s", got, line, w.log)
		}
	}
}

// replace puts a policy in place at once: half of one would be another error.
func replace(t *testing.T, dir, text string) {
	t.Helper()
	write(t, dir, files{".p.rego.tmp": text})
	must(t, os.Rename(filepath.Join(dir, ".p.rego.tmp"), filepath.Join(dir, "p.rego")))
}

// Without a good policy at the start none is active, until there is one.
func TestWatchWithoutAPolicy(t *testing.T) {
	dir := folder(t, files{"p.rego": "package p\n"})
	w, err := watchAnyway(t, dir, 10*time.Millisecond)
	wantText(t, err, "package p has no rule allow")
	if got := w.Status(); w.Current() != nil || got.Revision != "" || got.LastError == nil {
		t.Errorf("Status: %+v, want no policy and an error", got)
	}
	write(t, dir, files{"p.rego": yes})
	w.until("a policy", func() bool { return w.Current() != nil })
}

// A file that is only half there is waited for, and nobody hears of it.
func TestWatchWaitsForHalfAFile(t *testing.T) {
	dir := folder(t, files{"p.rego": no})
	w := watch(t, dir, time.Minute)
	f, err := os.Create(filepath.Join(dir, "p.rego"))
	must(t, err)
	for _, half := range []string{"package p\n\nallow i", "f input.tok", "en\n"} {
		_, err := io.WriteString(f, half)
		must(t, err)
		time.Sleep(100 * time.Millisecond) // longer than quiet: each half is looked at
	}
	must(t, f.Close())
	w.untilAllow(true)
	if err := w.Status().LastError; err != nil || strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("error %v, log %q, want no error in either", err, w.log)
	}
}

// Decisions while policies are swapped never see one policy with another's data.
func TestSwapsNeverMix(t *testing.T) {
	dir := t.TempDir()
	version := func(n int) files {
		return rego(fmt.Sprintf("allow if data.v == %d\n\nreasons := [sprintf(\"%%d\", [data.v])]", n)).with(files{"data.json": fmt.Sprintf(`{"v": %d}`, n)})
	}
	write(t, dir, version(0))
	p, err := policy.Open(context.Background(), policy.Config{Path: dir, Package: "p"})
	must(t, err)
	doc, stop, faults := alice("normal"), make(chan struct{}), make(chan error, 2)
	for range cap(faults) {
		go func() { faults <- decide(p, doc, stop) }()
	}
	for n := 1; n <= 200; n++ {
		write(t, dir, version(n))
		must(t, p.Reload(context.Background()))
	}
	close(stop)
	for range cap(faults) {
		if err := <-faults; err != nil {
			t.Error(err)
		}
	}
	if r, err := p.Current().Evaluate(context.Background(), doc); err != nil || r.Reasons[0].Message != "200" {
		t.Errorf("Evaluate: %+v, %v, want version 200", r, err)
	}
}

// decide asks until it is stopped; each snapshot must agree with itself.
func decide(p *policy.Policies, doc input.Document, stop <-chan struct{}) error {
	for asked := 0; ; asked++ {
		select {
		case <-stop:
			if asked == 0 {
				return errors.New("no decision was made")
			}
			return nil
		default:
		}
		s := p.Current()
		first, err := s.Evaluate(context.Background(), doc)
		if err != nil || !first.Allow {
			return fmt.Errorf("%s: %+v, %v, want policy and data of one version", s.Revision(), first, err)
		}
		again, err := s.Evaluate(context.Background(), doc)
		if err != nil || again.Reasons[0] != first.Reasons[0] {
			return fmt.Errorf("%s: %+v then %+v, %v", s.Revision(), first, again, err)
		}
	}
}
