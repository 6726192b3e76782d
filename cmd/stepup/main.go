// Command stepup is a policy-as-code authorization sidecar: it verifies a token, asks the
// Rego policy, and says whether this login may do this.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"stepup/sidecar/config"
)

// version is set when the program is built.
var version = "devel"

// The exit codes. Those of an answer belong to decide.
const (
	exitOK     = 0
	exitFault  = 1
	exitUsage  = 2
	exitStepUp = 10
	exitDeny   = 20
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	defer stop()
	os.Exit(run(ctx, terminal{os.Stdin, os.Stdout, os.Stderr, os.Environ()}, os.Args[1:]))
}

// A terminal is what a command has of the world around it.
type terminal struct {
	in      io.Reader
	out     io.Writer
	err     io.Writer
	environ []string
}

// run runs one command and returns its exit code.
func run(ctx context.Context, t terminal, args []string) int {
	t.out = plain{t.out} // not t.err: the log escapes for itself
	root := newRoot(t)
	root.SetArgs(args)
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(plain{t.err})
	root.SetFlagErrorFunc(suggestFlag)
	err := suggestCommand(root.ExecuteContext(ctx), root, args)
	if err == nil {
		return exitOK
	}
	var code exitCode
	if errors.As(err, &code) {
		return int(code)
	}
	tell(plain{t.err}, err)
	var u usageError
	if errors.As(err, &u) || isCobraUsage(err) {
		return exitUsage
	}
	return exitFault
}

// exitCode ends a command that has said everything already.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit %d", int(c)) }

// A usageError is a command line that cannot be followed.
type usageError struct {
	problem string
	hint    string
}

func (u usageError) Error() string { return u.problem }

// A hinted error says what to try.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// tell writes an error in one line, then what to try.
func tell(w io.Writer, err error) {
	_, _ = fmt.Fprintf(w, "stepup: %s\n", strings.TrimSpace(err.Error()))
	var h hinted
	var u usageError
	var c *config.Error
	switch {
	case errors.As(err, &h):
		_, _ = fmt.Fprintf(w, "  %s\n", h.hint)
	case errors.As(err, &u) && u.hint != "":
		_, _ = fmt.Fprintf(w, "  %s\n", u.hint)
	case errors.As(err, &c):
		_, _ = fmt.Fprintln(w, "  docs/configuration.md lists every key; stepup serve --print-config shows what is in force")
	case isCobraUsage(err):
		_, _ = fmt.Fprintln(w, "  stepup --help lists the commands, and stepup COMMAND --help its flags")
	}
}

// isCobraUsage reports whether cobra itself refused the command line; it has no type for
// these errors.
func isCobraUsage(err error) bool {
	for _, begin := range []string{"unknown command", "unknown flag", "unknown shorthand", "flag needs an argument", "invalid argument", "accepts ", "required flag", "requires at least", "if any flags in the group"} {
		if strings.HasPrefix(err.Error(), begin) {
			return true
		}
	}
	return false
}

func newRoot(t terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "stepup",
		Short: "May this login do this? Verifies the token, asks the Rego policy, answers.",
		Long: `stepup is a policy-as-code authorization sidecar. An application, or the proxy in front
of it, asks whether a login may do something; the sidecar verifies the token, asks the
Rego policy, and answers: allow, deny, or step up, which is to say sign in more strongly,
exactly so.

Try it without a provider:

  stepup serve --dev
  stepup token --level mfa | stepup decide --dev --token - --action GET --resource /employees

See it in a browser, complete on this machine:

  stepup demo`,
		Version:           version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(newServe(t), newDecide(t), newToken(t), newCheck(t), newTest(t), newInit(t), newDemo(t), newHealth(t), newVersion(t))
	refuseUnknownTopics(root)
	return root
}
