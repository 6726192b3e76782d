package sidecar_test

import (
	"testing"

	"stepup/sidecar/cases"
)

// loadCorpus reads all cases, by name. Each says everything.
func loadCorpus(t *testing.T) map[string]cases.Case {
	t.Helper()
	list, err := cases.Folder("../testdata/cases")
	if err != nil {
		t.Fatal(err)
	}
	corpus := map[string]cases.Case{}
	for _, c := range list {
		if err := c.Whole(); err != nil {
			t.Fatalf("%s: %v", c.File, err)
		}
		corpus[c.Name] = c
	}
	return corpus
}
