package starter

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/open-policy-agent/opa/v1/format"

	"stepup/policies"
)

// samplesFor are the shipped builders of documents as a file of the policy's own tests:
// what they look up in data stands in the file, so that the stock tools need nothing else.
func samplesFor(pkg string) (string, error) {
	shipped, err := fs.ReadFile(policies.Tree(), "stepup/samples/samples.rego")
	if err != nil {
		return "", fmt.Errorf("reading the shipped samples: %w", err)
	}
	text := string(shipped)
	for _, change := range []struct{ from, to string }{
		{"package stepup.samples", "package " + pkg + "_test"},
		{"with input as samples.document([samples.person(\"alice\"), samples.login(\"mfa\", 600), …])", "with input as document([person(\"alice\"), login(\"mfa\", 600), …])"},
		{`data.stepup.vocabularies["stepup-demo"].logins`, "_logins"},
		{"data.stepup.levels", "_levels"},
	} {
		if strings.Count(text, change.from) != 1 {
			return "", fmt.Errorf("the shipped samples have %q more than once, or not at all", change.from)
		}
		text = strings.Replace(text, change.from, change.to, 1)
	}
	logins, err := loginsOf(Development)
	if err != nil {
		return "", err
	}
	levels, err := json.Marshal(policies.Levels())
	if err != nil {
		return "", err
	}
	text += fmt.Sprintf(samplesData, levels, logins)
	formatted, err := format.Source("samples_test.rego", []byte(text))
	if err != nil {
		return "", fmt.Errorf("formatting the samples: %w", err)
	}
	return string(formatted), nil
}

// samplesData stands at the end of the samples. Levels of one's own are added here too.
const samplesData = `
# METADATA
# title: The levels
# description: What each implies, as data.stepup.levels has it; add your own here too.
_levels := %s

# METADATA
# title: The logins that the development issuer offers
# description: The claims that each leads to, as data.stepup.vocabularies has them.
_logins := %s
`

// loginsOf are the logins of a shipped vocabulary, with what a sample needs of them.
func loginsOf(vocabulary string) ([]byte, error) {
	v, _ := policies.Vocabularies()[vocabulary].(map[string]any)
	offered, _ := v["logins"].([]any)
	if len(offered) == 0 {
		return nil, fmt.Errorf("the vocabulary %s offers no logins", vocabulary)
	}
	var logins []map[string]any
	for _, one := range offered {
		login, _ := one.(map[string]any)
		logins = append(logins, map[string]any{"level": login["level"], "claims": login["claims"]})
	}
	return json.Marshal(logins)
}
