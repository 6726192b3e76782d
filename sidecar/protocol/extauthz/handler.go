package extauthz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"stepup/sidecar/access"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/navigation"
	"stepup/sidecar/protocol"
)

// Config is what the door needs.
type Config struct {
	Decider protocol.Decider
	// Callers are those who may ask; nil: whoever reaches the listener.
	Callers *protocol.Callers
	// Places are those of the requests that are worked on at once; nil: no limit.
	Places *protocol.Places
	// Message is how many bytes a CheckRequest may have; 0: [protocol.DefaultBody].
	Message int64
	// Allow lists the headers that policies may set for the upstream.
	Allow access.HeaderNames
	// Forward lists the request headers that policies may see; none: none.
	Forward access.HeaderNames
	// Routes say which resource a request is about; nil: the one of its canonical path.
	Routes *httpreq.Routes
	// SignIn sends browsers to a login; nil: nobody is sent.
	SignIn *navigation.SignIn
	// Known keeps the questions of requests that were read before, so that the same need not be
	// read again; nil: none are kept.
	Known *Known
	// Logger takes faults of ours and callers that were refused; nil: they are dropped.
	Logger *slog.Logger
}

// Door answers Envoy. It is safe for concurrent use.
type Door struct {
	authv3.UnimplementedAuthorizationServer
	cfg Config
}

// New returns the door. It panics without a decider.
func New(cfg Config) *Door {
	if cfg.Decider == nil {
		panic("extauthz: Config without Decider")
	}
	if cfg.Message <= 0 {
		cfg.Message = protocol.DefaultBody
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Door{cfg: cfg}
}

// Check implements the service. Its error is always nil: see the package's comment.
func (d *Door) Check(ctx context.Context, r *authv3.CheckRequest) (answer *authv3.CheckResponse, _ error) {
	defer func() {
		if p := recover(); p != nil {
			d.cfg.Logger.ErrorContext(ctx, "fault while answering", "door", Name, "error", fmt.Sprint("panic: ", p), "stack", string(debug.Stack()))
			answer = fault(protocol.Internal())
		}
	}()
	answer, err := d.answer(ctx, r)
	if err != nil {
		answer = fault(d.problem(ctx, err))
	}
	return answer, nil
}

func (d *Door) problem(ctx context.Context, err error) *protocol.Problem {
	p := protocol.ProblemOf(err)
	if p.Ours() {
		d.cfg.Logger.ErrorContext(ctx, "fault while answering", "door", Name, "error", err)
	}
	return p
}

func (d *Door) answer(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	// 1. Who asks, before anything of the question is read.
	name, err := d.cfg.Callers.Admit(Name, evidenceOf(ctx))
	if err != nil {
		d.cfg.Logger.InfoContext(ctx, "caller refused", "door", Name, "detail", err)
		return nil, err
	}
	if name != "" {
		ctx = access.WithCaller(ctx, name)
	}
	// 2. A place to work in.
	leave, err := d.cfg.Places.Take()
	if err != nil {
		return nil, err
	}
	defer leave()
	// 3. The question.
	if int64(proto.Size(r)) > d.cfg.Message {
		return nil, tooLarge(d.cfg.Message)
	}
	check, decision, err := d.ask(ctx, r)
	if err != nil {
		d.cfg.Logger.InfoContext(ctx, "check refused", "door", Name, "detail", err)
		return nil, err
	}
	// 4. The answer.
	if check.request.Unlisted && decision.Outcome == access.Allow {
		return nil, errors.New("allowed, although no route lists the request")
	}
	answer, err := check.answer(decision, d.cfg.Allow)
	if err == nil && decision.Outcome != access.Allow && d.cfg.SignIn != nil {
		send(answer, d.cfg.SignIn.Send(visit(r), decision))
	}
	return answer, err
}

func tooLarge(limit int64) error {
	return protocol.Refused(http.StatusRequestEntityTooLarge, fmt.Sprintf("The request must not be larger than %d bytes (limits.body).", limit))
}
