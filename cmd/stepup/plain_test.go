package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestPlain(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"text, line ends and tabs", "a\tb\nä ✓\n", "a\tb\nä ✓\n"},
		{"an escape sequence", "\x1b]0;pwn\ax", "\uFFFD]0;pwn\uFFFDx"},
		{"a carriage return", "deny\rallow", "deny\uFFFDallow"},
		{"a control of two bytes", "\u009b31m", "\uFFFD31m"},
		{"the same as a lone byte", "\x9b31m", "\uFFFD31m"},
		{"another direction", "\u202ewolla", "\uFFFDwolla"},
		{"a line separator", "a\u2028b", "a\uFFFDb"},
	} {
		var b bytes.Buffer
		if n, err := (plain{&b}).Write([]byte(row.text)); err != nil || n != len(row.text) || b.String() != row.want {
			t.Errorf("%s: Write(%q) = %d, %v and wrote %q, want %q", row.name, row.text, n, err, b.String(), row.want)
		}
	}
}

func TestPlainJSON(t *testing.T) {
	const text = "{\n\t\"a\u007f\u009b\": \"\u202e\\u001b \U000e0001 ä\"\n}"
	const want = "{\n\t\"a\\u007f\\u009b\": \"\\u202e\\u001b \\udb40\\udc01 ä\"\n}"
	got := plainJSON([]byte(text))
	if string(got) != want {
		t.Errorf("plainJSON = %q, want %q", got, want)
	}
	var before, after map[string]string
	if err := json.Unmarshal([]byte(text), &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &after); err != nil || after["a\u007f\u009b"] != before["a\u007f\u009b"] {
		t.Errorf("plainJSON reads as %q, %v, want %q", after, err, before)
	}
}
