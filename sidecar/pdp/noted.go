package pdp

import "stepup/sidecar/keep"

// A noted is what was found out about one request, for when it is asked again. It is no
// answer and no proof: only the names under which these are looked for, which are functions
// of what stands beside them.
type noted struct {
	tokens keep.Digest // of the request's tokens

	// The key of what the policy sees of the request: under one policy, and at one moment, since
	// the document has the time in it. Its token had been verified then, and was again now.
	// Whoever was not, has no key.
	in    *Memory // nil: there is no key
	world uint64  // of that memory
	at    int64
	key   keep.Digest
}

// tokensOf is the digest of the request's tokens.
func (q *question) tokensOf() keep.Digest {
	if n, _ := q.req.Note.Read().(*noted); n != nil {
		return n.tokens
	}
	tokens := keep.Tokens(q.req.Credential, q.req.Evidence)
	if q.req.Note != nil {
		q.req.Note.Write(&noted{tokens: tokens})
	}
	return tokens
}

// notedKey returns the key that the request had at this very moment, under this policy.
func (q *question) notedKey() (keep.Digest, bool) {
	n, _ := q.req.Note.Read().(*noted)
	if n == nil || q.proof == nil || n.in != q.Memory || n.world != q.world.number || n.at != q.now.Unix() {
		return keep.Digest{}, false
	}
	return n.key, true
}

func (q *question) noteKey(key keep.Digest) {
	if q.req.Note != nil && q.proof != nil {
		q.req.Note.Write(&noted{tokens: q.tokens, in: q.Memory, world: q.world.number, at: q.now.Unix(), key: key})
	}
}
