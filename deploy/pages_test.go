package deploy_test

import (
	"strings"
	"testing"
)

// TestPagesShowTheFiles holds the files that pages show to those that the tests start.
func TestPagesShowTheFiles(t *testing.T) {
	for file, page := range map[string]string{
		"caddy/Caddyfile":       "../docs/gateways/caddy.md",
		"envoy/envoy-http.yaml": "../docs/gateways/envoy.md",
		"haproxy/haproxy.cfg":   "../docs/gateways/haproxy.md",
		"haproxy/stepup.lua":    "../docs/gateways/haproxy.md",
	} {
		if !strings.Contains(read(t, page), "\n```text\n"+read(t, file)+"```\n") {
			t.Errorf("%s does not show deploy/%s as it is", page, file)
		}
	}
}
