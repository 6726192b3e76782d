package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"stepup/sidecar/porttest"
)

// endurance is how long a script waits for what a server does by itself.
const endurance = time.Minute

var update = flag.Bool("update", false, "write what the scripts compare with anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"stepup": main})
}

// TestScripts tells in testdata/script how the program behaves. Besides testscript's own
// commands there are:
//
//	await URL STATUS [TEXT]   waits until a GET answers so, with the text in its body
//	ask FILE STATUS           posts a question to the sidecar and prints the answer
//	until FILE TEXT           asks until the answer has the text
//	begin FILE                sends one half of a question
//	finish STATUS             sends the other half and prints the answer
//	terminate FILE            sends SIGTERM to the process whose id is in the file
//
// $HTTP and $HEALTH are free addresses, which the sidecar of a script is told by its
// environment.
func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil && os.Getenv("CI") == "true" {
		t.Error("curl is missing: the lines that serve --dev prints cannot be tried (on Debian: apt-get install curl)")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "ask": ask, "until": until, "begin": begin, "finish": finish, "terminate": terminate,
		},
	})
}

func setUp(env *testscript.Env) error {
	doors, health, err := freeAddresses()
	if err != nil {
		return err
	}
	env.Setenv("HTTP", doors)
	env.Setenv("HEALTH", health)
	env.Setenv("STEPUP_HTTP_ADDRESS", doors)
	env.Setenv("STEPUP_HEALTH_ADDRESS", health)
	// The race detector on a busy machine takes many times what a decision does.
	env.Setenv("STEPUP_POLICY_DEADLINE", "30s")
	env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
	env.Values[halfKey{}] = &half{}
	return nil
}

// freeAddresses holds both ports at once, so that they differ, and lets them go.
func freeAddresses() (string, string, error) {
	one, err := porttest.Listen()
	if err != nil {
		return "", "", err
	}
	defer func() { _ = one.Close() }()
	other, err := porttest.Listen()
	if err != nil {
		return "", "", err
	}
	defer func() { _ = other.Close() }()
	return one.Addr().String(), other.Addr().String(), nil
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await URL STATUS [TEXT]")
	}
	want := strings.Join(args[1:], " ")
	retry(ts, "GET "+args[0]+" to answer "+want, func() (string, bool) {
		status, body, err := fetch(args[0])
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%s %s", status, body), status == args[1] && (len(args) == 2 || strings.Contains(body, args[2]))
	})
}

func ask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ask FILE STATUS")
	}
	status, body, err := post(ts, args[0])
	ts.Check(err)
	_, _ = fmt.Fprintln(ts.Stdout(), body)
	if status != args[1] {
		ts.Fatalf("asking %s: got %s %s, want %s", args[0], status, body, args[1])
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until FILE TEXT")
	}
	retry(ts, "an answer with "+args[1], func() (string, bool) {
		_, body, err := post(ts, args[0])
		if err != nil {
			return err.Error(), false
		}
		return body, strings.Contains(body, args[1])
	})
}

// retry tries until it succeeds or endurance is at an end.
func retry(ts *testscript.TestScript, want string, try func() (got string, done bool)) {
	deadline := time.Now().Add(endurance)
	for {
		got, done := try()
		if done {
			return
		}
		if time.Now().After(deadline) {
			tellServer(ts)
			ts.Fatalf("waited %s for %s; got %s", endurance, want, got)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// tellServer prints what the server that somebody waits for has said, as scripts write it down.
func tellServer(ts *testscript.TestScript) {
	files, _ := filepath.Glob(ts.MkAbs("log*"))
	for _, file := range append(files, ts.MkAbs("out")) {
		if text, err := os.ReadFile(file); err == nil {
			ts.Logf("[%s]\n%s", filepath.Base(file), text)
		}
	}
}

func fetch(url string) (status, body string, err error) {
	return read(http.Get(url))
}

func post(ts *testscript.TestScript, file string) (status, body string, err error) {
	question := ts.ReadFile(file)
	return read(http.Post(endpoint(ts, file), "application/json", strings.NewReader(question)))
}

// endpoint is the batch for questions, the decision for a question.
func endpoint(ts *testscript.TestScript, file string) string {
	path := "/v1/decision"
	if strings.HasPrefix(file, "batch") {
		path = "/v1/decisions"
	}
	return "http://" + ts.Getenv("HTTP") + path
}

func read(resp *http.Response, err error) (status, body string, _ error) {
	if err != nil {
		return "", "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode), string(bytes.TrimSpace(text)), err
}

// A half is a question of which one half was sent.
type half struct {
	rest   *io.PipeWriter
	text   string
	answer chan answered
}

type halfKey struct{}

type answered struct {
	status, body string
	err          error
}

func begin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: begin FILE")
	}
	question := ts.ReadFile(args[0])
	body, rest := io.Pipe()
	h := ts.Value(halfKey{}).(*half)
	*h = half{rest: rest, text: question[len(question)/2:], answer: make(chan answered, 1)}
	req, err := http.NewRequest(http.MethodPost, endpoint(ts, args[0]), body)
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	// The body is sent once the sidecar asks for it, so that what is sent was begun.
	req.Header.Set("Expect", "100-continue")
	go func() {
		client := http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
		status, body, err := read(client.Do(req))
		h.answer <- answered{status, body, err}
	}()
	if _, err := io.WriteString(rest, question[:len(question)/2]); err != nil {
		ts.Fatalf("sending one half: %v", err)
	}
}

func finish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: finish STATUS")
	}
	h := ts.Value(halfKey{}).(*half)
	if _, err := io.WriteString(h.rest, h.text); err != nil {
		ts.Fatalf("sending the other half: %v", err)
	}
	ts.Check(h.rest.Close())
	got := <-h.answer
	ts.Check(got.err)
	_, _ = fmt.Fprintln(ts.Stdout(), got.body)
	if got.status != args[0] {
		ts.Fatalf("finishing the question: got %s %s, want %s", got.status, got.body, args[0])
	}
}

func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate FILE")
	}
	id, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(syscall.Kill(id, syscall.SIGTERM))
}

func TestQuoted(t *testing.T) {
	for word, want := range map[string]string{
		"/usr/local/bin/stepup":     "/usr/local/bin/stepup",
		"/home/a b/bin/stepup":      "'/home/a b/bin/stepup'",
		"/home/o'brien/stepup":      `'/home/o'\''brien/stepup'`,
		"/srv/$HOME/`id`/stepup":    "'/srv/$HOME/`id`/stepup'",
		"/srv/step-up_1.0+x/stepup": "/srv/step-up_1.0+x/stepup",
	} {
		if got := quoted(word); got != want {
			t.Errorf("quoted(%q)\n got %s\nwant %s", word, got, want)
		}
	}
}
