package telemetry

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"
)

// NewLogger returns a logger that writes to w. The format is "text", "json", or "auto",
// which is text on a terminal, with the time of day only, and JSON elsewhere; the level
// "debug", "info", "warn" or "error". To [Lines] it writes warnings and errors before it goes on.
func NewLogger(format, level string, w io.Writer) (*slog.Logger, error) {
	lines, many := w.(*Lines)
	if !many {
		return newLogger(format, level, w, w)
	}
	log, err := newLogger(format, level, w, lines.to)
	if err != nil {
		return nil, err
	}
	return slog.New(prompt{log.Handler(), lines}), nil
}

// newLogger writes to w, which ends at a screen or somewhere else.
func newLogger(format, level string, w, end io.Writer) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: use debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: least}
	if format == "auto" && onTerminal(end) {
		options.ReplaceAttr = timeOfDay
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json", "auto":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q: use auto, text or json", format)
}

func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// timeOfDay leaves the date out, which whoever sits before a terminal knows.
func timeOfDay(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		a.Value = slog.StringValue(a.Value.Time().Format(time.TimeOnly))
	}
	return a
}

// The values of log.subjects.
const (
	SubjectsHashed = "hashed"
	SubjectsPlain  = "plain"
	SubjectsNone   = "none"
)

// Subject returns how the log tells a subject, as log.subjects says: "hashed" gives a
// pseudonym, "plain" the subject itself, and everything else nothing.
//
// The pseudonym is the first 128 bits of HMAC-SHA-256 (RFC 2104) of the subject, keyed by
// its issuer. It is the same in every sidecar and after every start, so that one
// person's decisions can be followed through the logs of a fleet, and found by somebody
// who has the subject; it is not a secret from whoever can guess it. Equal subjects of
// two issuers have different pseudonyms.
func Subject(mode, issuer, subject string) string {
	switch {
	case subject == "":
		return ""
	case mode == SubjectsPlain:
		return subject
	case mode == SubjectsHashed:
		mac := hmac.New(sha256.New, []byte(issuer))
		mac.Write([]byte(subject))
		return "hmac:" + hex.EncodeToString(mac.Sum(nil)[:16])
	}
	return ""
}
