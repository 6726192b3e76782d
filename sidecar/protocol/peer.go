package protocol

import (
	"context"
	"net"
)

// peerKey is the context's key of the user at the other end of a connection.
type peerKey struct{}

// WithPeer returns a context that knows the user at the other end of a connection by a Unix
// socket. It is for [net/http.Server.ConnContext].
func WithPeer(ctx context.Context, c net.Conn) context.Context {
	if uid, ok := PeerUID(c); ok {
		return context.WithValue(ctx, peerKey{}, uid)
	}
	return ctx
}

// peerOf returns that user, nil if it is not known.
func peerOf(ctx context.Context) *uint32 {
	if uid, ok := ctx.Value(peerKey{}).(uint32); ok {
		return &uid
	}
	return nil
}

// PeerUID returns the user that opened a connection by a Unix socket, as the kernel saw it
// then; false for any other connection, and where the system does not tell.
func PeerUID(c net.Conn) (uid uint32, ok bool) {
	if wrapped, within := c.(interface{ NetConn() net.Conn }); within {
		c = wrapped.NetConn() // TLS by a Unix socket
	}
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	return peerUID(unix)
}
