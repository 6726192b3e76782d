package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"stepup/sidecar"
	"stepup/sidecar/access"
	"stepup/sidecar/config"
	"stepup/sidecar/derive"
	"stepup/sidecar/explain"
	"stepup/sidecar/pdp"
)

// maxTokenInput bounds what is read as a token, so that a wrong file is an error and not
// a wait.
const maxTokenInput = 1 << 20

// patience is the deadline of a decision here unless the configuration sets one: nothing
// is warm yet, and nobody waits in line.
const patience = 10 * time.Second

// decideFlags are what a question is made of on the command line.
type decideFlags struct {
	config                               configFlags
	dev, explain, json                   bool
	token, idToken, action               string
	resource, resourceType               string
	contextText, requestText             string
	resourceProperties, actionProperties string
}

func newDecide(t terminal) *cobra.Command {
	var f decideFlags
	cmd := &cobra.Command{
		Use:   "decide",
		Short: "Make one decision without a server",
		Long: fmt.Sprintf(`Make one decision without a server, with the same configuration that serve would use,
except that a decision may take %s where policy.deadline is not set.

Exit codes: %d allow, %d step up, %d deny, %d no decision could be made, %d wrong usage.`,
			patience, exitOK, exitStepUp, exitDeny, exitFault, exitUsage),
		Example: `  stepup token --level mfa | stepup decide --dev --token - --action GET --resource /employees
  stepup token | stepup decide --dev --token - --action GET --resource /employees --explain`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), t) },
	}
	f.config.register(cmd, "policy-path", "policy-package")
	flags := cmd.Flags()
	flags.StringVar(&f.token, "token", "", "`file` with the token; - reads standard input; none: nobody signed in")
	flags.StringVar(&f.idToken, "id-token", "", "`file` with an ID token as evidence beside the access token")
	flags.StringVar(&f.action, "action", "", "the action's name, such as GET")
	flags.StringVar(&f.resource, "resource", "", "the resource's id, such as /employees")
	flags.StringVar(&f.resourceType, "type", "route", "the resource's type")
	flags.StringVar(&f.contextText, "context", "", "the context, a JSON object")
	flags.StringVar(&f.requestText, "request", "", "the HTTP request, a JSON object")
	flags.StringVar(&f.actionProperties, "action-properties", "", "the action's properties, a JSON object")
	flags.StringVar(&f.resourceProperties, "resource-properties", "", "the resource's properties, a JSON object")
	flags.BoolVar(&f.explain, "explain", false, "tell which rule allowed, or which conditions were not met, with file and line")
	flags.BoolVar(&f.json, "json", false, "print the answer that POST /v1/decision would give")
	flags.BoolVar(&f.dev, "dev", false, "accept tokens of the development issuer (stepup token)")
	for _, name := range []string{"action", "resource"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

func (f *decideFlags) run(ctx context.Context, t terminal) error {
	cfg, warnings, err := f.config.load(t)
	if err != nil {
		return err
	}
	tellWarnings(t.err, warnings)
	body, err := f.body(t)
	if err != nil {
		return err
	}
	f.warn(t, cfg)
	if cfg.Origins["policy.deadline"].Source == config.Default {
		cfg.Policy.Deadline = patience
	}
	notes := &notebook{}
	core, err := sidecar.NewCore(ctx, sidecar.Options{
		Config: cfg, Dev: f.dev, Logger: slog.New(slog.DiscardHandler), Recorder: notes, Version: version,
	})
	if err != nil {
		return err
	}
	status, answer, err := core.Door().Ask(ctx, body)
	switch {
	case err != nil:
		return err
	case status == http.StatusBadRequest:
		return usageError{problem: detailOf(answer), hint: "stepup decide --help tells what a question is made of"}
	case f.json && !f.explain:
		_, err = fmt.Fprintf(t.out, "%s\n", plainJSON(answer))
	default:
		err = f.tell(ctx, t.out, core, notes.last)
	}
	if err != nil {
		return err
	}
	if code := exitOf(notes.last.Decision.Outcome); code != exitOK {
		return exitCode(code)
	}
	return nil
}

// warn tells why no token can be accepted, which the refusal of one does not.
func (f *decideFlags) warn(t terminal, cfg *config.Config) {
	if f.token != "" && !f.dev && len(cfg.Issuers) == 0 {
		_, _ = fmt.Fprintln(t.err, "stepup: no issuer is configured, so every token is refused: --dev accepts those of stepup token, --config names a file with issuers of yours")
	}
}

// A notebook keeps the record of the one decision that is made.
type notebook struct{ last pdp.Record }

// Record implements pdp.Recorder.
func (n *notebook) Record(_ context.Context, r pdp.Record) { n.last = r }

// detailOf finds the sentence of a problem document.
func detailOf(problem []byte) string {
	var document struct {
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(problem, &document); err != nil {
		return string(problem)
	}
	return document.Detail
}

// exitOf is the exit code of an outcome.
func exitOf(o access.Outcome) int {
	switch o {
	case access.Allow:
		return exitOK
	case access.StepUp:
		return exitStepUp
	case access.Deny:
		return exitDeny
	case access.Indeterminate:
		return exitFault
	}
	return exitFault
}

// body puts the question together as a caller of the native door would.
func (f *decideFlags) body(t terminal) ([]byte, error) {
	action, resource := object{"name": f.action}, object{"type": f.resourceType, "id": f.resource}
	body := object{"action": action, "resource": resource}
	for _, part := range []struct {
		flag, text string
		into       object
		member     string
	}{
		{"context", f.contextText, body, "context"},
		{"request", f.requestText, body, "request"},
		{"action-properties", f.actionProperties, action, "properties"},
		{"resource-properties", f.resourceProperties, resource, "properties"},
	} {
		if part.text == "" {
			continue
		}
		value := jsontext.Value(part.text)
		if !value.IsValid() || value.Kind() != '{' {
			return nil, usageError{problem: fmt.Sprintf("--%s is not a JSON object", part.flag), hint: `for example --` + part.flag + ` '{"amount": 100}'`}
		}
		part.into[part.member] = value
	}
	for member, name := range map[string]string{"token": f.token, "id_token": f.idToken} {
		if name == "" {
			continue
		}
		text, err := readToken(t, name)
		if err != nil {
			return nil, err
		}
		body[member] = text
	}
	return json.Marshal(body)
}

// object is a JSON object in the making.
type object map[string]any

// looksLikeToken keeps a token that was given in place of a file's name out of the error.
func looksLikeToken(name string) bool {
	return strings.HasPrefix(name, "eyJ") || (len(name) > 40 && strings.Count(name, ".") == 2)
}

// readToken reads a token from a file or standard input, without the line break that
// ends it.
func readToken(t terminal, name string) (string, error) {
	from := t.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil && looksLikeToken(name) {
			return "", usageError{problem: "--token names a file, and this looks like a token itself", hint: "pipe it: … | stepup decide --token -"}
		}
		if err != nil {
			return "", hinted{err, "--token names a file; --token - reads standard input"}
		}
		defer func() { _ = file.Close() }()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, maxTokenInput))
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", usageError{problem: "the token is empty", hint: "did the command succeed that should have printed it? Leave --token out to ask as nobody"}
	}
	return token, nil
}

// tell prints the decision for a person, with why it is what it is when asked.
func (f *decideFlags) tell(ctx context.Context, w io.Writer, core *sidecar.Core, note pdp.Record) error {
	if !f.explain {
		return tellDecision(w, note)
	}
	why, err := f.why(ctx, core, note)
	if err != nil {
		return err
	}
	if f.json {
		text, err := json.Marshal(why, jsontext.WithIndent("  "))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", plainJSON(text))
		return err
	}
	_, err = io.WriteString(w, why.Text()+furthermore(note)+section(why.Logins.Text()))
	return err
}

// why asks the policy once more, with a tracer.
func (f *decideFlags) why(ctx context.Context, core *sidecar.Core, note pdp.Record) (explain.Explanation, error) {
	if note.Document == nil {
		return explain.New(note.Decision, nil), nil
	}
	trace, err := core.Policies.Current().Trace(ctx, *note.Document)
	if err != nil {
		return explain.Explanation{}, fmt.Errorf("explaining the decision: %w", err)
	}
	why := explain.New(note.Decision, &trace)
	if note.Searched == nil {
		return why, nil
	}
	if err := why.Seek(ctx, core.Policies.Current(), soughtOf(note)); err != nil {
		return why, fmt.Errorf("explaining the logins: %w", err)
	}
	return why, nil
}

// soughtOf is what was tried after a refusal, as an explanation takes it.
func soughtOf(note pdp.Record) explain.Sought {
	s := explain.Sought{Vocabulary: note.Searched.Vocabulary, Present: *note.Document}
	for _, trial := range note.Searched.Tried {
		one := explain.Tried{
			Login: trial.Login, Number: trial.Number + 1, Documents: note.Searched.Documents(trial.Number),
			MaxAge: trial.MaxAge,
		}
		switch {
		case trial.Err == nil:
			one.Would = true
		case errors.Is(trial.Err, derive.ErrTooShort):
			one.TooShort = true
		case !errors.Is(trial.Err, derive.ErrRefused):
			one.Fault = trial.Err
		}
		s.Tried = append(s.Tried, one)
	}
	return s
}

// section sets a text apart from what stands above it.
func section(text string) string {
	if text == "" {
		return ""
	}
	return "\n" + text
}

// furthermore is what an explanation does not tell: the login to ask for, and the detail
// that is for logs and not for callers.
func furthermore(note pdp.Record) string {
	var b strings.Builder
	if note.Decision.StepUp != nil {
		b.WriteString("\nWhat would do:\n\n")
		tellStepUp(&b, *note.Decision.StepUp)
	}
	tellDetail(&b, note)
	return b.String()
}

// tellDecision prints the outcome in one line, then what goes with it.
func tellDecision(w io.Writer, note pdp.Record) error {
	d := note.Decision
	var b strings.Builder
	b.WriteString(explain.Headline(d.Outcome) + "\n")
	for _, r := range d.Reasons {
		row(&b, "reason", "%s: %s", r.Code, r.Message)
	}
	tellDetail(&b, note)
	if d.StepUp != nil {
		tellStepUp(&b, *d.StepUp)
	}
	if note.Claims != nil {
		row(&b, "subject", "%s %q of %s", note.Subject.Type, note.Subject.ID, note.Claims.Issuer)
		row(&b, "assurance", "%s", assuranceText(d.Assurance))
	}
	if d.Revision != "" {
		row(&b, "revision", "%s", d.Revision)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// row writes one line: what it is about, and what there is to say.
func row(b *strings.Builder, about, format string, args ...any) {
	fmt.Fprintf(b, "  %-10s %s\n", about, onOneLine(fmt.Sprintf(format, args...)))
}

// tellDetail prints what the log would have, unless the reason says it already.
func tellDetail(b *strings.Builder, note pdp.Record) {
	if note.Fault != nil && note.Fault.Error() != string(note.Decision.Code()) {
		row(b, "detail", "%s", strings.ReplaceAll(note.Fault.Error(), "\n", "; "))
	}
}

// tellStepUp prints the login to ask for, and others that would do.
func tellStepUp(b *strings.Builder, advice access.StepUpAdvice) {
	row(b, "step up", "%s", loginText(advice))
	row(b, "", "ask for %s", parameters(advice.AuthorizationRequest))
	for _, other := range advice.Alternatives {
		row(b, "or", "%s", loginText(other))
		row(b, "", "ask for %s", parameters(other.AuthorizationRequest))
	}
}

func loginText(advice access.StepUpAdvice) string {
	if advice.MaxAge == nil {
		return fmt.Sprintf("to %s, at any time", advice.Level)
	}
	return fmt.Sprintf("to %s, at most %d s ago", advice.Level, *advice.MaxAge)
}

// parameters are those of an authorization request, as an application would be told them.
func parameters(request map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(request)) {
		list = append(list, fmt.Sprintf("%s=%q", name, request[name]))
	}
	return strings.Join(list, " ")
}

func assuranceText(a access.Assurance) string {
	text := a.Level
	if len(a.Levels) > 1 {
		text += " (" + strings.Join(a.Levels, ", ") + ")"
	}
	if len(a.Methods) > 0 {
		text += " by " + strings.Join(a.Methods, ", ")
	}
	return text + ", signed in " + when(a.AuthTime)
}

func when(authTime int64) string {
	if authTime == 0 {
		return "at an unknown time"
	}
	return time.Unix(authTime, 0).UTC().Format(time.RFC3339)
}
