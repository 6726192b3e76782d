package extauthz

import (
	"context"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// watchEvery is how often readiness is looked at for those who watch.
const watchEvery = time.Second

// Health answers grpc.health.v1 with the sidecar's readiness, for the whole server ("") and
// for the service of Check. It tells nothing else, and to everybody who reaches the
// listener. It is safe for concurrent use.
type Health struct {
	grpc_health_v1.UnimplementedHealthServer
	// Ready reports whether questions can be decided. Required.
	Ready func() bool
	// Stopping is closed when no more should come; those who watch are then sent away.
	Stopping <-chan struct{}
}

// Check implements the service.
func (h *Health) Check(_ context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if !knownService(r.GetService()) {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return h.now(), nil
}

func knownService(name string) bool {
	return name == "" || name == authv3.Authorization_ServiceDesc.ServiceName
}

func (h *Health) now() *grpc_health_v1.HealthCheckResponse {
	if h.Ready() {
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_NOT_SERVING}
}

// Watch implements the service: it sends the state, and again whenever it changed.
func (h *Health) Watch(r *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	if !knownService(r.GetService()) {
		return status.Error(codes.NotFound, "unknown service")
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	last := grpc_health_v1.HealthCheckResponse_UNKNOWN
	for {
		if state := h.now(); state.GetStatus() != last {
			last = state.GetStatus()
			if err := stream.Send(state); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-h.Stopping:
			return status.Error(codes.Unavailable, "stopping")
		}
	}
}
