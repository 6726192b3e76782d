package policy_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stepup/sidecar/policy"
)

// Whatever links lead where, each file that no check reads is told once, and none that one does.
func TestBeside(t *testing.T) {
	all := files{
		"shop/policy/shop.rego": "", "shop/policy/schemas/data.json": "", "shop/stepup.yaml": "", "shop/cases/a.yaml": "", "shop/.git/x.rego": "", "shop/.x.rego": "",
		"shop/spare/a.rego": "", "shop/spare/a_test.rego": "", "shop/spare/data.yml": "", "shop/spare/b.json": "", "shop/schemas/data.json": "",
		"lib/l.rego": "", "linking/x.rego": "",
	}
	links := map[string]string{"shop/lib": "../lib", "shop/again": "../lib", "shop/up": "..", "shop/nowhere": "none", "current": "shop/policy", "shop/same": "policy", "s": "shop", "linking/lib": "../lib"}
	for _, row := range []struct {
		name, dir, served string
		want              []string
	}{
		{"beside", "shop", "shop/policy", []string{"shop/again/l.rego", "shop/spare/a.rego", "shop/spare/a_test.rego", "shop/spare/data.yml", "shop/up/linking/x.rego"}},
		{"served by a link", "shop", "current", []string{"shop/again/l.rego", "shop/spare/a.rego", "shop/spare/a_test.rego", "shop/spare/data.yml", "shop/up/linking/x.rego"}},
		{"a link to all", "s", "shop/policy", []string{"s/again/l.rego", "s/spare/a.rego", "s/spare/a_test.rego", "s/spare/data.yml", "s/up/linking/x.rego"}},
		{"served through a link", ".", "linking", []string{"current/shop.rego", "s/spare/a.rego", "s/spare/a_test.rego", "s/spare/data.yml"}},
		{"from elsewhere", "lib", "shop/policy", []string{"lib/l.rego"}},
		{"all of it", "shop", "shop", nil},
		{"itself", "lib", "lib", nil},
		{"what is above", "shop/policy", "shop", nil},
		{"what there is not", "lib", "nowhere", []string{"lib"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := folder(t, all)
			for name, to := range links {
				must(t, os.Symlink(to, filepath.Join(dir, name)))
			}
			var got []string
			for _, f := range policy.Beside(context.Background(), filepath.Join(dir, row.dir), filepath.Join(dir, row.served)) {
				if f.Severity != policy.SeverityWarning {
					t.Errorf("%s is no warning", f)
				}
				got = append(got, strings.TrimPrefix(f.File, dir+"/"))
			}
			if strings.Join(got, " ") != strings.Join(row.want, " ") {
				t.Errorf("Beside(%s, %s) tells of\n%q, want\n%q", row.dir, row.served, got, row.want)
			}
		})
	}
}
