package starter_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"stepup/policies"
	"stepup/sidecar"
	"stepup/sidecar/cases"
	"stepup/sidecar/config"
	"stepup/sidecar/policy"
	"stepup/sidecar/starter"
)

func made(t *testing.T, name, provider string) string {
	t.Helper()
	folder, err := starter.New(name, provider)
	if err != nil {
		t.Fatalf("New(%q, %q): %v", name, provider, err)
	}
	dir := filepath.Join(t.TempDir(), name)
	if err := folder.Write(dir); err != nil {
		t.Fatalf("Write: %v", err)
	}
	return dir
}

// Every shipped vocabulary is a provider, and its folder is right from the first moment: a
// configuration without warnings, a policy in which nothing is found.
func TestEveryProvider(t *testing.T) {
	for provider := range policies.Vocabularies() {
		t.Run(provider, func(t *testing.T) {
			t.Chdir(made(t, "shop", provider))
			c, warnings, err := config.Load(config.Options{File: "stepup.yaml"})
			if err != nil || len(warnings) > 0 {
				t.Fatalf("config.Load(stepup.yaml) = %v, warnings %q", err, warnings)
			}
			if configured := len(c.Issuers) > 0; configured == (provider == starter.Development) {
				t.Errorf("issuers of stepup.yaml: %v", c.Issuers)
			}
			against := policy.Config{Path: c.Policy.Path, Package: c.Policy.Package}
			for _, i := range c.Issuers {
				if i.Vocabulary != provider {
					t.Errorf("the issuer has the vocabulary %s, want %s", i.Vocabulary, provider)
				}
				against.Issuers = append(against.Issuers, policy.Use{Issuer: i.Issuer, Vocabulary: i.Vocabulary, Levels: i.Levels, Claims: i.Claims})
			}
			if found, err := policy.Check(t.Context(), c.Policy.Path, against); err != nil || len(found) > 0 {
				t.Errorf("policy.Check = %v, %v; want nothing found", found, err)
			}
			tryFolder(t, c, against)
		})
	}
}

// tryFolder runs the tests and the case of the folder, whose answer is a step-up.
func tryFolder(t *testing.T, c *config.Config, against policy.Config) {
	t.Helper()
	list, err := cases.Folder("cases")
	if err != nil || len(list) != 1 || list[0].Expect.Outcome != "step_up" {
		t.Fatalf("cases.Folder = %+v, %v; want one step-up", list, err)
	}
	trials, err := sidecar.Try(t.Context(), c, list)
	if err != nil || !trials[0].Passed() {
		t.Errorf("Try = %+v, %v", trials, err)
	}
	report, err := policy.Test(t.Context(), c.Policy.Path, against, policy.Suite{})
	if err != nil || len(report.Tests) < 9 || report.Coverage.Percent() != 100 || len(report.Inputs) > 0 {
		t.Fatalf("policy.Test = %+v, %v", report, err)
	}
	for _, one := range report.Tests {
		if !one.Passed {
			t.Errorf("%s: %+v", one.Name, one.Failure)
		}
	}
}

// A placeholder that somebody else could own would let their tokens in.
func TestPlaceholdersBelongToNobody(t *testing.T) {
	nobodys := []string{
		"https://login.example", // RFC 2606
		"https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/", // no tenant
		"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_ExAmPlE",           // of Amazon's documentation
	}
	for _, provider := range starter.Providers() {
		t.Chdir(made(t, "shop", provider))
		c, _, err := config.Load(config.Options{File: "stepup.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range c.Issuers {
			if !slices.ContainsFunc(nobodys, func(known string) bool { return strings.HasPrefix(i.Issuer, known) }) {
				t.Errorf("%s: the placeholder %s may be somebody's", provider, i.Issuer)
			}
		}
	}
}

// The folder is one for the stock tools too, whatever the package is called: a name that is
// also one of Rego's functions, of the samples' rules or of the folder's own parts.
func TestStockTools(t *testing.T) {
	found, err := exec.Command("go", "tool", "-n", "opa").Output()
	if err != nil {
		t.Fatalf("go tool -n opa: %v", err)
	}
	opa := strings.TrimSpace(string(found))
	short := []string{"opa check --strict --schema schemas policy", "opa test policy"}
	for name, lines := range map[string][]string{
		"my-shop.v2": {"opa fmt --fail --list policy", "opa test --bundle policy", "opa build --bundle policy --output with-tests.tar.gz"},
		"http":       short, "login": short, "policy": short,
	} {
		t.Run(name, func(t *testing.T) {
			dir := made(t, name, "keycloak")
			if name == "my-shop.v2" {
				lines = append(lines, linesOf(t, dir, "opa ")...)
			}
			for _, line := range lines {
				cmd := exec.Command("sh", "-ec", `opa() { "`+opa+`" "$@"; }; `+line)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", line, err, out)
				}
			}
		})
	}
}

// linesOf are the commands of a folder's README that begin so.
func linesOf(t *testing.T, dir, begin string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, begin) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) < 3 {
		t.Fatalf("README.md has %q", lines)
	}
	return lines
}

// What opa build makes of the folder is served as it is, tests in it or not.
func TestBundle(t *testing.T) {
	found, err := exec.Command("go", "tool", "-n", "opa").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(made(t, "my-shop", "keycloak"))
	for _, ignored := range []string{"nothing", "*_test.rego"} {
		cmd := exec.Command(strings.TrimSpace(string(found)), "build", "-b", "policy", "--ignore", ignored, "-o", "shop.tar.gz")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("opa build: %v\n%s", err, out)
		}
		if _, err := policy.Open(t.Context(), policy.Config{Path: "shop.tar.gz", Package: "my_shop"}); err != nil {
			t.Errorf("policy.Open of what opa build made without %s: %v", ignored, err)
		}
	}
}

// A test that could not fail would be no start.
func TestSchemaAndTestsBite(t *testing.T) {
	found, err := exec.Command("go", "tool", "-n", "opa").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ spoil, with, line string }{
		{"input.resource.id == \"/refunds\"", "input.resource.idd == \"/refunds\"", "check --strict --schema schemas policy"},
		{"<= 600", "<= 900", "test policy"},
		{`"mfa" in input.assurance.levels`, `"normal" in input.assurance.levels`, "test policy"},
	} {
		dir := made(t, "shop", starter.Development)
		file := filepath.Join(dir, "policy", "shop.rego")
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), row.spoil) {
			t.Fatalf("%s has no %s (%v)", file, row.spoil, err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), row.spoil, row.with, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(strings.TrimSpace(string(found)), strings.Fields(row.line)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("with %s, opa %s passes\n%s", row.with, row.line, out)
		}
	}
}

func TestPackageOfAName(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"shop", "shop"},
		{"my-shop", "my_shop"},
		{"my shop.v2", "my_shop_v2"},
		{"policies/shop", "shop"},
		{"shop/", "shop"},
		{"Shop", "Shop"},
		{"", ""}, {".", ""}, {"..", ""}, {"/", ""}, {"2shop", ""}, {"_", ""}, {"-x", ""}, {".git", ""},
		{"süß", ""}, {"a\nb", ""}, {"a\"b", ""}, {"a/b;c", ""},
		{"default", ""}, {"import", ""}, {"package", ""}, {"true", ""}, {"null", ""}, {"not", ""}, {"if", ""}, {"in", ""},
		{"data", ""}, {"input", ""},
		{"stepup", ""}, {"system", ""}, {"samples", ""}, {"shop_test", ""}, {"shop-test", ""},
	} {
		folder, err := starter.New(row.name, starter.Development)
		got := ""
		if err == nil {
			got = folder.Package
		}
		if got != row.want {
			t.Errorf("New(%q): package %q, %v; want %q", row.name, got, err, row.want)
		}
	}
}

func TestUnknownProvider(t *testing.T) {
	_, err := starter.New("shop", "keycloack")
	var unknown starter.UnknownProviderError
	if !errors.As(err, &unknown) || unknown.Provider != "keycloack" {
		t.Errorf("New = %v, want an UnknownProviderError", err)
	}
}

// Whatever has the name stays as it is, and nothing is left behind.
func TestNothingIsOverwritten(t *testing.T) {
	for _, row := range []struct {
		name  string
		there func(path string) error
	}{
		{"a file", func(p string) error { return os.WriteFile(p, []byte("mine"), 0o600) }},
		{"an empty folder", func(p string) error { return os.Mkdir(p, 0o700) }},
		{"a folder with a file", func(p string) error {
			return errors.Join(os.Mkdir(p, 0o700), os.WriteFile(filepath.Join(p, "README.md"), []byte("mine"), 0o600))
		}},
		{"a link to nowhere", func(p string) error { return os.Symlink("nowhere", p) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			above := t.TempDir()
			dir := filepath.Join(above, "shop")
			if err := row.there(dir); err != nil {
				t.Fatal(err)
			}
			before := listed(t, above)
			folder, err := starter.New("shop", starter.Development)
			if err != nil {
				t.Fatal(err)
			}
			if err := folder.Write(dir); !errors.Is(err, starter.ErrExists) {
				t.Errorf("Write = %v, want ErrExists", err)
			}
			if after := listed(t, above); after != before {
				t.Errorf("there was\n%s\nand then\n%s", before, after)
			}
		})
	}
}

// Of several who write at once one succeeds, and the folder is whole.
func TestOneOfManyWrites(t *testing.T) {
	above := t.TempDir()
	folder, err := starter.New("shop", starter.Development)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 8)
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() { errs[n] = folder.Write(filepath.Join(above, "shop")) })
	}
	all.Wait()
	wrote := 0
	for _, err := range errs {
		if err == nil {
			wrote++
		} else if !errors.Is(err, starter.ErrExists) {
			t.Errorf("Write = %v, want ErrExists", err)
		}
	}
	if wrote != 1 {
		t.Errorf("%d wrote the folder, want 1", wrote)
	}
	entries, err := os.ReadDir(above)
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the folder above: %v, %v", entries, err)
	}
	if got := strings.Count(listed(t, above), "\n"); got < len(folder.Files) {
		t.Errorf("%d files, want %d:\n%s", got, len(folder.Files), listed(t, above))
	}
}

// A folder that cannot be written whole is not there at all.
func TestAllOrNothing(t *testing.T) {
	above := t.TempDir()
	folder, err := starter.New("shop", starter.Development)
	if err != nil {
		t.Fatal(err)
	}
	// A file where a folder has to be: the last of the files cannot be written.
	folder.Files = append(folder.Files, starter.File{Path: "README.md/more", Text: "x"})
	if err := folder.Write(filepath.Join(above, "shop")); err == nil {
		t.Error("Write succeeded")
	}
	if left := listed(t, above); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
	if err := folder.Write(filepath.Join(above, "nowhere", "shop")); err == nil || !strings.Contains(err.Error(), "there is no folder") {
		t.Errorf("Write below a folder that is not there = %v", err)
	}
}

// listed is every file below a folder with its text.
func listed(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		b.WriteString(name + " " + d.Type().String())
		if d.Type().IsRegular() {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			b.WriteString(" " + string(text[:min(len(text), 20)]))
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
