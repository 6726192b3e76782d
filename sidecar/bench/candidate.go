package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A candidate is one of those that are compared: how it is started, and asked.
type candidate struct {
	name    string
	dialect dialect
	command func(address string) []string
	ready   string // answers 200 once questions can be answered; empty: once it listens
	env     []string
}

// build makes the programs that are compared, from the one go.mod.
func build(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "stepup"), "stepup/cmd/stepup")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building stepup: %w", err)
	}
	// go tool keeps what it built.
	out, err := exec.CommandContext(ctx, "go", "tool", "-n", "opa").Output()
	if err != nil {
		return fmt.Errorf("building opa: %w", err)
	}
	return os.Symlink(strings.TrimSpace(string(out)), filepath.Join(dir, "opa"))
}

func (w *world) limit(size int) candidate {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return candidate{name: "limit", dialect: native, command: func(a string) []string { return []string{self, "limit", a, strconv.Itoa(size)} }}
}

// us is the sidecar; with the log level info it writes a line for every decision.
func (w *world) us(level string) candidate {
	return candidate{
		name: "us", dialect: native, ready: "/readyz",
		command: func(a string) []string {
			return []string{filepath.Join(w.dir, "stepup"), "serve", "--config", filepath.Join(w.dir, "stepup.yaml")}
		},
		// A machine with more load than processors makes questions wait, which is measured, not
		// refused.
		env: []string{"STEPUP_LOG_LEVEL=" + level, "STEPUP_LOG_FORMAT=json", "STEPUP_POLICY_DEADLINE=30s"},
	}
}

// opa is OPA's server with its caches of verified tokens and of parsed keys on.
func (w *world) opa(decisionLogs bool) candidate {
	return candidate{name: "opa", dialect: opa, ready: "/health", command: func(a string) []string {
		args := []string{
			filepath.Join(w.dir, "opa"), "run", "--server", "--addr", a, "--log-level", "error", "--disable-telemetry",
			"--set", "caching.inter_query_builtin_value_cache.named.io_jwt.max_num_entries=200000",
			"--set", "caching.inter_query_builtin_value_cache.named.io_jwt_keys.max_num_entries=100",
		}
		if decisionLogs {
			args = append(args, "--set", "decision_logs.console=true")
			args[6] = "info"
		}
		return append(args, filepath.Join(w.dir, "theirs"))
	}}
}

// A process is a candidate that runs.
type process struct {
	candidate
	address string
	cmd     *exec.Cmd
	exited  chan error
	started time.Duration // from exec to ready
}

// start runs a candidate on a port of its own and waits until it is ready.
func (c candidate) start(ctx context.Context) (*process, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	health, err := free()
	if err != nil {
		return nil, err
	}
	if c.ready != "/readyz" {
		health = address
	}
	args := c.command(address)
	p := &process{candidate: c, address: address, cmd: exec.CommandContext(ctx, args[0], args[1:]...), exited: make(chan error, 1)}
	p.cmd.Env = append(append(os.Environ(), "STEPUP_HTTP_ADDRESS="+address, "STEPUP_HEALTH_ADDRESS="+health), c.env...)
	log, err := os.CreateTemp("", "bench-log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	defer os.Remove(log.Name()) // it goes on being written to, as a log is
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.exited <- p.cmd.Wait() }()
	for !isReady(health, c.ready) {
		select {
		case err := <-p.exited:
			text, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("%s ended: %v\n%s", c.name, err, text)
		case <-time.After(500 * time.Microsecond):
		}
		if time.Since(began) > 30*time.Second {
			return nil, fmt.Errorf("%s is not ready after 30 s", c.name)
		}
	}
	p.started = time.Since(began)
	return p, nil
}

func isReady(address, path string) bool {
	if path == "" {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	resp, err := http.Get("http://" + address + path)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// memory is what the process holds in memory, in MiB.
func (p *process) memory() float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024
		}
	}
	return 0
}

// under puts a process under the load of another.
func (p *process) under(ctx context.Context, l loading) (measure, error) {
	self, err := os.Executable()
	if err != nil {
		return measure{}, err
	}
	l.Address = p.address
	orders, err := json.Marshal(l)
	if err != nil {
		return measure{}, err
	}
	cmd := exec.CommandContext(ctx, self, "load")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(orders), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return measure{}, fmt.Errorf("load on %s: %w", p.name, err)
	}
	var m measure
	if err := json.Unmarshal(out, &m); err != nil {
		return m, err
	}
	if m.Answers == 0 {
		return m, errors.New("no answers from " + p.name)
	}
	return m, nil
}

func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
