package deploy_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"stepup/sidecar/token/tokentest"
)

// TestImage has buildah build the image from the Dockerfile, looks at what is in it, and runs it
// as an engine would: its files as the root, its user, its command, its environment.
//
// The base of the builder's stage is on the web, where a test does not go, so a folder stands for
// that stage; how the program in it is built is the business of [TestBuildIsReproducible].
func TestImage(t *testing.T) {
	buildah := program(t, "buildah", "buildah")
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("the image is built and run by root only: run CI as root")
		}
		t.Skip("LEFT OUT: the image is built and run by root only: it takes changing the root folder and the user")
	}
	issuer := tokentest.New(t, tokentest.WithTLS())
	stage := t.TempDir()
	authorities := read(t, issuer.CAFile())
	binary := read(t, static(t))
	lay(t, stage, "etc/ssl/certs/ca-certificates.crt", authorities, 0o644)
	lay(t, stage, "src/bin/stepup", binary, 0o755)

	image := buildImage(t, buildah, stage)
	config := checkConfig(t, image)
	root := t.TempDir()
	checkFiles(t, unpack(t, image, root), map[string]string{
		"etc/ssl/certs/ca-certificates.crt": authorities,
		"stepup":                            binary,
	})
	checkRuns(t, root, config, issuer)
}

// buildImage builds the last stage of the Dockerfile, with a folder for the stage before it.
func buildImage(t *testing.T, buildah, stage string) v1.Image {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	store := []string{"--root", t.TempDir(), "--runroot", t.TempDir(), "--storage-driver", "vfs"}
	for _, args := range [][]string{
		{"build", "--isolation", "chroot", "--format", "docker", "--build-context", "build=" + stage,
			"--file", "Dockerfile", "--tag", "stepup", t.TempDir()},
		{"push", "stepup", "docker-archive:" + archive},
	} {
		cmd := exec.Command(buildah, append(slices.Clone(store), args...)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("buildah %s: %v\n%s", strings.Join(args, " "), err, said)
		}
	}
	image, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		t.Fatalf("reading the image: %v", err)
	}
	return image
}

// checkConfig holds what the image says of itself to what docs/deploying.md says of it.
func checkConfig(t *testing.T, image v1.Image) v1.Config {
	t.Helper()
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatalf("the image's configuration: %v", err)
	}
	got := file.Config
	for _, row := range []struct {
		what      string
		got, want any
	}{
		{"user", got.User, "65532:65532"},
		{"entrypoint", got.Entrypoint, []string{"/stepup"}},
		{"command", got.Cmd, []string{"serve", "--config", "/etc/stepup/stepup.yaml"}},
		{"ports", len(got.ExposedPorts), 0},
		{"volumes", len(got.Volumes), 0},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("the image's %s (-want +got):\n%s", row.what, diff)
		}
	}
	if got.Healthcheck == nil || len(got.Healthcheck.Test) == 0 || got.Healthcheck.Test[0] != "CMD" {
		t.Fatalf("healthcheck = %+v, want a command: there is no shell", got.Healthcheck)
	}
	return got
}

// unpack writes the image's files below root, and returns what is in each.
func unpack(t *testing.T, image v1.Image, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	layers := mutate.Extract(image)
	defer func() { _ = layers.Close() }()
	for archive := tar.NewReader(layers); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatalf("the image's files: %v", err)
		}
		mode := head.FileInfo().Mode()
		switch head.Typeflag {
		case tar.TypeDir:
			continue
		case tar.TypeReg:
		default:
			t.Fatalf("%s in the image is neither file nor folder", head.Name)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatalf("the image's %s: %v", head.Name, err)
		}
		if mode.Perm()&0o022 != 0 || mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 || head.Uid != 0 {
			t.Errorf("%s is of user %d with the mode %v: others could change it, or become its user", head.Name, head.Uid, mode)
		}
		files[head.Name] = string(content)
		lay(t, root, filepath.Clean("/"+head.Name), string(content), mode.Perm())
	}
}

// checkFiles demands these files, and no other such as a shell.
func checkFiles(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, content := range got {
		if known, there := want[name]; !there || content != known {
			t.Errorf("the image has %s, which is not, or not as, in the builder's stage", name)
		}
	}
	for name := range want {
		if _, there := got[name]; !there {
			t.Errorf("the image has no %s", name)
		}
	}
}

// checkRuns starts the image as an engine does, with a configuration mounted, and asks it.
func checkRuns(t *testing.T, root string, image v1.Config, issuer *tokentest.Issuer) {
	t.Helper()
	door, health := free(t), free(t)
	lay(t, root, "etc/stepup/stepup.yaml", fmt.Sprintf(`
http: {address: %q}
health: {address: %q}
policy: {path: /etc/stepup/policy, package: gate, deadline: 30s}
issuers:
  - {issuer: %q, audiences: [%q], vocabulary: oidc}
`, door, health, issuer.URL, tokentest.Audience), 0o644)
	lay(t, root, "etc/stepup/policy/gate.rego", gatePolicy, 0o644)
	before := tree(t, root)

	startCommand(t, contained(t.Context(), root, image, append(image.Entrypoint, image.Cmd...)...), door)
	checkHealth(t, root, image)
	for _, row := range []struct {
		amr  []any
		want string
	}{
		{[]any{"pwd"}, "step_up"},
		{[]any{"pwd", "otp", "mfa"}, "allow"},
	} {
		token := issuer.Token(map[string]any{"amr": row.amr, "auth_time": time.Now().Unix() - 60})
		if got := outcome(t, door, token, "/employees"); got != row.want {
			t.Errorf("the image answers %q to a login by %v, want %q", got, row.amr, row.want)
		}
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("running wrote to the image's root (-before +after):\n%s", diff)
	}
}

// checkHealth asks the image's own health check until it is content, which is when the issuer's
// keys are there.
func checkHealth(t *testing.T, root string, image v1.Config) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		said, err := contained(t.Context(), root, image, image.Healthcheck.Test[1:]...).CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the image's health check: %v\n%s", err, said)
		}
	}
}

// contained is a command with the image's files, user and environment, and nothing else of this
// machine but its network.
func contained(ctx context.Context, root string, image v1.Config, command ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = "/", append([]string{}, image.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	return cmd
}

// lay writes a file below root with this very mode, in folders that everybody may enter.
func lay(t *testing.T, root, name, text string, mode fs.FileMode) {
	t.Helper()
	path := filepath.Join(root, name)
	write(t, path, text)
	err := os.Chmod(path, mode)
	for path != root && err == nil {
		path = filepath.Dir(path)
		err = os.Chmod(path, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// static builds the program where the source is, which takes no time after `make build`.
func static(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "stepup")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, "../cmd/stepup")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, said)
	}
	return out
}

// tree lists what is below a folder, with modes and times.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		all = append(all, fmt.Sprint(path, " ", info.Mode(), " ", info.ModTime()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// outcome asks a sidecar's native door.
func outcome(t *testing.T, door, token, resource string) string {
	t.Helper()
	body := fmt.Sprintf(`{"token":%q,"action":{"name":"GET"},"resource":{"type":"route","id":%q}}`, token, resource)
	resp, err := http.Post("http://"+door+"/v1/decision", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Outcome string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	return answer.Outcome
}
