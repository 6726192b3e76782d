package deploy_test

import (
	"encoding/json"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
)

// TestEnvoyConfiguration reads Envoy's file with Envoy's own types: every field exists, every
// value is valid by their rules, and the filter closes when the sidecar does not answer.
func TestEnvoyConfiguration(t *testing.T) {
	var tree any
	if err := yaml.Unmarshal([]byte(read(t, "envoy/envoy.yaml")), &tree); err != nil {
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
	var manager hcmv3.HttpConnectionManager
	if err := all.GetStaticResources().GetListeners()[0].GetFilterChains()[0].GetFilters()[0].GetTypedConfig().UnmarshalTo(&manager); err != nil {
		t.Fatal(err)
	}
	if err := manager.ValidateAll(); err != nil {
		t.Error(err)
	}
	var authz authzv3.ExtAuthz
	if err := manager.GetHttpFilters()[0].GetTypedConfig().UnmarshalTo(&authz); err != nil {
		t.Fatal(err)
	}
	if err := authz.ValidateAll(); err != nil {
		t.Error(err)
	}
	if authz.GetFailureModeAllow() || !authz.GetEncodeRawHeaders() || authz.GetWithRequestBody() != nil || authz.GetGrpcService() == nil {
		t.Errorf("ext_authz is %v; want it closed, with raw headers, without bodies, by gRPC", &authz)
	}
}
