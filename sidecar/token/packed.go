package token

import "stepup/sidecar/packed"

// What was proved of a token can be kept as text, in which to keep many: the garbage collector does
// not walk through it. The text is for the Verifier that proved the token, and whoever keeps it
// keeps it as safe as the proof, of which it is all.

// Pack writes down the claims of one token and for how long they stand. The evidence beside it is a
// token of its own, and left out. False if there is nothing that could be read again: claims that
// this Verifier did not prove, or that stand at no moment.
func (v *Verifier) Pack(w *packed.Writer, c *Claims, s Standing) bool {
	text := c.All.text
	if text == nil || s.keys == nil || !v.has(text.issuer) {
		return false
	}
	w.Number(int64(text.issuer.number))
	w.Number(int64(s.generation))
	for _, n := range [...]int64{s.from, s.until, c.ExpiresAt, c.IssuedAt, int64(c.Mark)} {
		w.Number(n)
	}
	for _, t := range [...]string{c.Subject, c.ClientID, string(c.Kind), c.Binding, c.ID, c.Session, text.payload} {
		w.Text(t)
	}
	w.Texts(c.Audiences)
	w.Texts(c.Scopes)
	return true
}

func (v *Verifier) has(i *issuer) bool {
	return i.number < len(v.byNumber) && v.byNumber[i.number] == i
}

// unpacked holds together what one token's claims are.
type unpacked struct {
	Claims
	signedClaims
}

// Unpack reads what [Verifier.Pack] wrote. Nothing that it returns counts before the whole text was
// read ([packed.Reader.Done]); nil and a standing that never holds if there is no such issuer.
func (v *Verifier) Unpack(r *packed.Reader) (*Claims, Standing) {
	number := r.Number()
	if number < 0 || number >= int64(len(v.byNumber)) {
		return nil, Standing{}
	}
	i := v.byNumber[number]
	keys, _ := i.Keys.(Rotating)
	s := Standing{keys: keys, generation: uint64(r.Number()), from: r.Number(), until: r.Number()}
	u := &unpacked{Claims: Claims{
		Issuer: i.URL, Vocabulary: i.vocabulary,
		ExpiresAt: r.Number(), IssuedAt: r.Number(), Mark: Mark(r.Number()),
		Subject: r.Text(), ClientID: r.Text(), Kind: Kind(r.Text()), Binding: r.Text(), ID: r.Text(), Session: r.Text(),
	}, signedClaims: signedClaims{issuer: i, payload: r.Text()}}
	u.Audiences, u.Scopes = r.Texts(), r.Texts()
	u.All = ClaimsSet{text: &u.signedClaims}
	return &u.Claims, s
}
