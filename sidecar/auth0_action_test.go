package sidecar_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestAuth0Actions runs the tests of the two Actions for Auth0, which are JavaScript.
func TestAuth0Actions(t *testing.T) {
	node, err := exec.LookPath("node")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("node is not installed: the Actions for Auth0 would go untested")
	default:
		t.Skip("LEFT OUT: the tests of the Actions for Auth0 need node")
	}
	cmd := exec.CommandContext(t.Context(), node, "--test")
	cmd.Dir = "../deploy/examples/auth0-action"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("node --test in %s: %v\n%s", cmd.Dir, err, out)
	}
}
