// Package check holds the manifests beside it against Kubernetes, strictly, in two ways:
// kubeconform against the API of releases that people run, and reading into the API's own types,
// which knows what a schema does not, such as the spelling of quantities, and what our page
// promises of the pod.
package check

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestManifests reads every document of every manifest into the type that it says it is.
func TestManifests(t *testing.T) {
	for _, doc := range documents(t) {
		var head struct{ Kind string }
		if err := yaml.Unmarshal(doc.text, &head); err != nil {
			t.Fatalf("%s: %v", doc.name, err)
		}
		var into any
		switch head.Kind {
		case "ConfigMap":
			into = &corev1.ConfigMap{}
		case "Deployment":
			into = &appsv1.Deployment{}
		default:
			t.Fatalf("%s: kind %q is none that this test knows", doc.name, head.Kind)
		}
		if err := yaml.UnmarshalStrict(doc.text, into); err != nil {
			t.Errorf("%s: %s: %v", doc.name, head.Kind, err)
		}
		if d, ok := into.(*appsv1.Deployment); ok {
			checkSidecar(t, doc.name, d.Spec.Template.Spec)
		}
	}
}

// checkSidecar holds the pod to what the page says about it.
func checkSidecar(t *testing.T, name string, pod corev1.PodSpec) {
	t.Helper()
	if len(pod.InitContainers) != 1 {
		t.Fatalf("%s: %d init containers, want the sidecar", name, len(pod.InitContainers))
	}
	c := pod.InitContainers[0]
	if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Errorf("%s: restartPolicy = %v, want Always: it would not be a native sidecar", name, c.RestartPolicy)
	}
	s := c.SecurityContext
	if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
		s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.RunAsUser == nil || *s.RunAsUser == 0 {
		t.Errorf("%s: securityContext = %v, want a read-only root, no escalation and a user who is not root", name, s)
	}
	if c.StartupProbe == nil || c.ReadinessProbe == nil || c.LivenessProbe == nil {
		t.Errorf("%s: a probe is missing", name)
	}
	mounted := map[string]bool{}
	for _, v := range pod.Volumes {
		mounted[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !mounted[m.Name] {
			t.Errorf("%s: %s is mounted and no volume", name, m.Name)
		}
	}
}

type document struct {
	name string
	text []byte
}

func documents(t *testing.T) []document {
	t.Helper()
	files, err := filepath.Glob("../*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("manifests: %v, %v", files, err)
	}
	var all []document
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range bytes.Split(text, []byte("\n---\n")) {
			all = append(all, document{name, part})
		}
	}
	return all
}
