package pdp

import (
	"sync"
	"time"

	"stepup/sidecar/access"
	"stepup/sidecar/assurance"
	"stepup/sidecar/keep"
	"stepup/sidecar/packed"
	"stepup/sidecar/token"
)

// A proof is a verified token, with the evidence beside it if there was some, and what was read in
// them. It never changes.
type proof struct {
	claims   *token.Claims
	standing token.Standing
	evidence token.Standing // of the ID token, where claims have one
	read     read
}

func (p *proof) holds(now time.Time) bool {
	return p.standing.Holds(now) && (p.claims.Evidence == nil || p.evidence.Holds(now))
}

// A read is what the library of one policy read in a token.
type read struct {
	by      uint64 // the world's number; 0: of none
	reading assurance.Reading
}

// proofs are kept as text, all of them, and as values those that were asked for last: many are kept,
// and the garbage collector would walk through all of their parts while people wait. Where there is
// too little room for texts there are not many, and they are values.
type proofs struct {
	texts    *keep.Texts // nil: too little room
	last     *keep.Last[*proof]
	values   *keep.Cache[*proof] // nil: there are texts
	counters keep.Counters
}

// shareOfLast is the part of all bytes that is for values.
const shareOfLast = 16

func newProofs(bytes int64, c keep.Counters) *proofs {
	texts := keep.NewTexts(bytes - bytes/shareOfLast)
	if texts == nil {
		return &proofs{values: keep.New[*proof](bytes, keep.Counters{}), counters: c}
	}
	return &proofs{texts: texts, last: keep.NewLast[*proof](bytes / shareOfLast), counters: c}
}

func (k *proofs) bytes() int64 { return k.last.Bytes() + k.texts.Bytes() + k.values.Bytes() }

// get returns the proof of tokens, if it still holds.
func (k *proofs) get(key keep.Digest, v Prover, now time.Time) (*proof, bool) {
	p := k.find(key, v)
	if p == nil || !p.holds(now) {
		k.counters.Missed()
		return nil, false
	}
	k.counters.Found()
	return p, true
}

// find returns the proof of tokens as it was when it was kept; nil: there is none.
func (k *proofs) find(key keep.Digest, v Prover) *proof {
	if p, found := k.values.Get(key, func(*proof) bool { return true }); found {
		return p
	}
	if p, found := k.last.Get(key); found {
		return p
	}
	text, found := k.texts.Get(key)
	if !found {
		return nil
	}
	p := unpack(text, v)
	if p != nil {
		k.last.Put(key, p, p.size())
	}
	return p
}

var packers = sync.Pool{New: func() any { return new(packed.Writer) }}

// put keeps a proof, in place of one of the same tokens.
func (k *proofs) put(key keep.Digest, p *proof, v Prover) {
	w := packers.Get().(*packed.Writer)
	defer packers.Put(w)
	defer w.Reset()
	if !p.pack(w, v) {
		return
	}
	k.last.Forget(key)
	if k.texts.Put(key, w.Bytes()) {
		return
	}
	if again := unpack(string(w.Bytes()), v); again != nil { // which is smaller than what was just read
		k.last.Put(key, again, again.size())
		k.values.Put(key, again, again.size())
	}
}

// pack writes a proof as text; false if it cannot be.
func (p *proof) pack(w *packed.Writer, v Prover) bool {
	w.Number(int64(p.read.by))
	packReading(w, p.read.reading)
	evidence := p.claims.Evidence
	w.Flag(evidence != nil)
	return v.Pack(w, p.claims, p.standing) && (evidence == nil || v.Pack(w, evidence, p.evidence))
}

// unpack reads a proof as it was written by the same Prover; nil if it is not whole.
func unpack(text string, v Prover) *proof {
	r := packed.Read(text)
	p := &proof{read: read{by: uint64(r.Number()), reading: unpackReading(r)}}
	evidence := r.Flag()
	p.claims, p.standing = v.Unpack(r)
	if evidence && p.claims != nil {
		p.claims.Evidence, p.evidence = v.Unpack(r)
	}
	if p.claims == nil || evidence != (p.claims.Evidence != nil) || !r.Done() {
		return nil
	}
	return p
}

func packReading(w *packed.Writer, r assurance.Reading) {
	a := r.Assurance
	w.Text(a.Level)
	w.Texts(a.Levels)
	w.Texts(a.Methods)
	w.Number(a.AuthTime)
	w.Flag(a.Told)
	w.Texts(r.Invalid)
	w.Flag(r.Graded)
}

func unpackReading(r *packed.Reader) assurance.Reading {
	return assurance.Reading{
		Assurance: access.Assurance{Level: r.Text(), Levels: r.Texts(), Methods: r.Texts(), AuthTime: r.Number(), Told: r.Flag()},
		Invalid:   r.Texts(), Graded: r.Flag(),
	}
}

// verified looks for a proof of the question's tokens, and makes one otherwise. A fresh one is kept
// when it is known what it says of the login: see [question.keepReading].
func (q *question) verified(key keep.Digest, prove func() (*proof, error)) (*proof, error) {
	if v, can := q.Verifier.(Prover); can && q.Memory != nil {
		if p, kept := q.Memory.proofs.get(key, v, q.now); kept {
			return p, nil
		}
	}
	return prove()
}

// keptReading returns what was read in these tokens before, by the same library.
func (q *question) keptReading() (r assurance.Reading, kept bool) {
	if q.world == nil || q.proof == nil {
		return r, false
	}
	return q.proof.read.reading, q.proof.read.by == q.world.number
}

// keepReading keeps the proof, with what the library read in its tokens.
func (q *question) keepReading(r assurance.Reading) {
	v, can := q.Verifier.(Prover)
	if !can || q.world == nil || q.proof == nil || !q.proof.holds(q.now) {
		return
	}
	p := *q.proof
	p.read = read{q.world.number, r}
	q.Memory.proofs.put(q.tokens, &p, v)
}
