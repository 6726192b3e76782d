package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
)

// A Credential is the text of a token. However it is printed, logged or encoded, it
// shows a digest and never itself; only [Credential.Reveal] gives the text, to the
// package that verifies it.
//
// The zero value means that no credential was presented. Credentials are comparable.
type Credential struct{ text string }

// NewCredential wraps the text of a token. An empty text gives the zero value.
func NewCredential(text string) Credential { return Credential{text} }

// Presented reports whether there is a credential at all.
func (c Credential) Presented() bool { return c.text != "" }

// Reveal returns the token itself.
func (c Credential) Reveal() string { return c.text }

// String returns the first 16 hexadecimal digits of the token's SHA-256 digest,
// or "none".
func (c Credential) String() string {
	if !c.Presented() {
		return "none"
	}
	sum := sha256.Sum256([]byte(c.text))
	return "sha256:" + hex.EncodeToString(sum[:8])
}

// Format prints the digest for every verb, so that no %#v or %x shows the text.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue implements [slog.LogValuer].
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText keeps the text out of JSON and YAML.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
