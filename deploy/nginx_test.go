package deploy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNginx runs the real nginx with the file that users copy.
func TestNginx(t *testing.T) {
	nginx := program(t, "nginx", "nginx")
	s, a := newSidecar(t, "nginx"), newApp(t)
	address := startNginx(t, nginx, s.address, a.address, patient)
	for _, row := range []proxyRow{
		{what: "another host", target: "/customers", lines: []string{asNormal, "Host: evil.example"}, status: 421},
		{what: "the whole URL of another path", target: "http://" + hostName + "/employees", lines: []string{asNormal}, status: 401, challenge: "insufficient_user_authentication"},
		{what: "the check itself", target: "/_stepup", lines: []string{asNormal}, status: 404},
		{what: "a token of 20 KB", target: "/customers", lines: []string{"Authorization: Bearer " + strings.Repeat("a", 20<<10)}, status: 401, challenge: "invalid_token"},
	} {
		t.Run(row.what, func(t *testing.T) { checkRow(t, address, s, a, row) })
	}
	checkProxy(t, address, s, a, func() string { return startNginx(t, nginx, s.address, a.address, asWritten) })
}

// TestNginxHostile: see hostile_test.go.
func TestNginxHostile(t *testing.T) {
	nginx := program(t, "nginx", "nginx")
	checkHostile(t, "nginx", func(sidecar, app string) string { return startNginx(t, nginx, sidecar, app, patient) })
}

// TestNginxBySocket asks by a Unix socket.
func TestNginxBySocket(t *testing.T) {
	nginx := program(t, "nginx", "nginx")
	checkSocket(t, "nginx", func(socket, app string) string { return startNginx(t, nginx, "unix:"+socket, app, patient) })
}

// TestNginxPage holds the page to the file that is tested.
func TestNginxPage(t *testing.T) {
	if block := "```nginx\n" + read(t, "nginx/nginx.conf") + "```\n"; !strings.Contains(read(t, "../docs/gateways/nginx.md"), block) {
		t.Error("the configuration in docs/gateways/nginx.md is not deploy/nginx/nginx.conf")
	}
}

// startNginx runs nginx on a port of its own, beside one that may be running already and as
// whoever runs the test.
func startNginx(t *testing.T, nginx, sidecar, app string, l limits) string {
	t.Helper()
	dir, address := t.TempDir(), free(t)
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n" // it may not reach the test's folders otherwise
	}
	local := user + fmt.Sprintf("daemon off;\npid %s/pid;\nerror_log stderr;\n\nevents {}\n\nhttp {\n    access_log off;\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		local += fmt.Sprintf("    %s_temp_path %s/%s;\n", kind, dir, kind)
	}
	file := filepath.Join(dir, "nginx.conf")
	write(t, file, replaced(t, read(t, "nginx/nginx.conf"), append(l.changed("_timeout 1s", "_timeout 30s"),
		"events {}\n\nhttp {\n", local,
		"worker_processes auto;", "worker_processes 1;",
		"127.0.0.1:8181", sidecar, "127.0.0.1:8080", app, "127.0.0.1:8000", address)...))
	startProxy(t, address, nginx, "-e", "stderr", "-p", dir, "-c", file)
	return address
}
