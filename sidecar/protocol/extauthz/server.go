package extauthz

import (
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"stepup/sidecar/protocol"
)

// Limits of a connection. Envoy holds few, with many questions on each.
const (
	maxStreams        = 1024
	maxMetadata       = 64 << 10
	connectionTimeout = 5 * time.Second
	pingAtMost        = 10 * time.Second
	pingWhenSilent    = 2 * time.Minute
	pingAnswered      = 20 * time.Second
	// hardMessage is where gRPC itself refuses a message, with an error: a message beyond
	// [Config.Message] that is smaller gets a denied response.
	hardMessage = 4 << 20
)

// NewServer returns a gRPC server with the door and with health. A nil tls speaks plainly.
func NewServer(door *Door, secure *tls.Config, health *Health) *grpc.Server {
	server := grpc.NewServer(
		grpc.Creds(newTransport(secure)),
		grpc.MaxRecvMsgSize(int(max(2*door.cfg.Message, hardMessage))),
		grpc.MaxConcurrentStreams(maxStreams),
		// Goroutines that stay keep their stacks, which else grow anew for each question.
		grpc.NumStreamWorkers(uint32(4*runtime.GOMAXPROCS(0))),
		grpc.MaxHeaderListSize(maxMetadata),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingAtMost, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingWhenSilent, Timeout: pingAnswered}),
	)
	authv3.RegisterAuthorizationServer(server, door)
	grpc_health_v1.RegisterHealthServer(server, health)
	return server
}

// transport adds to the credentials of a connection the user at the other end of a socket.
type transport struct {
	credentials.TransportCredentials
}

func newTransport(secure *tls.Config) transport {
	if secure == nil {
		return transport{insecure.NewCredentials()}
	}
	return transport{credentials.NewTLS(secure)}
}

// connected is what a connection proves.
type connected struct {
	credentials.AuthInfo
	uid *uint32
}

// ServerHandshake implements [credentials.TransportCredentials].
func (t transport) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	uid, known := protocol.PeerUID(c)
	conn, info, err := t.TransportCredentials.ServerHandshake(c)
	if err != nil {
		return nil, nil, err
	}
	proved := connected{AuthInfo: info}
	if known {
		proved.uid = &uid
	}
	return conn, proved, nil
}

// evidenceOf returns what a call proves of who makes it. The metadata authorization is
// Envoy's own (initial_metadata in its configuration); that of its user stands in the
// CheckRequest.
func evidenceOf(ctx context.Context) protocol.Evidence {
	e := protocol.Evidence{Authorization: metadata.ValueFromIncomingContext(ctx, "authorization")}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return e
	}
	if proved, ok := p.AuthInfo.(connected); ok {
		e.Peer = proved.uid
		if secured, ok := proved.AuthInfo.(credentials.TLSInfo); ok {
			e.TLS = &secured.State
		}
	}
	return e
}
