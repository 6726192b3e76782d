package deploy_test

import (
	"crypto/sha256"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"stepup/sidecar/config"
)

// TestDockerfile holds the image to what its page promises, by its instructions: from scratch,
// not root, built as the Makefile builds.
func TestDockerfile(t *testing.T) {
	text := read(t, "Dockerfile")
	stages := regexp.MustCompile(`(?m)^FROM `).Split(text, -1)
	image := "FROM " + stages[len(stages)-1]
	for _, want := range []string{"FROM scratch\n", "\nUSER 65532:65532\n", "\nENTRYPOINT [\"/stepup\"]\n", "/etc/ssl/certs/ca-certificates.crt"} {
		if !strings.Contains(image, want) {
			t.Errorf("the image's stage has no %q:\n%s", want, image)
		}
	}
	if strings.Contains(image, "\nRUN ") {
		t.Error("the image's stage runs something, and there is nothing in it to run")
	}
	if !strings.Contains(text, "\nRUN make build VERSION=${VERSION}\n") {
		t.Error("the program is not built as the Makefile builds it")
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))[1]
	if !strings.Contains(text, "FROM golang:"+version+"-") {
		t.Errorf("the builder is not golang:%s, as go.mod says", version)
	}
}

// TestBuildIsReproducible builds the program from two copies of the source in different folders:
// the bytes are the same, static and stripped.
func TestBuildIsReproducible(t *testing.T) {
	var sums [2][sha256.Size]byte
	for i := range sums {
		program := build(t)
		sums[i] = sha256.Sum256([]byte(read(t, program)))
		f, err := elf.Open(program)
		if err != nil {
			t.Skipf("LEFT OUT: what is in the program is looked at on Linux only: %v", err)
		}
		if f.Section(".symtab") != nil || f.Section(".interp") != nil {
			t.Error("the program has symbols, or wants a dynamic linker")
		}
		_ = f.Close()
	}
	if sums[0] != sums[1] {
		t.Error("two builds of the same source differ")
	}
}

// build copies what git knows into a new folder and makes the program there.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	copied := exec.Command("sh", "-c", `git ls-files -co --exclude-standard -z | xargs -0 cp --parents -t "$0"`, dir)
	copied.Dir = ".."
	made := exec.Command("make", "-C", dir, "build", "VERSION=test")
	for _, cmd := range []*exec.Cmd{copied, made} {
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
		}
	}
	return filepath.Join(dir, "bin", "stepup")
}

// TestConfigurationsLoad loads the configurations that the manifests carry, and the one beside
// them.
func TestConfigurationsLoad(t *testing.T) {
	texts := map[string]string{"stepup.yaml": read(t, "stepup.yaml")}
	manifests, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil || len(manifests) < 2 {
		t.Fatalf("manifests: %v, %v", manifests, err)
	}
	for _, name := range manifests {
		for _, doc := range strings.Split(read(t, name), "\n---\n") {
			var m struct{ Data map[string]string }
			if err := yaml.Unmarshal([]byte(doc), &m); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if text, there := m.Data["stepup.yaml"]; there {
				texts[name] = text
			}
		}
	}
	if len(texts) != 3 {
		t.Fatalf("found %d configurations, want 3", len(texts))
	}
	for name, text := range texts {
		_, _, err := config.Load(config.Options{
			File:     name,
			ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
			Environ:  []string{"BUNDLES_TOKEN=t", "BUNDLES_PUBLIC_KEY=k"},
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSystemdUnit asks systemd itself, where it is, whether the unit is well formed and how far
// it shuts the service in.
func TestSystemdUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("LEFT OUT: the unit is verified where systemd-analyze is (on Debian: apt-get install systemd)")
	}
	unit := filepath.Join(t.TempDir(), "stepup.service")
	// The program need not be installed for the unit to be right.
	text := strings.ReplaceAll(read(t, "systemd/stepup.service"), "/usr/local/bin/stepup", "/bin/true")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
	// 20 is an exposure of 2.0 of 10, which systemd calls OK.
	if said, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", unit).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, said)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
