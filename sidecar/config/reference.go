package config

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"
)

//go:generate go test . -run TestReference -update

// referenceText is the prose of docs/configuration.md, with a place for the tables.
//
//go:embed reference.md.tmpl
var referenceText string

// Reference writes docs/configuration.md: the prose, and of every key what the table of
// keys says.
func Reference(w io.Writer) error {
	page, err := template.New("reference").Funcs(template.FuncMap{
		"rows":  rows,
		"cell":  cell,
		"value": (*Key).accepts,
	}).Parse(referenceText)
	if err != nil {
		return fmt.Errorf("parsing the reference page's template: %w", err)
	}
	if err := page.Execute(w, Keys()); err != nil {
		return fmt.Errorf("writing the reference page: %w", err)
	}
	return nil
}

// rows are the keys below a top-level key that have values of their own, and the key
// itself if it has one.
func rows(top *Key) []*Key {
	var values []*Key
	walk([]*Key{top}, func(k *Key) {
		if k.Kind != Section {
			values = append(values, k)
		}
	})
	return values
}

// accepts says in a few words what a key's value may be.
func (k *Key) accepts() string {
	kind, _, _ := strings.Cut(string(k.Kind), ",")
	switch {
	case len(k.One) > 0:
		return "`" + strings.Join(k.One, "`, `") + "`"
	case k.Max != "":
		return fmt.Sprintf("%s, %s to %s", kind, k.Min, k.Max)
	default:
		return kind
	}
}

// ShownDefault is the default as one would write it.
func (k *Key) ShownDefault() string { return k.defaultText() }

// cell makes a text safe for a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace(s)
}
