package deploy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// validated is what Envoy's own types give and rules of their own hold.
type validated interface {
	proto.Message
	ValidateAll() error
}

// readEnvoy reads a file of Envoy's with Envoy's own types, in which every field exists and every
// value is valid, and returns its one manager of connections.
func readEnvoy(t *testing.T, file string) *hcmv3.HttpConnectionManager {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal([]byte(read(t, file)), &tree); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	var all bootstrapv3.Bootstrap
	if err := protojson.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if err := all.ValidateAll(); err != nil {
		t.Error(err)
	}
	var clusters []string
	for _, c := range all.GetStaticResources().GetClusters() {
		clusters = append(clusters, c.GetName())
	}
	if want := []string{"application", "stepup"}; !slices.Equal(clusters, want) {
		t.Errorf("clusters are %q, want %q", clusters, want)
	}
	var manager hcmv3.HttpConnectionManager
	typed(t, all.GetStaticResources().GetListeners()[0].GetFilterChains()[0].GetFilters()[0].GetTypedConfig(), &manager)
	return &manager
}

func typed(t *testing.T, config *anypb.Any, into validated) {
	t.Helper()
	if err := config.UnmarshalTo(into); err != nil {
		t.Fatal(err)
	}
	if err := into.ValidateAll(); err != nil {
		t.Error(err)
	}
}

// checkManager wants one spelling of paths and names, and nothing believed that a client says of
// itself: X-Forwarded-Proto would become the scheme, and X-Forwarded-For the client.
func checkManager(t *testing.T, m *hcmv3.HttpConnectionManager, filters ...string) {
	t.Helper()
	var names []string
	for _, f := range m.GetHttpFilters() {
		names = append(names, strings.TrimPrefix(f.GetName(), "envoy.filters.http."))
	}
	if !slices.Equal(names, filters) {
		t.Errorf("filters are %q, want %q", names, filters)
	}
	if !m.GetNormalizePath().GetValue() || !m.GetMergeSlashes() ||
		m.GetPathWithEscapedSlashesAction() != hcmv3.HttpConnectionManager_REJECT_REQUEST ||
		m.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction() != corev3.HttpProtocolOptions_REJECT_REQUEST {
		t.Error("paths or names of headers have several spellings")
	}
	if !m.GetUseRemoteAddress().GetValue() || m.GetXffNumTrustedHops() != 0 {
		t.Error("X-Forwarded-* of clients are believed")
	}
}

// checkClosed wants what keeps the sidecar from answering to keep everybody out.
func checkClosed(t *testing.T, a *authzv3.ExtAuthz) {
	t.Helper()
	if a.GetFailureModeAllow() || a.GetFailureModeAllowHeaderAdd() || a.GetWithRequestBody() != nil || a.GetClearRouteCache() ||
		a.GetFilterEnabled() != nil || a.GetFilterEnabledMetadata() != nil || a.GetStatusOnError().GetCode() != 503 || !a.GetValidateMutations() {
		t.Errorf("ext_authz is %v; want it closed and always on, without bodies", a)
	}
}

// TestEnvoyConfiguration is the file by gRPC.
func TestEnvoyConfiguration(t *testing.T) {
	manager := readEnvoy(t, "envoy/envoy.yaml")
	checkManager(t, manager, "ext_authz", "router")
	var authz authzv3.ExtAuthz
	typed(t, manager.GetHttpFilters()[0].GetTypedConfig(), &authz)
	checkClosed(t, &authz)
	if !authz.GetEncodeRawHeaders() || authz.GetAllowedHeaders() != nil || authz.GetGrpcService().GetEnvoyGrpc().GetClusterName() != "stepup" {
		t.Errorf("ext_authz is %v; want all headers, raw, by gRPC", &authz)
	}
	for _, v := range manager.GetRouteConfig().GetVirtualHosts() {
		for _, r := range v.GetRoutes() {
			for _, c := range r.GetTypedPerFilterConfig() {
				var own authzv3.ExtAuthzPerRoute
				if typed(t, c, &own); own.GetDisabled() {
					t.Errorf("the route %v is not asked about", r.GetMatch())
				}
			}
		}
	}
}

// TestEnvoyHTTPConfiguration is the file over HTTP.
func TestEnvoyHTTPConfiguration(t *testing.T) {
	manager := readEnvoy(t, "envoy/envoy-http.yaml")
	checkManager(t, manager, "header_mutation", "ext_authz", "router")
	var mutation mutationv3.HeaderMutation
	typed(t, manager.GetHttpFilters()[0].GetTypedConfig(), &mutation)
	if all := mutation.GetMutations().GetRequestMutations(); len(all) != 1 || !matches(all[0].GetRemoveOnMatch().GetKeyMatcher(), "x-stepup-subject") {
		t.Errorf("before the check %v is done; want x-stepup-* of clients removed", all)
	}
	var authz authzv3.ExtAuthz
	typed(t, manager.GetHttpFilters()[1].GetTypedConfig(), &authz)
	checkClosed(t, &authz)
	service := authz.GetHttpService()
	if service.GetServerUri().GetCluster() != "stepup" || service.GetPathPrefix() != "/gw/envoy" || service.GetPathOverride() != "" {
		t.Errorf("the check goes to %v; want the door, with the path behind it", service)
	}
	for list, names := range map[*matcherv3.ListStringMatcher][]string{
		authz.GetAllowedHeaders(): {
			"accept", "cookie", "origin", "sec-fetch-dest", "sec-fetch-mode", "sec-purpose", "sec-websocket-key", "x-forwarded-for", "x-forwarded-proto", "x-requested-with",
		},
		service.GetAuthorizationResponse().GetAllowedUpstreamHeaders(): {"x-stepup-subject", "X-Stepup-Levels"},
		service.GetAuthorizationResponse().GetAllowedClientHeaders():   {"cache-control", "content-type", "retry-after", "set-cookie"},
	} {
		for _, name := range names {
			if !slices.ContainsFunc(list.GetPatterns(), func(p *matcherv3.StringMatcher) bool { return matches(p, name) }) {
				t.Errorf("%v does not let %s through", list, name)
			}
		}
	}
	if service.GetAuthorizationResponse().GetAllowedUpstreamHeadersToAppend() != nil {
		t.Error("a header of the sidecar's would stand beside the client's, not in its place")
	}
}

// matches knows the two kinds of matchers that the files have.
func matches(m *matcherv3.StringMatcher, name string) bool {
	if m.GetIgnoreCase() {
		name = strings.ToLower(name)
	}
	return m.GetExact() != "" && name == m.GetExact() || m.GetPrefix() != "" && strings.HasPrefix(name, m.GetPrefix())
}
