package config_test

import (
	"os"
	"strings"
	"testing"

	"stepup/sidecar/config"
)

// files is a file system of texts.
type files map[string]string

func (f files) read(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	return []byte(text), nil
}

// load loads a text as the file stepup.yaml.
func load(text string, environ ...string) (*config.Config, []string, error) {
	return config.Load(config.Options{
		File:     "stepup.yaml",
		Environ:  environ,
		ReadFile: files{"stepup.yaml": text}.read,
	})
}

// mustLoad is load for a configuration without faults.
func mustLoad(t *testing.T, text string, environ ...string) *config.Config {
	t.Helper()
	c, _, err := load(text, environ...)
	if err != nil {
		t.Fatalf("Load(%q): %v", text, err)
	}
	return c
}

func TestNothingWrittenIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "{}", "null", "\xef\xbb\xbf"} {
		if got := printed(t, mustLoad(t, text)); !strings.Contains(got, "address: 127.0.0.1:8181 # default") {
			t.Errorf("Load(%q) prints\n%s", text, got)
		}
	}
}

// printed is what Print writes.
func printed(t *testing.T, c *config.Config) string {
	t.Helper()
	var b strings.Builder
	if err := c.Print(&b); err != nil {
		t.Fatalf("Print: %v", err)
	}
	return b.String()
}
