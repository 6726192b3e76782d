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
	address := startHAProxy(t, haproxy, "haproxy/stepup.lua", s.address, a.address)
	for _, row := range []proxyRow{
		{what: "another host", target: "/employees", lines: []string{asNormal, "Host: evil.example"}, status: 401, challenge: "insufficient_user_authentication"},
		{what: "the whole URL of another path", target: "http://" + hostName + "/employees", lines: []string{asNormal}, status: 401, challenge: "insufficient_user_authentication"},
		{what: "the check itself", target: "/gw/haproxy", lines: []string{asNormal}, status: 403},
		{what: "two tokens, before any script", target: "/customers", lines: []string{asNormal, asNormal}, status: 400},
		{what: "a token of 20 KB", target: "/customers", lines: []string{"Authorization: Bearer " + strings.Repeat("a", 20<<10)}, status: 401, challenge: "invalid_token"},
	} {
		t.Run(row.what, func(t *testing.T) { checkRow(t, address, s, a, row) })
	}
	checkProxy(t, address, s, a)
}

// TestHAProxyHostile: see hostile_test.go.
func TestHAProxyHostile(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	checkHostile(t, "haproxy", func(sidecar, app string) string { return startHAProxy(t, haproxy, "haproxy/stepup.lua", sidecar, app) })
}

// TestHAProxyBySocket asks by a Unix socket, which the script names.
func TestHAProxyBySocket(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	checkSocket(t, "haproxy", func(socket, app string) string {
		script := filepath.Join(t.TempDir(), "stepup.lua")
		write(t, script, replaced(t, read(t, "haproxy/stepup.lua"), "local socket = nil\n", "local socket = \"unix@"+socket+"\"\n"))
		return startHAProxy(t, haproxy, script, "127.0.0.1:8181", app)
	})
}

// TestHAProxyWithoutItsScript lets the action fail, or do nothing: the rule behind it denies.
func TestHAProxyWithoutItsScript(t *testing.T) {
	haproxy := program(t, "haproxy", "haproxy")
	s, a := newSidecar(t, "haproxy"), newApp(t)
	for what, does := range map[string]string{"it raises an error": `error("broken")`, "it does nothing": ""} {
		script := filepath.Join(t.TempDir(), "stepup.lua")
		write(t, script, `core.register_action("stepup", {"http-req"}, function(txn, url) `+does+` end, 1)`)
		address := startHAProxy(t, haproxy, script, s.address, a.address)
		t.Run(what, func(t *testing.T) {
			checkRow(t, address, s, a, proxyRow{target: "/customers", lines: []string{asNormal}, status: 503})
		})
	}
}

// startHAProxy runs HAProxy on a port of its own, with a script.
func startHAProxy(t *testing.T, haproxy, script, sidecar, app string) string {
	t.Helper()
	address, file := free(t), filepath.Join(t.TempDir(), "haproxy.cfg")
	script, err := filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, replaced(t, read(t, "haproxy/haproxy.cfg"),
		"/etc/haproxy/stepup.lua", script,
		"127.0.0.1:8181", sidecar, "127.0.0.1:8080", app, "127.0.0.1:8000", address))
	startProxy(t, address, haproxy, "-db", "-f", file)
	return address
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
