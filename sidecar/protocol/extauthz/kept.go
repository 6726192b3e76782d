package extauthz

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"stepup/sidecar/access"
	"stepup/sidecar/keep"
)

// A Check is the question of a CheckRequest that was read, with the allow that was last
// written to it. What the question is follows from what its key is made of; what the answer
// is, is decided anew each time.
type Check struct {
	request access.Request
	written atomic.Pointer[written]
}

// A written is an allow and its answer, of which all but the decision_id says the same again.
type written struct {
	decision access.Decision
	answer   *authv3.CheckResponse
}

// Known keeps questions by what was read of them.
type Known = keep.Cache[*Check]

// mostRead bounds the requests that are worth to be known again, by what their key is made of.
const mostRead = 16 << 10

// ask reads the question of a request and has it decided.
func (d *Door) ask(ctx context.Context, r *authv3.CheckRequest) (*Check, access.Decision, error) {
	var key keep.Digest
	keeps := d.cfg.Known != nil
	if keeps {
		var size int
		key, size = d.sight(r)
		if keeps = size <= mostRead; keeps {
			if c, known := d.cfg.Known.Get(key, func(*Check) bool { return true }); known {
				return c, d.cfg.Decider.Decide(ctx, c.request), nil
			}
		}
	}
	request, err := d.parse(r)
	if err != nil {
		return nil, access.Decision{}, err
	}
	c := &Check{request: request}
	if keeps {
		c.request.Note = &access.Note{}
	}
	decision := d.cfg.Decider.Decide(ctx, c.request)
	// Refusals are left out, so that nobody fills the memory with tokens that do not hold.
	if keeps && (decision.Outcome == access.Allow || decision.Outcome == access.StepUp) && d.cfg.Known.Wants(key) {
		d.cfg.Known.Put(key, c, c.size())
	}
	return c, decision, nil
}

// size tells what a question takes in memory with its answer, about.
func (c *Check) size() int {
	n := 4096 + 2*len(c.request.Credential.Reveal()) + 4*len(c.request.HTTP.Path) + 16*len(c.request.HTTP.Segments)
	for _, name := range c.request.HTTP.Arrived {
		n += 16 + len(name)
	}
	for _, lists := range []map[string][]string{c.request.HTTP.Headers, c.request.HTTP.Query} {
		for name, values := range lists {
			n += 128 + len(name)
			for _, value := range values {
				n += 16 + 2*len(value)
			}
		}
	}
	return n
}

// sight is the digest of all that reading a request looks at, with how many bytes that is: the
// names of all headers, the values of those that are read, and which routes are in force. Values of others, the
// request's id and its time say nothing of the question; whoever is sent to sign in is looked
// at anew (see visit).
func (d *Door) sight(r *authv3.CheckRequest) (key keep.Digest, size int) {
	http := r.GetAttributes().GetRequest().GetHttp()
	s := keep.Look()
	text := func(text string) { size += len(text); s.Text(text) }
	s.Number(int64(d.cfg.Routes.Number()))
	s.Flag(http != nil)
	for _, told := range []string{
		http.GetMethod(), http.GetScheme(), http.GetHost(), http.GetPath(), http.GetQuery(), http.GetFragment(),
		r.GetAttributes().GetSource().GetAddress().GetSocketAddress().GetAddress(),
	} {
		text(told)
	}
	headers := http.GetHeaders()
	s.Number(int64(len(headers)))
	var room [32]string // on the stack
	for _, name := range sorted(headers, room[:0], "") {
		text(name)
		if d.reads(name) {
			text(headers[name])
		}
	}
	raw := http.GetHeaderMap().GetHeaders()
	s.Number(int64(len(raw)))
	for _, h := range raw {
		text(h.GetKey())
		s.Flag(twoValued(h))
		if d.reads(h.GetKey()) {
			text(h.GetValue() + string(h.GetRawValue()))
		}
	}
	extensions := r.GetAttributes().GetContextExtensions()
	for _, name := range sorted(extensions, room[:0], extensionPrefix) {
		text(name)
		text(extensions[name])
	}
	key, _ = s.Digest() // texts are always exact
	return key, size
}

// twoValued reports whether an entry of header_map has a value in both of its forms.
func twoValued(h *corev3.HeaderValue) bool { return h.GetValue() != "" && len(h.GetRawValue()) > 0 }

// sorted appends the names of a map that begin so, in order.
func sorted(m map[string]string, names []string, prefix string) []string {
	for name := range m {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// reads reports whether the value of a header is looked at: it has the user's token, is held
// to an attribute, or policies may see it.
func (d *Door) reads(name string) bool {
	name = strings.ToLower(name)
	return name == authorization || strings.HasPrefix(name, ":") || d.cfg.Forward.Admit(name)
}

// answer writes a decision, made of the last allow if that says the same.
func (c *Check) answer(d access.Decision, allow access.HeaderNames) (*authv3.CheckResponse, error) {
	if d.Outcome != access.Allow {
		return render(d, allow, nil)
	}
	if w := c.written.Load(); w != nil && w.says(d) {
		return w.again(d.ID), nil
	}
	answer, err := render(d, allow, c.request.HTTP.Arrived)
	if err == nil && c.request.Note != nil {
		c.written.Store(&written{d, answer})
	}
	return answer, err
}

// says reports whether an allow would be written alike, but for its decision_id.
func (w *written) says(d access.Decision) bool {
	return w.decision.Revision == d.Revision && w.decision.Assurance.Level == d.Assurance.Level && maps.Equal(w.decision.Headers, d.Headers)
}

// again is the answer with another decision_id. The rest is shared: nobody changes an allow.
func (w *written) again(id string) *authv3.CheckResponse {
	fields := maps.Clone(w.answer.DynamicMetadata.Fields)
	fields[decisionID] = structpb.NewStringValue(id)
	return &authv3.CheckResponse{
		Status: w.answer.Status, HttpResponse: w.answer.HttpResponse, DynamicMetadata: &structpb.Struct{Fields: fields},
	}
}
