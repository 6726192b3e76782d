package loopguard

import (
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
// Digests leave the process for nowhere: hashing the secret before the texts is enough.
func (s secret) digest(r Requirement) digest {
	var room [512]byte // on the stack
	text := append(room[:0], s[:]...)
	for _, part := range [...]string{
		r.Issuer, r.Subject, r.Client, r.Session, r.Package, r.Action, r.ResourceType, r.ResourceID,
	} {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	return sha256.Sum256(text)
}
