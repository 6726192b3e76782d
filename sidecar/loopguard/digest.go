package loopguard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// A digest stands for a person and what they want to do, so that the memory tells nobody
// who that was.
type digest [sha256.Size]byte

// A secret keeps digests from being guessed, and collisions from being made.
type secret [32]byte

func newSecret() (s secret) {
	_, _ = rand.Read(s[:]) // never fails: see crypto/rand
	return s
}

// digest writes each text after its length, so that no two requirements are written alike.
func (s secret) digest(r Requirement) (d digest) {
	h := hmac.New(sha256.New, s[:])
	for _, text := range []string{
		r.Issuer, r.Subject, r.Client, r.Session, r.Package, r.Action, r.ResourceType, r.ResourceID,
	} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(text))) // a hash takes everything
		h.Write([]byte(text))
	}
	h.Sum(d[:0])
	return d
}
