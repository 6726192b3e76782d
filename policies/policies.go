// Package policies holds the Rego tree and embeds it into the program: the library that
// says how strongly somebody signed in, the levels and vocabularies it reads, the
// demonstration policy, and the schemas of what policies read.
//
//	stepup/assurance     claims and the issuer's vocabulary become levels, methods, login time
//	stepup/levels        data only: the levels and what each implies
//	stepup/vocabularies  data only: one folder per kind of provider
//	stepup/login         what a provider is to do with an authorization request
//	stepup/factors       data only: what each factor of a login proves
//	stepup/samples       builders for tests of policies
//	fabrikam             the demonstration policy
//	schemas              JSON Schemas, as `opa check --schema` reads them
//
// The stock tools work on the folder as it stands:
//
//	opa check --strict --schema policies/schemas policies/
//	opa test policies/
//
// What loads into a running sidecar is less: no tests, no samples, no schemas. This
// package only hands out text and data; compiling them is the work of sidecar/policy.
package policies

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Names that begin with a dot or an underscore would be left out by these patterns.
//
//go:embed fabrikam schemas stepup
var tree embed.FS

// DemonstrationPackage is the package of the embedded demonstration policy.
const DemonstrationPackage = "fabrikam"

// A Module is one file of the tree.
type Module struct {
	Path   string // within the tree, with slashes: "fabrikam/fabrikam.rego"
	Source string
}

// Tree returns everything that is embedded, tests, samples and schemas included.
func Tree() fs.FS { return tree }

// Library returns the modules of the package stepup.assurance, tests left out, by path.
func Library() []Module { return modules("stepup/assurance") }

// LoginRule returns the modules of the package stepup.login, tests left out, by path.
func LoginRule() []Module { return modules("stepup/login") }

// Demonstration returns the modules of the demonstration policy, tests left out, by path.
func Demonstration() []Module { return modules("fabrikam") }

// Levels returns data.stepup.levels as it is shipped: what each level implies. Numbers
// are [json.Number]; the caller owns the result.
func Levels() map[string]any { return data("stepup/levels/data.json") }

// Factors returns data.stepup.factors: what each factor of a login proves. It is under the
// same terms as [Levels].
func Factors() map[string]any { return data("stepup/factors/data.json") }

// Vocabularies returns data.stepup.vocabularies as it is shipped, by name, under the
// same terms as [Levels].
func Vocabularies() map[string]any {
	all := map[string]any{}
	for _, name := range vocabularyFiles() {
		all[path.Base(path.Dir(name))] = data(name)
	}
	return all
}

func vocabularyFiles() []string {
	var names []string
	for _, folder := range entries("stepup/vocabularies") {
		if folder.IsDir() {
			names = append(names, path.Join("stepup/vocabularies", folder.Name(), "data.json"))
		}
	}
	return names
}

// LibraryData returns the files of [Levels] and [Vocabularies] as they are shipped, by path.
func LibraryData() []Module {
	const levels = "stepup/levels/data.json"
	files := []Module{{Path: levels, Source: string(read(levels))}}
	for _, name := range vocabularyFiles() {
		files = append(files, Module{Path: name, Source: string(read(name))})
	}
	return files
}

// AccessSchema returns the JSON Schema of the document that access policies read, which
// they know as schema.access.input.
func AccessSchema() []byte { return read("schemas/access/input.json") }

// AssuranceSchema returns the JSON Schema of what stepup.assurance reads.
func AssuranceSchema() []byte { return read("schemas/assurance/input.json") }

// LoginSchema returns the JSON Schema of what the login rule reads, which it knows as
// schema.login.input.
func LoginSchema() []byte { return read("schemas/login/input.json") }

func modules(folder string) []Module {
	var found []Module
	for _, file := range entries(folder) {
		if !strings.HasSuffix(file.Name(), ".rego") || strings.HasSuffix(file.Name(), "_test.rego") {
			continue
		}
		name := path.Join(folder, file.Name())
		found = append(found, Module{Path: name, Source: string(read(name))})
	}
	return found
}

func data(name string) map[string]any {
	decoder := json.NewDecoder(strings.NewReader(string(read(name))))
	decoder.UseNumber()
	object := map[string]any{}
	if err := decoder.Decode(&object); err != nil {
		panic(fmt.Sprintf("policies: embedded %s: %v", name, err))
	}
	return object
}

// What is embedded was there when the program was built, so a failure to read it is a
// mistake in this file and no condition that a caller could meet.

func read(name string) []byte {
	text, err := tree.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("policies: %v", err))
	}
	return text
}

func entries(folder string) []fs.DirEntry {
	list, err := tree.ReadDir(folder)
	if err != nil {
		panic(fmt.Sprintf("policies: %v", err))
	}
	return list
}
