package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/config"
)

var update = flag.Bool("update", false, "write goldens and docs/configuration.md anew")

// golden compares got with a file, or writes the file with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs; if the new text is right, run go test ./sidecar/config -update (-file +now):\n%s", name, diff)
	}
}

func TestReferenceIsThePage(t *testing.T) {
	golden(t, "../../docs/configuration.md", reference(t))
}

// reference is the page as the struct tells it.
func reference(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := config.Reference(&b); err != nil {
		t.Fatalf("Reference: %v", err)
	}
	return b.Bytes()
}

func TestReferencesExamplesLoad(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(reference(t), -1)
	if len(blocks) < 3 {
		t.Fatalf("the page has %d examples, want 3 or more", len(blocks))
	}
	for _, block := range blocks {
		if _, warnings, err := load(string(block[1])); err != nil || len(warnings) > 0 {
			t.Errorf("Load(%s) = %v, %v; want no warning and no error", block[1], warnings, err)
		}
	}
}

func TestReferenceNamesEveryKey(t *testing.T) {
	page := string(reference(t))
	for _, k := range values() {
		for _, want := range []string{"`" + k.Path + "`", k.Env} {
			if !strings.Contains(page, want) {
				t.Errorf("docs/configuration.md lacks %s", want)
			}
		}
	}
}

// values are all keys that are no sections.
func values() []*config.Key {
	var found []*config.Key
	var visit func([]*config.Key)
	visit = func(keys []*config.Key) {
		for _, k := range keys {
			if k.Kind != config.Section {
				found = append(found, k)
			}
			visit(k.Keys)
		}
	}
	visit(config.Keys())
	return found
}

func TestEveryKeySaysWhatItDoes(t *testing.T) {
	for _, k := range values() {
		if k.Help == "" {
			t.Errorf("%s has no help", k.Path)
		}
	}
}

func TestExampleFileHasEveryKey(t *testing.T) {
	c, warnings, err := config.Load(config.Options{File: "../../deploy/stepup.yaml"})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Load(deploy/stepup.yaml) = %v, %v; want no warning and no error", warnings, err)
	}
	for _, k := range values() {
		path := strings.ReplaceAll(k.Path, "[]", "[0]")
		if strings.HasPrefix(k.Path, "callers[]") {
			continue // one caller in the example would keep everybody else out
		}
		if got := c.Origins[path]; got.Source != config.File {
			t.Errorf("deploy/stepup.yaml lacks %s (its origin is %q)", path, got)
		}
	}
}

func TestExampleFileHasTheDefaults(t *testing.T) {
	example, _, err := config.Load(config.Options{File: "../../deploy/stepup.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	example.Issuers, example.Origins = []config.Issuer{}, nil
	defaults := mustLoad(t, "")
	defaults.Origins = nil
	if diff := cmp.Diff(defaults, example); diff != "" {
		t.Errorf("deploy/stepup.yaml has other values than the defaults (-default +file):\n%s", diff)
	}
}
