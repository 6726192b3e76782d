package devissuer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/devissuer"
)

var now = time.Unix(1795428120, 0)

func open(t *testing.T, folder string) *devissuer.Issuer {
	t.Helper()
	i, err := devissuer.Open(folder)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return i
}

func verify(t *testing.T, i *devissuer.Issuer, o devissuer.Options) *token.Claims {
	t.Helper()
	text, err := i.Mint(o)
	if err != nil {
		t.Fatalf("Mint(%+v): %v", o, err)
	}
	v, err := token.NewVerifier([]token.Issuer{i.Configuration()}, 30*time.Second, 0)
	if err != nil {
		t.Fatalf("NewVerifier: %v", err)
	}
	claims, err := v.Verify(t.Context(), now, access.NewCredential(text))
	if err != nil {
		t.Fatalf("Verify(Mint(%+v)): %v", o, err)
	}
	return claims
}

func TestMintedTokensVerify(t *testing.T) {
	i := open(t, t.TempDir())
	for _, row := range []struct {
		name string
		give devissuer.Options
		kind token.Kind
		mark token.Mark
		sub  string
		told []string // members of All about the login
	}{
		{"a person of whom nothing is told", devissuer.Options{}, token.AccessToken, token.Person, "alice", nil},
		{"level none tells nothing either", devissuer.Options{Level: "none"}, token.AccessToken, token.Person, "alice", nil},
		{"a login", devissuer.Options{Level: "mfa", Age: time.Hour, Subject: "bob"}, token.AccessToken, token.Person, "bob", []string{"authentication_level", "acr", "amr", "auth_time"}},
		{"an ID token", devissuer.Options{Level: "phr", Kind: token.IDToken}, token.IDToken, token.Person, "alice", []string{"authentication_level", "acr", "amr", "auth_time"}},
		{"a machine", devissuer.Options{Machine: true}, token.AccessToken, token.Machine, "stepup-dev", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.give.Now = now
			got := verify(t, i, row.give)
			if got.Kind != row.kind || got.Mark != row.mark || got.Subject != row.sub || got.ClientID != devissuer.Client {
				t.Errorf("Verify = %s, mark %d, sub %q, client %q; want %s, mark %d, sub %q, client %q",
					got.Kind, got.Mark, got.Subject, got.ClientID, row.kind, row.mark, row.sub, devissuer.Client)
			}
			for _, name := range []string{"authentication_level", "acr", "amr", "auth_time"} {
				_, there := got.All.Object()[name]
				if want := len(row.told) > 0; there != want {
					t.Errorf("claim %s is there: %t, want %t", name, there, want)
				}
			}
		})
	}
}

func TestMintSaysWhatItIsTold(t *testing.T) {
	got := verify(t, open(t, t.TempDir()), devissuer.Options{
		Level: "mfa", Age: 10 * time.Minute, Subject: "auth0|bob", Scopes: []string{"openid", "read:employees"},
		ClientID: "intranet", Lifetime: 5 * time.Minute, Now: now, Claims: access.Object{"department": "sales"},
	})
	told := access.Object{}
	for _, name := range []string{"authentication_level", "acr", "amr", "auth_time", "department"} {
		told[name] = got.All.Object()[name]
	}
	want := access.Object{
		"authentication_level": "mfa", "acr": "mfa", "amr": []any{"pwd", "otp", "mfa"},
		"auth_time": json.Number("1795427520"), "department": "sales",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("claims about the login (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"openid", "read:employees"}, got.Scopes); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	if got.ExpiresAt != now.Unix()+300 || got.IssuedAt != now.Unix() {
		t.Errorf("exp, iat = %d, %d; want %d, %d", got.ExpiresAt, got.IssuedAt, now.Unix()+300, now.Unix())
	}
}

func TestMintRefuses(t *testing.T) {
	i := open(t, t.TempDir())
	for name, o := range map[string]devissuer.Options{
		"an unknown level":        {Level: "strong"},
		"a machine with a level":  {Level: "normal", Machine: true},
		"a machine's ID token":    {Machine: true, Kind: token.IDToken},
		"a login in the future":   {Level: "normal", Age: -time.Second},
		"a kind that there isn't": {Kind: "refresh_token"},
	} {
		if got, err := i.Mint(o); err == nil {
			t.Errorf("%s: Mint = %q, want an error", name, got)
		}
	}
}

func TestMintExpired(t *testing.T) {
	i := open(t, t.TempDir())
	text, err := i.Mint(devissuer.Options{Lifetime: -time.Hour, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := token.NewVerifier([]token.Issuer{i.Configuration()}, 0, 0)
	_, err = v.Verify(t.Context(), now, access.NewCredential(text))
	if e, ok := err.(*token.Error); !ok || e.Code != access.TokenExpired {
		t.Errorf("Verify = %v, want %s", err, access.TokenExpired)
	}
}

func TestTheKeyStays(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state", "stepup")
	first := publicKeyID(t, open(t, folder))
	if again := publicKeyID(t, open(t, folder)); again != first {
		t.Errorf("kid after opening again = %q, want %q", again, first)
	}
	for path, want := range map[string]os.FileMode{folder: 0o700, filepath.Join(folder, "dev-issuer.jwk"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s = %04o, want %04o", filepath.Base(path), got, want)
		}
	}
	if rest, _ := filepath.Glob(filepath.Join(folder, ".new-*")); len(rest) > 0 {
		t.Errorf("left behind: %v", rest)
	}
}

func TestTwoWhoStartAtOnceShareOneKey(t *testing.T) {
	folder := t.TempDir()
	var wg sync.WaitGroup
	ids := make([]string, 8)
	gate := make(chan struct{})
	for n := range ids {
		wg.Go(func() {
			<-gate
			if i, err := devissuer.Open(folder); err == nil {
				keys, _ := i.Find(t.Context(), "")
				ids[n] = keys[0].KeyID
			}
		})
	}
	close(gate)
	wg.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("kids = %q, want one and the same", ids)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	key := func(t *testing.T, folder string) string {
		open(t, folder)
		return filepath.Join(folder, "dev-issuer.jwk")
	}
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, folder string) error
		want  string
	}{
		{"a key that the group may read", func(t *testing.T, f string) error { return os.Chmod(key(t, f), 0o640) }, "mode 0640"},
		{"a folder that anybody may write to", func(t *testing.T, f string) error { key(t, f); return os.Chmod(f, 0o707) }, "chmod 700"},
		{"a folder that the group may write to", func(t *testing.T, f string) error { key(t, f); return os.Chmod(f, 0o770) }, "chmod 700"},
		{"a key that is none", func(t *testing.T, f string) error { return os.WriteFile(key(t, f), []byte("{}"), 0o600) }, "a new one is made"},
		{"a public key", func(t *testing.T, f string) error {
			k, _ := open(t, f).Find(t.Context(), "")
			data, _ := k[0].MarshalJSON()
			return os.WriteFile(key(t, f), data, 0o600)
		}, "not a private key"},
		{"a link to a key", func(t *testing.T, f string) error {
			path := key(t, f)
			if err := os.Rename(path, path+".real"); err != nil {
				return err
			}
			return os.Symlink(path+".real", path)
		}, "not a regular file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			folder := t.TempDir()
			if err := row.spoil(t, folder); err != nil {
				t.Fatal(err)
			}
			if _, err := devissuer.Open(folder); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Open = %v, want an error with %q", err, row.want)
			}
		})
	}
}

func TestStateFolder(t *testing.T) {
	for _, row := range []struct{ state, home, want string }{
		{"/state", "/home/alice", "/state/stepup"},
		{"", "/home/alice", "/home/alice/.local/state/stepup"},
		{"relative", "/home/alice", "/home/alice/.local/state/stepup"},
	} {
		t.Setenv("XDG_STATE_HOME", row.state)
		t.Setenv("HOME", row.home)
		if got, err := devissuer.StateFolder(); err != nil || got != row.want {
			t.Errorf("StateFolder() with XDG_STATE_HOME=%q HOME=%q = %q, %v; want %q", row.state, row.home, got, err, row.want)
		}
	}
}

func TestFindRefusesOtherKeys(t *testing.T) {
	_, err := open(t, t.TempDir()).Find(t.Context(), "another")
	if e, ok := err.(*token.Error); !ok || e.Code != access.KeyNotFound {
		t.Errorf("Find(another) = %v, want %s", err, access.KeyNotFound)
	} else if strings.Contains(e.Error(), `"another"`) {
		t.Errorf("Find(another) = %v, which repeats what nobody verified", err)
	}
}

func publicKeyID(t *testing.T, i *devissuer.Issuer) string {
	t.Helper()
	keys, err := i.Find(t.Context(), "")
	if err != nil || len(keys) != 1 || !keys[0].IsPublic() {
		t.Fatalf("Find = %v, %v; want one public key", keys, err)
	}
	return keys[0].KeyID
}
