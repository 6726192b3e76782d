package main

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"stepup/sidecar"
	"stepup/sidecar/access"
	"stepup/sidecar/token"
	"stepup/sidecar/token/devissuer"
)

// fabrikamScopes are what the demonstration policy asks for.
var fabrikamScopes = []string{"openid", "read:customers", "read:employees", "write:payroll"}

func newToken(t terminal) *cobra.Command {
	o := devissuer.Options{}
	var claims []string
	var idToken bool
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Mint a token of the development issuer, for tests and curl",
		Long: fmt.Sprintf(`Mint a token of the development issuer, which serve --dev and decide --dev accept, and
nobody else. Its key is made on first use, in $XDG_STATE_HOME/stepup (~/.local/state/stepup).

Levels: %s, none. None says nothing about the login. Each token is of a
session (sid) of its own; --claim sid=one makes several of one session.`, strings.Join(devissuer.Levels(), ", ")),
		Example: `  stepup token --level mfa --age 10m
  stepup token --level normal --subject bob --scope read:customers
  stepup token --machine --claim department='"sales"'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if idToken {
				o.Kind = token.IDToken
			}
			if o.Machine && !cmd.Flags().Changed("level") {
				o.Level = access.NoLevel
			}
			var err error
			if o.Claims, err = parseClaims(claims); err != nil {
				return err
			}
			ownSession(o)
			issuer, err := sidecar.OpenDevelopmentIssuer("")
			if err != nil {
				return err
			}
			text, err := issuer.Mint(o)
			if err != nil {
				return usageError{problem: err.Error(), hint: "stepup token --help tells what can be minted"}
			}
			_, err = fmt.Fprintln(t.out, text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Level, "level", "normal", "how strongly the person signed in")
	f.DurationVar(&o.Age, "age", 0, "how long ago the person signed in, such as 10m")
	f.StringVar(&o.Subject, "subject", "", `whose token (default "alice", or the client for a machine)`)
	f.StringSliceVar(&o.Scopes, "scope", fabrikamScopes, "granted scopes, separated by commas")
	f.StringVar(&o.ClientID, "client-id", "", fmt.Sprintf("the client (default %q)", devissuer.Client))
	f.StringVar(&o.Audience, "audience", "", fmt.Sprintf("whom it is for (default %q)", devissuer.Audience))
	f.DurationVar(&o.Lifetime, "lifetime", devissuer.DefaultLifetime, "how long it is valid; negative: expired")
	f.BoolVar(&o.Machine, "machine", false, "a machine's token (client credentials)")
	f.BoolVar(&idToken, "id-token", false, "an ID token instead of an access token")
	f.StringArrayVar(&claims, "claim", nil, "a further claim as name=JSON; may be repeated")
	return cmd
}

// ownSession gives a person's token a session that no other token has: as if every token
// were another browser's, so that questions tried again and again are not taken for one
// browser that signs in again and again in vain.
func ownSession(o devissuer.Options) {
	if _, given := o.Claims["sid"]; !given && !o.Machine {
		o.Claims["sid"] = uuid.NewString()
	}
}

// parseClaims reads name=JSON. A value that is no JSON is taken as text, unless it looks
// as though JSON was meant.
func parseClaims(list []string) (access.Object, error) {
	claims := access.Object{}
	for _, one := range list {
		name, text, found := strings.Cut(one, "=")
		if !found || name == "" {
			return nil, usageError{problem: fmt.Sprintf("--claim %q is not name=JSON", one), hint: `for example --claim department='"sales"'`}
		}
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			if strings.ContainsAny(text, `{}[]"`) {
				return nil, usageError{problem: fmt.Sprintf("--claim %s: the value is not JSON: %v", name, err)}
			}
			value = text
		}
		claims[name] = value
	}
	return claims, nil
}
