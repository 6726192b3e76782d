package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"stepup/sidecar/explain"
)

// plain writes text for people. Much of it comes from tokens, policies and names of files,
// and none of that may steer the terminal: see [explain.Harmless]. Each write must end at
// the end of a character.
type plain struct{ io.Writer }

// Write writes text with all but line ends and tabs made harmless.
func (p plain) Write(text []byte) (int, error) {
	if _, err := p.Writer.Write(bytes.Map(harmlessInLines, text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

func harmlessInLines(r rune) rune {
	if r == '\n' || r == '\t' {
		return r
	}
	return explain.Harmless(r)
}

// onOneLine keeps text that belongs within a line from ending it.
func onOneLine(text string) string { return strings.Map(explain.Harmless, text) }

// plainJSON escapes in a JSON text what may stay as it is by RFC 8259, section 7, and yet
// steers terminals: the controls from U+007F on and invisible characters.
func plainJSON(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		if harmlessInLines(r) == r {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.Bytes()
}

// tellWarnings tells what the configuration was loaded in spite of.
func tellWarnings(w io.Writer, warnings []string) {
	for _, each := range warnings {
		_, _ = fmt.Fprintf(plain{w}, "stepup: warning: %s\n", each)
	}
}
