package access

import "context"

// callerKey is the context's key of the caller's name.
type callerKey struct{}

// WithCaller returns a context that says who asks: the name of a configured caller, for
// the record only. It is never an input to the policy, so the answer cannot depend on it.
func WithCaller(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, callerKey{}, name)
}

// CallerOf returns the name of who asks, or "" where callers are not told apart.
func CallerOf(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}
