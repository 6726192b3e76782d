package check

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
	// The module whose files schemas reads: it has the OpenAPI documents of Kubernetes' releases.
	_ "sigs.k8s.io/kubectl-validate/pkg/utils"
)

// kubernetes are the releases that the manifests are held against: the first one with native
// sidecars, and the newest one whose document the module has.
var kubernetes = []string{"1.29", "1.30"}

// TestKubeconform puts every document of every manifest to kubeconform, strictly: a member that a
// release does not have, one that is missing, or one given twice is refused.
func TestKubeconform(t *testing.T) {
	for _, release := range kubernetes {
		v := conforms(t, release)
		for _, doc := range documents(t) {
			for _, fault := range faults(v, doc.text) {
				t.Errorf("Kubernetes %s: %s: %s", release, doc.name, fault)
			}
		}
	}
}

// TestKubeconformRefuses breaks the pod in the ways that people do, so that its silence above
// means something.
func TestKubeconformRefuses(t *testing.T) {
	manifest, oldest := read(t, "../sidecar.yaml"), conforms(t, kubernetes[0])
	for _, row := range []struct{ fault, part, instead, want string }{
		{"a misspelt member", "readOnlyRootFilesystem:", "readOnlyRootFileSystem:", "additional properties 'readOnlyRootFileSystem' not allowed"},
		{"a member of another place", "      initContainers:", "      restartPolicies: [Always]\n      initContainers:", "additional properties 'restartPolicies' not allowed"},
		{"text for a list", "args: [serve, --config, /etc/stepup/stepup.yaml, --watch]", "args: serve", "/args': got string, want array"},
		{"text for a number", "periodSeconds: 5", "periodSeconds: often", "/periodSeconds': got string, want integer"},
		{"a container without its name", "        - name: intranet\n          image:", "        - image:", "missing property 'name'"},
		{"no selector", "  selector:\n    matchLabels: {app: intranet}\n", "", "missing property 'selector'"},
		{"a member twice", "restartPolicy: Always", "restartPolicy: Always\n          restartPolicy: Never", "\"restartPolicy\" already set"},
		{"a kind that there is not", "kind: Deployment", "kind: Deploymant", "find schema for Deploymant"},
		{"a version that there is not", "apiVersion: apps/v1", "apiVersion: apps/v2", "find schema for Deployment"},
	} {
		if !strings.Contains(manifest, row.part) {
			t.Errorf("%s: the manifest has no %q to break", row.fault, row.part)
			continue
		}
		broken := strings.Replace(manifest, row.part, row.instead, 1)
		found := strings.Join(faults(oldest, []byte(broken)), "\n")
		if !strings.Contains(found, row.want) {
			t.Errorf("%s: kubeconform says %q, want it to name %q", row.fault, found, row.want)
		}
	}
}

// conforms is kubeconform for one release of Kubernetes.
func conforms(t *testing.T, release string) validator.Validator {
	t.Helper()
	v, err := validator.New(
		[]string{schemas(t, release) + "/{{.ResourceKind}}{{.KindSuffix}}.json"},
		validator.Opts{Strict: true, KubernetesVersion: release + ".0"},
	)
	if err != nil {
		t.Fatalf("validator.New: %v", err)
	}
	return v
}

// faults is what kubeconform finds wrong in the documents of text.
func faults(v validator.Validator, text []byte) []string {
	var found []string
	for _, r := range v.Validate("manifest", io.NopCloser(bytes.NewReader(text))) {
		if r.Status != validator.Valid && r.Status != validator.Empty {
			found = append(found, r.Err.Error())
		}
	}
	return found
}

// schemas writes the JSON schemas of a release into a folder, one file for each kind, in the form
// that kubeconform looks for. They point into the OpenAPI documents of that release, to which one
// thing is added: an object has the members that are listed and no others.
func schemas(t *testing.T, release string) string {
	t.Helper()
	dir := t.TempDir()
	for name, suffix := range map[string]string{"api/v1": "-v1", "apis/apps/v1": "-apps-v1"} {
		api := openAPI(t, release, name)
		document := "openapi" + suffix + ".json"
		for id, schema := range api.Components.Schemas {
			closeObjects(schema)
			for _, kind := range schema.Kinds() {
				write(t, filepath.Join(dir, strings.ToLower(kind)+suffix+".json"),
					map[string]string{"$ref": document + "#/components/schemas/" + id})
			}
		}
		write(t, filepath.Join(dir, document), api)
	}
	return dir
}

// An api is what interests us of an OpenAPI document.
type api struct {
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type schema map[string]any

// Kinds are those whose objects are of this schema; most schemas are of parts only.
func (s schema) Kinds() []string {
	var kinds []string
	for _, of := range asList(s["x-kubernetes-group-version-kind"]) {
		kinds = append(kinds, of.(map[string]any)["kind"].(string))
	}
	return kinds
}

// closeObjects refuses members that s does not list, and does the same inside it.
func closeObjects(s map[string]any) {
	properties, lists := s["properties"].(map[string]any)
	if _, others := s["additionalProperties"]; lists && !others {
		s["additionalProperties"] = false
	}
	for _, p := range properties {
		closeObjects(p.(map[string]any))
	}
	for _, inside := range []string{"items", "additionalProperties"} {
		if part, is := s[inside].(map[string]any); is {
			closeObjects(part)
		}
	}
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

// openAPI reads a document of a release from the module that has them.
func openAPI(t *testing.T, release, name string) api {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kubectl-validate").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	file := filepath.Join(strings.TrimSpace(string(dir)), "pkg/openapiclient/builtins", release, name+".json")
	var into api
	if err := json.Unmarshal([]byte(read(t, file)), &into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(into.Components.Schemas) == 0 {
		t.Fatalf("%s has no schemas", file)
	}
	return into
}

func write(t *testing.T, file string, content any) {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
