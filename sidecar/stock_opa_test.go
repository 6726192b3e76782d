package sidecar_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"stepup/sidecar/access"
	"stepup/sidecar/porttest"
)

// notByStockOPA are the policies whose answer cannot be that of a server with a clock of its own.
var notByStockOPA = map[string]string{
	"slow":  "would work on for hours: there is no deadline there",
	"clock": "compares time.now_ns() with the moment of the case",
}

// TestStockOPAAgrees asks a stock OPA server, which runs the same policies as bundles, about the
// documents that the corpus's questions become: where it says that allow is true, and nowhere
// else, the sidecar allows.
func TestStockOPAAgrees(t *testing.T) {
	corpus, worlds := loadCorpus(t), newWorlds(t)
	server := startStockOPA(t)
	asked := 0
	for name, c := range corpus {
		if notByStockOPA[c.Policy.Folder] != "" {
			continue
		}
		w := worlds.of(t, c)
		w.ask(t, c.Now, bodyOf(t, c, tokenOf(t, c, worlds.keys)))
		if w.last == nil || w.last.Document == nil {
			continue // refused before any policy is asked
		}
		pkg := c.Policy.Package
		if c.Policy.Folder == "" {
			pkg = "fabrikam"
		}
		asked++
		got, want := server.allows(t, pkg, w.last.Document.Object()), w.last.Decision.Outcome == access.Allow
		if got != want && w.last.Decision.Outcome != access.Indeterminate {
			t.Errorf("%s: a stock OPA says allow: %v, the sidecar %v\n%s", name, got, want, c.Description)
		}
	}
	if asked < 150 {
		t.Errorf("only %d cases reach a policy", asked)
	}
}

// A stockOPA is a server of OPA's own program.
type stockOPA struct{ url string }

// startStockOPA builds the program of go.mod's tool line and serves every policy of the corpus,
// each as a bundle with roots of its own.
func startStockOPA(t *testing.T) stockOPA {
	t.Helper()
	program := filepath.Join(t.TempDir(), "opa")
	mustRun(t, exec.Command("go", "build", "-o", program, "github.com/open-policy-agent/opa"))
	address := freeAddress(t)
	args := []string{"run", "--server", "--addr", address, "--log-level", "error"}
	for _, folder := range policyFolders(t) {
		args = append(args, "--bundle", asBundle(t, folder))
	}
	cmd := exec.Command(program, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := stockOPA{"http://" + address}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if answer, err := http.Get(s.url + "/health?bundles"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return s
			}
		}
	}
	t.Fatalf("opa %v is not ready:\n%s", args, output.String())
	return s
}

func policyFolders(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob("../testdata/policies/*")
	if err != nil || len(folders) < 10 {
		t.Fatalf("policies of the corpus: %v, %v", folders, err)
	}
	return append(folders, "../policies/fabrikam")
}

// asBundle copies a folder and says in a manifest what it owns: its package. What it
// adds for the library is left out, since no policy here reads it.
func asBundle(t *testing.T, folder string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), filepath.Base(folder))
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "stepup")); err != nil {
		t.Fatal(err)
	}
	tests, _ := filepath.Glob(filepath.Join(dir, "*_test.rego"))
	for _, name := range tests {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	manifest := fmt.Sprintf(`{"roots": [%q]}`, packageIn(t, dir))
	if err := os.WriteFile(filepath.Join(dir, ".manifest"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// packageIn is the package of a folder's policy, as the path of a root.
func packageIn(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.rego"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %v", dir, files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	module, err := ast.ParseModule(files[0], string(text))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimPrefix(module.Package.Path.String(), "data."), ".", "/")
}

// allows asks for <package>/allow as any client of OPA does. An error of the policy is no allow.
func (s stockOPA) allows(t *testing.T, pkg string, input access.Object) bool {
	t.Helper()
	body, err := json.Marshal(map[string]any{"input": input})
	if err != nil {
		t.Fatal(err)
	}
	path := "/v1/data/" + strings.ReplaceAll(pkg, ".", "/") + "/allow?strict-builtin-errors"
	answer, err := http.Post(s.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Result any }
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatalf("%v in OPA's answer %s", err, text)
	}
	return answer.StatusCode == http.StatusOK && told.Result == true
}

func mustRun(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := porttest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
