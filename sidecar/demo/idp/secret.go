package idp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"golang.org/x/crypto/argon2"
)

// randomText returns n random bytes as base64url.
func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// digest is how secrets that come back are kept: who reads the memory learns none.
func digest(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

func sameSecret(a, b string) bool {
	x, y := digest(a), digest(b)
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func mac(key []byte, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// A passwordHash is argon2id (RFC 9106) with the parameters that OWASP's Password Storage
// Cheat Sheet names first: 19 MiB, two passes, one lane.
type passwordHash struct{ salt, hash []byte }

func hashPassword(password string) passwordHash {
	salt := make([]byte, 16)
	rand.Read(salt)
	return passwordHash{salt, derive(password, salt)}
}

func (h passwordHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.hash, derive(password, h.salt)) == 1
}

func derive(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, 2, 19*1024, 1, 32)
}
