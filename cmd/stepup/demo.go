package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/spf13/cobra"

	"stepup/sidecar/config"
	"stepup/sidecar/demo/idp"
	"stepup/sidecar/demo/intranet"
	"stepup/sidecar/telemetry"
)

func newDemo(t terminal) *cobra.Command {
	o := demoOptions{}
	var reads string
	var misbehave []string
	var level string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the Fabrikam Intranet with its provider and its sidecar on this machine",
		Long: `Run the Fabrikam Intranet complete on this machine: an OpenID provider with passwords, an
authenticator app and passkeys, an intranet, and the sidecar between them. Nothing has to
be installed or configured, nothing is kept, and nobody else can reach it.

It listens where its flags say. A configuration is not read, be it in a file or in variables
such as STEPUP_HTTP_ADDRESS.

While it runs, it reads lines: an empty one shows Alice's current code, +1h lets an hour
pass in all three, misbehave lets the provider do something wrong, behave stops that.

What the provider can do wrong: ` + misdeedNames() + `.`,
		Example: `  stepup demo
  stepup demo --clock-offset 30m --misbehave ignore-acr-values`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.misbehave, err = misbehaviour(misbehave); err != nil {
				return err
			}
			if o.reads, err = readsOf(reads); err != nil {
				return err
			}
			if o.log, err = telemetry.NewLogger("auto", level, t.err); err != nil {
				return usageError{problem: err.Error()}
			}
			slog.SetDefault(o.log) // the provider's library writes there
			return runDemo(cmd.Context(), t, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.intranetPort, "intranet-port", 8080, "port of the intranet; the next free one if it is taken")
	f.IntVar(&o.providerPort, "provider-port", 8090, "port of the provider, likewise")
	f.IntVar(&o.sidecarPort, "sidecar-port", 8181, "port of the sidecar, likewise")
	f.DurationVar(&o.offset, "clock-offset", 0, "how far the demonstration's clock is ahead")
	f.StringSliceVar(&misbehave, "misbehave", nil, "what the provider does wrong")
	f.StringVar(&reads, "reads", "access-token", "which token tells the level: access-token, id-token (of the web session, by a policy without scopes), both")
	f.StringVar(&o.app, "app", "http://localhost:3000", "where an application of your own runs: it signs people in as the client "+demoApp+", with the secret "+demoSecret+", and gets them back at /callback")
	f.StringVar(&level, "log-level", "error", "what is logged: debug, info (with a line for each decision), warn, error")
	return cmd
}

func readsOf(word string) (intranet.Reads, error) {
	switch word {
	case "access-token":
		return intranet.AccessToken, nil
	case "id-token":
		return intranet.IDToken, nil
	case "both":
		return intranet.BothTokens, nil
	}
	return 0, usageError{problem: fmt.Sprintf("--reads %q is no token", word), hint: "it is access-token, id-token or both"}
}

// runDemo runs until it is told to stop.
func runDemo(ctx context.Context, t terminal, o demoOptions) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tellWarnings(t.err, unheeded(t.environ))
	d, err := startDemo(ctx, o)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprint(t.out, d.welcome())
	go d.listen(t)
	return d.wait()
}

// unheeded warns of the variables that would configure stepup serve: whoever set them expects
// something.
func unheeded(environ []string) []string {
	var warnings []string
	for _, name := range config.Variables(environ) {
		warnings = append(warnings, name+" does not apply to stepup demo: --sidecar-port, --intranet-port and --provider-port say where it listens")
	}
	return warnings
}

// welcome says where to look and whom to sign in as.
func (d *demo) welcome() string {
	var b strings.Builder
	fmt.Fprintf(&b, `
The Fabrikam Intranet is running on this machine. Look at

  %-12s %s
  %-12s %s
  %-12s %s

Sign in there as

`, "Intranet", d.intranetURL, "Provider", d.providerURL+"/account", "Sidecar", d.sidecarURL+"/v1/decision")
	for _, u := range idp.DemoUsers() {
		fmt.Fprintf(&b, "  %-7s %-22s %s\n", u.Name, u.Password, d.about(u))
	}
	b.WriteString(`
Type here, and Enter:

  (nothing)     Alice's code now
  +1h           lets an hour pass, in all three
  misbehave X   lets the provider do something wrong; behave stops that
                ` + misdeedNames() + `

Ctrl-C stops everything. Nothing is kept.

`)
	return b.String()
}

// about says how somebody can sign in.
func (d *demo) about(u idp.User) string {
	switch {
	case u.TOTPSecret != "":
		return fmt.Sprintf("authenticator app: secret %s, code now %s", u.TOTPSecret, d.code(u))
	case slices.Contains(u.Factors, "webauthn"):
		return "sets up a passkey when one is asked for"
	}
	return "has a password and nothing else"
}

// code is what somebody's authenticator app shows now, by the demonstration's clock.
func (d *demo) code(u idp.User) string {
	code, err := totp.GenerateCode(u.TOTPSecret, d.clock.Now())
	if err != nil {
		return "unknown"
	}
	return code
}

// listen does what is typed, until nothing more comes.
func (d *demo) listen(t terminal) {
	lines := bufio.NewScanner(t.in)
	for lines.Scan() {
		_, _ = fmt.Fprintln(t.out, d.follow(strings.TrimSpace(lines.Text())))
	}
	_, _ = io.Copy(io.Discard, t.in) // a line that was too long for the scanner
}

// follow does what one line says, and tells what came of it.
func (d *demo) follow(line string) string {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "":
		return d.codes()
	case strings.HasPrefix(line, "+") && rest == "":
		return d.letPass(line)
	case word == "behave" && rest == "":
		d.provider.Misbehave(idp.Misbehave{})
		return "The provider does as it is asked."
	case word == "misbehave":
		m, err := misbehaviour(strings.Fields(rest))
		if err != nil {
			return err.Error()
		}
		d.provider.Misbehave(m)
		return "From now on the provider does wrong: " + rest
	}
	return "Not understood. An empty line shows Alice's code, +1h lets an hour pass, Ctrl-C stops."
}

func (d *demo) codes() string {
	var list []string
	for _, u := range idp.DemoUsers() {
		if u.TOTPSecret != "" {
			left := 30 - d.clock.Now().Unix()%30
			list = append(list, fmt.Sprintf("%s's code is %s, for %d more seconds.", u.FullName, d.code(u), left))
		}
	}
	return strings.Join(list, "\n")
}

func (d *demo) letPass(text string) string {
	by, err := time.ParseDuration(text)
	if err != nil || by > 24*time.Hour {
		return fmt.Sprintf("%q is not a time up to a day: write it as +90s, +5m or +1h", text)
	}
	d.clock.Advance(by)
	return fmt.Sprintf("It is now %s, for intranet, provider and sidecar. %s", d.clock.Now().Format("15:04:05"), d.codes())
}

// A misdeed is one thing that the provider can do wrong.
type misdeed struct {
	name string
	do   func(*idp.Misbehave)
}

func misdeeds() []misdeed {
	return []misdeed{
		{"ignore-acr-values", func(m *idp.Misbehave) { m.IgnoreACRValues = true }},
		{"ignore-max-age", func(m *idp.Misbehave) { m.IgnoreMaxAge = true }},
		{"old-auth-time", func(m *idp.Misbehave) { m.OldAuthTime = 2 * time.Hour }},
		{"drop-amr", func(m *idp.Misbehave) { m.DropAMR = true }},
		{"no-auth-time", func(m *idp.Misbehave) { m.NoAuthTime = true }},
		{"down", func(m *idp.Misbehave) { m.Down = true }},
	}
}

func misdeedNames() string {
	var names []string
	for _, one := range misdeeds() {
		names = append(names, one.name)
	}
	return strings.Join(names, ", ")
}

func misbehaviour(names []string) (idp.Misbehave, error) {
	var m idp.Misbehave
	for _, name := range names {
		n := slices.IndexFunc(misdeeds(), func(one misdeed) bool { return one.name == name })
		if n < 0 {
			return m, usageError{
				problem: fmt.Sprintf("%q is nothing that the provider can do wrong", name),
				hint:    "it can: " + misdeedNames(),
			}
		}
		misdeeds()[n].do(&m)
	}
	return m, nil
}
