package pdp

import "stepup/sidecar/access"

// TextsOnly makes a memory keep tokens as text alone, so that each is read from it whenever it is asked for.
func TextsOnly(m *Memory) *Memory {
	if m.proofs.texts == nil {
		panic("too little room for texts")
	}
	m.proofs.last = nil
	return m
}

// AnswersOnly makes a memory keep no tokens.
func AnswersOnly(m *Memory) *Memory {
	m.proofs = &proofs{}
	return m
}

// Noted reports whether a note has a key that counts at this moment.
func Noted(note *access.Note, d *Decider) bool {
	n, _ := note.Read().(*noted)
	return n != nil && n.in == d.Memory && n.world == d.Memory.under(d.Policy()).number && n.at == d.Now().Unix()
}

// Postdate makes a note one of this moment.
func Postdate(note *access.Note, d *Decider) {
	forge(note, func(n *noted) { n.at = d.Now().Unix() })
}

// Adopt makes a note one of the present policy.
func Adopt(note *access.Note, d *Decider) {
	forge(note, func(n *noted) { n.world = d.Memory.under(d.Policy()).number })
}

func forge(note *access.Note, change func(*noted)) {
	if n, _ := note.Read().(*noted); n != nil && n.in != nil {
		forged := *n
		change(&forged)
		note.Write(&forged)
	}
}
