package docs_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"stepup/sidecar/porttest"
)

const (
	// startTime is how long a server of a page may take to be ready: make run builds it.
	startTime = 3 * time.Minute
	// changeTime is how long a followed file may take to be seen.
	changeTime = time.Minute
)

// The addresses that pages speak of. The commands run with free ones in their place, so
// that a sidecar that is already running here does not answer for the one of the page.
const (
	printedDoors    = "127.0.0.1:8181"
	printedHealth   = "127.0.0.1:8282"
	printedIntranet = "localhost:8080"
	printedProvider = "localhost:8090"
	printedAdmin    = "127.0.0.1:8383"
)

// notRun are commands that a page may show and that are not run here, with the reason.
var notRun = map[string]string{
	"make test": "it runs this test",
}

// TestPages does what every page says, as a reader would: from top to bottom, in a copy
// of the repository, each block as it is written. Commands have to succeed and to print
// what the page says they print; Rego has to pass the strict check; YAML has to be a
// configuration. A block that begins with the name of a file is saved as that file, and
// a block that starts a server leaves it running until another one takes its place.
func TestPages(t *testing.T) {
	bin := buildProgram(t)
	for _, page := range pages(t) {
		t.Run(page, func(t *testing.T) {
			list := blocks(t, page)
			r := newReader(t, bin, list)
			for _, b := range list {
				r.follow(b)
			}
			r.checkFolders()
		})
	}
}

func buildProgram(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "stepup")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/stepup")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return bin
}

// A reader is somebody who does what one page says.
type reader struct {
	t             *testing.T
	dir           string // a copy of the repository
	environ       []string
	doors, health string
	admin         string
	// Of the demonstration.
	intranet, provider string

	server  *server
	folders map[string]bool // in which files were saved
}

func newReader(t *testing.T, bin string, list []block) *reader {
	t.Helper()
	r := &reader{t: t, dir: t.TempDir(), folders: map[string]bool{}}
	r.doors, r.health = freeAddresses(t)
	r.admin, _ = freeAddresses(t)
	r.intranet, r.provider = freeAddresses(t)
	r.intranet, r.provider = onLocalhost(r.intranet), onLocalhost(r.provider)
	r.environ = environ(r.doors, r.health, t.TempDir(), tools(t))
	for _, b := range list {
		if b.language == "sh" {
			needCurl(t, b)
			copyRepository(t, r.dir, bin)
			break
		}
	}
	t.Cleanup(r.stopServer)
	return r
}

// needCurl leaves a page out where curl is missing, which CI must not.
func needCurl(t *testing.T, b block) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: curl is missing (on Debian: apt-get install curl)", b)
	}
	t.Skipf("LEFT OUT: the commands of %s need curl", b.page)
}

// tools is a folder with the stock opa, at the version that we are built with.
func tools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	opa := "#!/bin/sh\nexec go tool opa \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "opa"), []byte(opa), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// environ is a newcomer's: nothing of ours is set but the addresses that are free here,
// and a deadline for machines that are busy with other tests; and the development key is
// made anew.
func environ(doors, health, state, tools string) []string {
	list := []string{
		"STEPUP_HTTP_ADDRESS=" + doors, "STEPUP_HEALTH_ADDRESS=" + health, "STEPUP_POLICY_DEADLINE=30s",
		"XDG_STATE_HOME=" + state,
		"PATH=" + tools + string(os.PathListSeparator) + os.Getenv("PATH"),
	}
	for _, one := range os.Environ() {
		name, _, _ := strings.Cut(one, "=")
		if !strings.HasPrefix(name, "STEPUP_") && name != "PATH" && name != "XDG_STATE_HOME" {
			list = append(list, one)
		}
	}
	return list
}

// freeAddresses holds both ports at once, so that they differ, and lets them go.
func freeAddresses(t *testing.T) (string, string) {
	t.Helper()
	var names []string
	for range 2 {
		l, err := porttest.Listen()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		names = append(names, l.Addr().String())
	}
	return names[0], names[1]
}

// onLocalhost calls an address by the name that passkeys need.
func onLocalhost(address string) string { return "localhost:" + portOf(address) }

func portOf(address string) string {
	_, port, _ := strings.Cut(address, ":")
	return port
}

// copyRepository copies what a fresh clone would have, and the program as make build
// leaves it.
func copyRepository(t *testing.T, dir, bin string) {
	t.Helper()
	list, err := cloned(root)
	for _, path := range list {
		if err == nil {
			err = copyFile(filepath.Join(dir, path), filepath.Join(root, path))
		}
	}
	if err == nil {
		err = copyFile(filepath.Join(dir, "bin", "stepup"), bin)
	}
	if err != nil {
		t.Fatalf("copying the repository: %v", err)
	}
}

// cloned lists the files that a clone of a folder has, or will have once what is new is
// committed: all that git does not ignore. It ignores what the pages make, so that who
// followed one here does not find it in the way. Where git knows nothing, as in an
// unpacked archive, it is every file.
func cloned(dir string) ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil || len(out) == 0 {
		return everyFile(dir)
	}
	var list []string
	for _, path := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		// What was deleted and is not committed yet is still tracked; links lead out.
		if info, err := os.Lstat(filepath.Join(dir, path)); err == nil && info.Mode().IsRegular() {
			list = append(list, path)
		}
	}
	return list, nil
}

func everyFile(dir string) ([]string, error) {
	var list []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == ".git" || path == "bin" || path == ".cache"):
			return fs.SkipDir
		case d.Type().IsRegular():
			list = append(list, path)
		}
		return nil
	})
	return list, err
}

func copyFile(to, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}

// follow does what one block says.
func (r *reader) follow(b block) {
	r.t.Helper()
	if name := b.file(); name != "" {
		r.save(b, name)
	}
	switch b.language {
	case "sh":
		r.run(b)
	case "rego":
		checkRego(r.t, b)
	case "yaml":
		checkYAML(r.t, b)
	case "json":
		checkJSON(r.t, b)
	case "", "console", "http":
		// A picture, or something that nobody types.
	default:
		r.t.Errorf("%s: blocks of language %q are not known here", b, b.language)
	}
}

// save writes the file that the reader is told to write.
func (r *reader) save(b block, name string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatalf("%s: %v", b, err)
	}
	if err := os.WriteFile(path, []byte(b.text), 0o644); err != nil {
		r.t.Fatalf("%s: %v", b, err)
	}
	if b.language == "rego" {
		r.folders[filepath.Dir(path)] = true
	}
}

// serves matches a block that starts a server and does nothing else.
var serves = regexp.MustCompile(`^(make run|(cd \w+ && \.\./)?bin/stepup (serve|demo)( [^\n]*)?)\n$`)

func (r *reader) run(b block) {
	r.t.Helper()
	if _, left := notRun[strings.TrimSpace(b.text)]; left {
		return
	}
	if serves.MatchString(b.text) && !strings.Contains(b.text, "--print-config") {
		r.startServer(b)
		return
	}
	deadline := time.Now().Add(changeTime)
	for {
		out, err := r.shell(b.text)
		wrong := r.compare(b, out, err)
		if wrong == "" {
			return
		}
		// What a watched file changes is seen a moment later.
		if r.server == nil || !r.server.watches || time.Now().After(deadline) {
			r.t.Fatalf("%s: %s\n%s", b, wrong, r.log())
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// compare says what is wrong with what a block came to; empty: nothing.
func (r *reader) compare(b block, out string, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("%v\n%s%s", err, b.text, out)
	case b.output == nil:
		return ""
	case b.output.language == "json":
		return differenceJSON(b.output.text, out)
	}
	return differenceText(b.output.text, out)
}

// shell runs commands as they are written, the printed addresses aside, and fails with
// the first of them that does.
func (r *reader) shell(script string) (string, error) {
	cmd := r.command(script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.NewReplacer(
		r.doors, printedDoors, r.health, printedHealth, r.intranet, printedIntranet, r.provider, printedProvider, r.admin, printedAdmin,
	).Replace(out.String()), err
}

func (r *reader) command(script string) *exec.Cmd {
	script = strings.NewReplacer(
		printedDoors, r.doors, printedHealth, r.health, printedIntranet, r.intranet, printedProvider, r.provider, printedAdmin, r.admin,
	).Replace(script)
	if isDemo(script) {
		script = fmt.Sprintf("%s --intranet-port %s --provider-port %s --sidecar-port %s",
			strings.TrimSpace(script), portOf(r.intranet), portOf(r.provider), portOf(r.doors))
	}
	cmd := exec.Command("sh", "-e", "-c", script)
	cmd.Dir, cmd.Env = r.dir, r.environ
	return cmd
}

// isDemo reports whether a server is the demonstration, which has no health listener.
func isDemo(script string) bool { return strings.HasPrefix(script, "bin/stepup demo") }

// A server is what a page started and left running.
type server struct {
	cmd     *exec.Cmd
	log     bytes.Buffer
	done    chan struct{}
	watches bool
}

// startServer starts a server in place of the one before, and waits until it is ready.
func (r *reader) startServer(b block) {
	r.t.Helper()
	r.stopServer()
	s := &server{cmd: r.command(b.text), done: make(chan struct{}), watches: strings.Contains(b.text, "--watch")}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		r.t.Fatalf("%s: %v", b, err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	r.server = s
	r.awaitReady(b)
}

func (r *reader) awaitReady(b block) {
	r.t.Helper()
	deadline := time.After(startTime)
	ready := "http://" + r.health + "/readyz"
	if isDemo(b.text) {
		ready = "http://" + r.intranet + "/"
	}
	for {
		resp, err := http.Get(ready)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-r.server.done:
			r.t.Fatalf("%s: the server ended\n%s", b, r.log())
		case <-deadline:
			r.t.Fatalf("%s: the server is not ready after %s\n%s", b, startTime, r.log())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stopServer stops the server and what it started, as Ctrl-C would.
func (r *reader) stopServer() {
	if r.server == nil {
		return
	}
	_ = syscall.Kill(-r.server.cmd.Process.Pid, syscall.SIGINT)
	<-r.server.done
	r.server = nil
}

// log is what the server said, once it has ended and says no more.
func (r *reader) log() string {
	if r.server == nil {
		return ""
	}
	s := r.server
	r.stopServer()
	return "The server said:\n" + s.log.String()
}
