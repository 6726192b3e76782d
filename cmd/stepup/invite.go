package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"stepup/sidecar/config"
)

// A trial is a question to try at a sidecar of the development issuer.
type trial struct {
	title    string
	token    string // the flags of stepup token
	resource string
}

// demonstration are the trials that show what the Fabrikam policy is about.
var demonstration = []trial{
	{"Customers, for anyone who has signed in: allow", "--level normal", "/customers"},
	{"Employees, salaries inside, after a password only: step up", "--level normal", "/employees"},
	{"Employees, after the second factor that was asked for: allow", "--level mfa", "/employees"},
	{"Employees, without the scope for them: deny, for no login would help", "--level mfa --scope openid,read:customers", "/employees"},
	{"Employees, for a machine, which cannot sign in: deny", "--machine", "/employees"},
}

// own is the trial for a policy that we know nothing of.
var own = []trial{{"A question; the path and the token's level and scopes are yours to change", "--level normal --scope openid", "/"}}

// invite prints questions to try, which work as they are printed, in any folder, in sh
// and in bash.
func invite(t terminal, cfg *config.Config, doors net.Addr) {
	if network, _ := cfg.HTTP.Address.Network(); network != "tcp" || cfg.HTTP.TLS.Cert != "" {
		return
	}
	trials, policy := own, "the policy in "+cfg.Policy.Path
	if cfg.Policy.Demonstration() {
		trials, policy = demonstration, "the Fabrikam demonstration policy"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nstepup is listening on http://%s with %s. Try, in another terminal:\n", doors, policy)
	self := program()
	for _, try := range trials {
		fmt.Fprintf(&b, `
# %s
curl -s 'http://%s/v1/decision' -H 'Content-Type: application/json' \
  -d '{"token":"'"$(%s token %s)"'","action":{"name":"GET"},"resource":{"type":"route","id":"%s"}}'
`, try.title, doors, self, try.token, try.resource)
	}
	b.WriteString("\nCtrl-C stops it.\n\n")
	_, _ = fmt.Fprint(t.out, b.String())
}

// program is how this program can be called from another terminal: as it was called if
// the shell found it by its name, else by its whole path, quoted for the shell.
func program() string {
	if !strings.ContainsRune(os.Args[0], filepath.Separator) {
		return os.Args[0]
	}
	path, err := filepath.Abs(os.Args[0])
	if err != nil {
		return quoted(os.Args[0])
	}
	return quoted(path)
}

// quoted writes a word so that a shell reads it as it is.
func quoted(word string) string {
	if !strings.ContainsFunc(word, special) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func special(r rune) bool {
	plain := r == '/' || r == '.' || r == '-' || r == '_' || r == '+' ||
		r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	return !plain
}
