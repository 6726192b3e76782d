package sidecar_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the table of docs/architecture.md to the imports of the code.
func TestImports(t *testing.T) {
	allowed := readImportTable(t)
	for _, pkg := range listPackages(t) {
		room, ours := strings.CutPrefix(pkg.ImportPath, "stepup/")
		if !ours {
			continue
		}
		room = strings.TrimPrefix(room, "sidecar/")
		may, listed := allowed[room]
		if !listed {
			t.Errorf("package %s is not in the import table of docs/architecture.md", pkg.ImportPath)
			continue
		}
		delete(allowed, room)
		for _, imported := range pkg.Imports {
			if name, ours := strings.CutPrefix(imported, "stepup/"); ours && !may(strings.TrimPrefix(name, "sidecar/")) {
				t.Errorf("%s imports %s, which the table does not allow", pkg.ImportPath, imported)
			}
		}
	}
	for room := range allowed {
		t.Errorf("the import table names %s, which is no package", room)
	}
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "stepup/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

var importRow = regexp.MustCompile("^\\| `([^`]+)` \\| [^|]+ \\| ([^|]+) \\|$")

// readImportTable returns, by package, what it may import of ours.
func readImportTable(t *testing.T) map[string]func(string) bool {
	t.Helper()
	page, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	table := make(map[string]func(string) bool)
	for _, line := range strings.Split(string(page), "\n") {
		row := importRow.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		listed := strings.Split(row[2], ", ")
		everything := strings.HasPrefix(row[2], "everything")
		table[row[1]] = func(name string) bool {
			if name == "token/tokentest" {
				return false
			}
			return everything || name == "telemetry" || slices.Contains(listed, name)
		}
	}
	if len(table) < 10 {
		t.Fatalf("read %d rows of the import table", len(table))
	}
	return table
}
