package forwardauth

import (
	"net/http"
	"slices"
	"strings"

	"stepup/sidecar/access"
	"stepup/sidecar/keep"
)

// mostRead bounds the checks that are worth to be known again, by what their key is made of.
const mostRead = 16 << 10

// ask reads the question of a check and has it decided. A check is known again by all that
// reading looks at; what the question is follows from that alone. It is decided anew each time.
func (d *Door) ask(r *http.Request) (access.Request, access.Decision, error) {
	if d.known == nil {
		return d.askAnew(r)
	}
	key, size := d.sight(r)
	if size > mostRead {
		return d.askAnew(r)
	}
	request, known := d.known.Get(key, func(*access.Request) bool { return true })
	if known {
		return *request, d.cfg.Decider.Decide(r.Context(), *request), nil
	}
	asked, err := d.question(r)
	if err != nil {
		return asked, access.Decision{}, err
	}
	asked.Note = &access.Note{}
	decision := d.cfg.Decider.Decide(r.Context(), asked)
	// Refusals are left out, so that nobody fills the memory with tokens that do not hold.
	if (decision.Outcome == access.Allow || decision.Outcome == access.StepUp) && d.known.Wants(key) {
		d.known.Put(key, &asked, sizeOfKnown(asked.HTTP, size))
	}
	return asked, decision, nil
}

func (d *Door) askAnew(r *http.Request) (access.Request, access.Decision, error) {
	asked, err := d.question(r)
	if err != nil {
		return asked, access.Decision{}, err
	}
	return asked, d.cfg.Decider.Decide(r.Context(), asked), nil
}

// sizeOfKnown tells what a question takes in memory, about: its texts, some of them twice, and
// the maps and lists in which they stand.
func sizeOfKnown(r *access.HTTPRequest, size int) int {
	const header, entry = 16, 128 // of a text, and of a name with its list
	return 2048 + 2*size + header*len(r.Segments) + entry*len(r.Query)
}

// sight is the digest of all that reading a check looks at, with how many bytes that is: the
// names of all headers, the values of those that are read, and which routes are in force. Values of others tell nothing
// but which browser somebody has; whoever is sent to sign in is looked at anew (see trip).
func (d *Door) sight(r *http.Request) (key keep.Digest, size int) {
	var room [32]string // on the stack
	names := room[:0]
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	s := keep.Look()
	s.Text(d.proxy.Name)
	s.Number(int64(d.cfg.Routes.Number()))
	if d.proxy.ofItsOwn() {
		s.Text(r.Method)
		s.Text(r.Host)
		s.Text(r.RequestURI)
		size += len(r.Method) + len(r.Host) + len(r.RequestURI)
	}
	s.Texts(names)
	for _, name := range names {
		size += len(name)
		if !d.reads(name) {
			continue
		}
		values := r.Header[name]
		s.Texts(values)
		for _, value := range values {
			size += len(value)
		}
	}
	key, _ = s.Digest() // texts are always exact
	return key, size
}

// reads reports whether the value of a header is looked at: it tells the request, it has the
// user's token, or policies may see it.
func (d *Door) reads(name string) bool {
	return slices.Contains(d.readable, name) || len(d.cfg.Forward) > 0 && d.cfg.Forward.Admit(strings.ToLower(name))
}
