package deploy_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestHAProxy runs the real HAProxy with the two files that users copy.
func TestHAProxy(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	s, a := newSidecar(t, "haproxy"), newApp(t)
	address := startHAProxy(t, haproxy, read(t, "haproxy/stepup.lua"), s.address, a.address, patient)
	for _, row := range []proxyRow{
		{what: "another host", target: "/employees", lines: []string{asNormal, "Host: evil.example"}, status: 401, challenge: "insufficient_user_authentication"},
		{what: "the whole URL of another path", target: "http://" + hostName + "/employees", lines: []string{asNormal}, status: 401, challenge: "insufficient_user_authentication"},
		{what: "the check itself", target: "/gw/haproxy", lines: []string{asNormal}, status: 403},
		{what: "two tokens, before any script", target: "/customers", lines: []string{asNormal, asNormal}, status: 400},
		{what: "a token of 20 KB", target: "/customers", lines: []string{"Authorization: Bearer " + strings.Repeat("a", 20<<10)}, status: 401, challenge: "invalid_token"},
	} {
		t.Run(row.what, func(t *testing.T) { checkRow(t, address, s, a, row) })
	}
	checkProxy(t, address, s, a, func() string {
		return startHAProxy(t, haproxy, read(t, "haproxy/stepup.lua"), s.address, a.address, asWritten)
	})
}

// TestHAProxyHostile: see hostile_test.go.
func TestHAProxyHostile(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	checkHostile(t, "haproxy", func(sidecar, app string) string {
		return startHAProxy(t, haproxy, read(t, "haproxy/stepup.lua"), sidecar, app, patient)
	})
}

// TestHAProxyBySocket asks by a Unix socket, which the script names.
func TestHAProxyBySocket(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	checkSocket(t, "haproxy", func(socket, app string) string {
		script := replaced(t, read(t, "haproxy/stepup.lua"), "local socket = nil\n", "local socket = \"unix@"+socket+"\"\n")
		return startHAProxy(t, haproxy, script, "127.0.0.1:8181", app, patient)
	})
}

// TestHAProxyWithoutItsScript lets the action fail, or do nothing: the rule behind it denies.
func TestHAProxyWithoutItsScript(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	s, a := newSidecar(t, "haproxy"), newApp(t)
	for what, does := range map[string]string{"it raises an error": `error("broken")`, "it does nothing": ""} {
		script := `core.register_action("stepup", {"http-req"}, function(txn, url) ` + does + ` end, 1)`
		address := startHAProxy(t, haproxy, script, s.address, a.address, asWritten)
		t.Run(what, func(t *testing.T) {
			checkRow(t, address, s, a, proxyRow{target: "/customers", lines: []string{asNormal}, status: 503})
		})
	}
}

// startHAProxy runs HAProxy on a port of its own, with a script.
func startHAProxy(t *testing.T, haproxy, script, sidecar, app string, l limits) string {
	t.Helper()
	address, dir := free(t), t.TempDir()
	file, scriptFile := filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "stepup.lua")
	write(t, scriptFile, replaced(t, script, l.changed("local patience = 1000\n", "local patience = 30000\n")...))
	write(t, file, replaced(t, read(t, "haproxy/haproxy.cfg"), append(l.changed("timeout connect 1s", "timeout connect 30s"),
		"/etc/haproxy/stepup.lua", scriptFile,
		"127.0.0.1:8181", sidecar, "127.0.0.1:8080", app, "127.0.0.1:8000", address)...))
	startProxy(t, address, haproxy, "-db", "-f", file)
	return address
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
