package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
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
	command func(a addresses) []string
	env     func(a addresses) []string // nil: nothing
	ready   string                     // answers 200 once questions can be answered
}

// addresses are those of one process.
type addresses struct{ http, grpc, health string }

// build makes the programs that are compared, from the one go.mod.
func build(ctx context.Context, dir string) error {
	// As make build does, so that what that compiled is used.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(dir, "stepup"), "stepup/cmd/stepup")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
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

// self is this program with other arguments.
func self(args ...string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (w *world) limit() candidate {
	return candidate{name: "limit", dialect: echoed, ready: "/metrics", command: func(a addresses) []string {
		return append(self().Args[:1], "limit", a.http, a.grpc, w.dir)
	}}
}

// us is the sidecar, with what else stands in its environment.
func (w *world) us(env ...string) candidate {
	return candidate{
		name: "us", dialect: native, ready: "/readyz",
		command: func(addresses) []string {
			return []string{filepath.Join(w.dir, "stepup"), "serve", "--config", filepath.Join(w.dir, "stepup.yaml")}
		},
		env: func(a addresses) []string {
			// A machine with more load than processors makes questions wait, which is measured,
			// not refused.
			own := []string{
				"STEPUP_HTTP_ADDRESS=" + a.http, "STEPUP_ENVOY_ADDRESS=" + a.grpc, "STEPUP_HEALTH_ADDRESS=" + a.health,
				"STEPUP_GATEWAYS_NGINX_PEERS=[127.0.0.1]", "STEPUP_POLICY_DEADLINE=30s", "STEPUP_LOG_LEVEL=warn", "STEPUP_LOG_FORMAT=json",
			}
			return append(own, env...)
		},
	}
}

// embedded is the sidecar with the policy that is part of it.
func (w *world) embedded() candidate {
	return w.us("STEPUP_POLICY_PATH=", "STEPUP_POLICY_PACKAGE=fabrikam")
}

// opa is OPA's server with its caches of verified tokens and of parsed keys on, and the
// store that costs least to read.
func (w *world) opa(more ...string) candidate {
	return candidate{name: "opa", dialect: opa, ready: "/health", command: func(a addresses) []string {
		args := []string{
			filepath.Join(w.dir, "opa"), "run", "--server", "--addr", a.http, "--log-level", "error", "--disable-telemetry", "--optimize-store-for-read-speed",
			"--set", "caching.inter_query_builtin_value_cache.named.io_jwt.max_num_entries=200000",
			"--set", "caching.inter_query_builtin_value_cache.named.io_jwt_keys.max_num_entries=100",
		}
		return append(append(args, more...), filepath.Join(w.dir, "theirs"))
	}, env: func(addresses) []string {
		// With some 20 MiB alive, as much lies between two runs of its collector as with ours.
		return []string{"GOGC=400"}
	}}
}

// A process is a candidate that runs.
type process struct {
	candidate
	addresses
	log     string // the file of what it writes
	cmd     *exec.Cmd
	exited  chan struct{} // closed when it has
	failed  error         // why, after that
	started time.Duration // from exec to ready
}

// start runs a candidate and waits until it is ready. A port that somebody else takes
// before it does makes it end, and be started on others.
func (c candidate) start(ctx context.Context, dir string) (p *process, err error) {
	for range 5 {
		if p, err = c.try(ctx, dir); err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return p, err
}

func (c candidate) try(ctx context.Context, dir string) (*process, error) {
	p := &process{candidate: c, exited: make(chan struct{})}
	for _, a := range []*string{&p.http, &p.grpc, &p.health} {
		var err error
		if *a, err = free(); err != nil {
			return nil, err
		}
	}
	log, err := os.CreateTemp(dir, c.name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.log = log.Name()
	args := c.command(p.addresses)
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = os.Environ()
	if c.env != nil {
		p.cmd.Env = append(p.cmd.Env, c.env(p.addresses)...)
	}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.failed = p.cmd.Wait(); close(p.exited) }()
	if err := p.await(ctx); err != nil {
		_ = p.cmd.Process.Kill()
		text, _ := os.ReadFile(p.log)
		return nil, fmt.Errorf("starting %s: %w\n%s", c.name, err, text)
	}
	p.started = time.Since(began)
	return p, nil
}

// await waits until the process can answer.
func (p *process) await(ctx context.Context) error {
	for began := time.Now(); !p.isReady(); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.exited:
			return fmt.Errorf("it ended: %v", p.failed)
		case <-time.After(500 * time.Microsecond):
		}
		if time.Since(began) > 3*time.Minute {
			return fmt.Errorf("not ready after three minutes")
		}
	}
	return nil
}

// side is the address at which a process tells of itself.
func (p *process) side() string {
	if p.name == "us" {
		return p.health
	}
	return p.http
}

func (p *process) isReady() bool {
	resp, err := http.Get("http://" + p.side() + p.ready)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// address is where one protocol is spoken.
func (p *process) address(protocol string) string {
	if protocol == overGRPC {
		return p.grpc
	}
	return p.http
}

// stop lets the process end as it does when it is told to, which is when what it still
// holds of its decision log is sent.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// kill ends the process at once.
func (p *process) kill() {
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

const mallocs = "go_memstats_mallocs_total"

// metric is the value of a metric, by its name with its labels.
func (p *process) metric(name string) (float64, error) {
	resp, err := http.Get("http://" + p.side() + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s has no metric %s", p.name, name)
}

// free finds a port below those that the system gives away by itself, so that no connection
// that goes out takes it before the process that it is for.
func free() (string, error) {
	var err error
	for range 200 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000))); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", err
}
