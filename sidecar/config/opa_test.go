package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMistakesInOPAsConfiguration are told as everywhere in the file: each with its line, the
// nearest key and what to do, and all at once.
func TestMistakesInOPAsConfiguration(t *testing.T) {
	_, _, err := load(`
http: {adress: "127.0.0.1:1"}
policy:
  package: shop
  opa:
    bundels: {}
    services:
      origin:
        urll: https://bundles.example
        headers: {x-ms-version: 2023-11-03}
        credentials:
          bearer: {tokn: "${TOKEN}"}
          s3_signing: {environment_credential: {}}
      other:
        url: [https://bundles.example]
        credentials: {bearer: {token: "${NOBODY}"}}
    keys:
      ops: {algoritm: HS256}
    persistence_directory: 5
    bundles:
      a: {servce: origin}
      b:
        service: orign
        persist: maybe
        polling: {min_delay_second: 10, max_delay_seconds: soon}
        signing: {keyid: opps}
    decision_logs: {service: nowhere, reporting: {max_decisions_per_second: many}}
    status: {prometeus: true, service: origin}
`, "TOKEN=t")
	if err == nil {
		t.Fatal("Load = nil, want an error")
	}
	want := `
stepup.yaml:2: http.adress: unknown key; the nearest valid key is http.address
stepup.yaml:6: policy.opa.bundels: unknown key; the nearest valid key is policy.opa.bundles
stepup.yaml:9: policy.opa.services.origin.urll: unknown key; the nearest valid key is policy.opa.services.origin.url
stepup.yaml:10: policy.opa.services.origin.headers.x-ms-version: expected text, found a date; put it in quotes
stepup.yaml:12: policy.opa.services.origin.credentials.bearer.tokn: unknown key; the nearest valid key is policy.opa.services.origin.credentials.bearer.token
stepup.yaml:13: policy.opa.services.origin.credentials.s3_signing.environment_credential: unknown key; the nearest valid key is policy.opa.services.origin.credentials.s3_signing.environment_credentials
stepup.yaml:15: policy.opa.services.other.url: expected text, found a list
stepup.yaml:16: policy.opa.services.other.credentials.bearer.token: the environment has no variable "NOBODY"; set it, or write the value out
stepup.yaml:18: policy.opa.keys.ops.algoritm: unknown key; the nearest valid key is policy.opa.keys.ops.algorithm
stepup.yaml:19: policy.opa.persistence_directory: expected text, found a number; put it in quotes
stepup.yaml:21: policy.opa.bundles.a.servce: unknown key; the nearest valid key is policy.opa.bundles.a.service
stepup.yaml:23: policy.opa.bundles.b.service: "orign" is not in policy.opa.services; the nearest there is origin
stepup.yaml:24: policy.opa.bundles.b.persist: expected true or false, found text
stepup.yaml:25: policy.opa.bundles.b.polling.min_delay_second: unknown key; the nearest valid key is policy.opa.bundles.b.polling.min_delay_seconds
stepup.yaml:25: policy.opa.bundles.b.polling.max_delay_seconds: expected a whole number, found text
stepup.yaml:26: policy.opa.bundles.b.signing.keyid: "opps" is not in policy.opa.keys; the nearest there is ops
stepup.yaml:27: policy.opa.decision_logs.reporting.max_decisions_per_second: expected a number, found text
stepup.yaml:27: policy.opa.decision_logs.service: "nowhere" is not in policy.opa.services; the nearest there is other
stepup.yaml:28: policy.opa.status.prometeus: unknown key; the nearest valid key is policy.opa.status.prometheus
`
	if diff := cmp.Diff(strings.TrimSpace(want), err.Error()); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

// TestOPAsConfigurationAsOPADocumentsIt: what OPA accepts here is accepted.
func TestOPAsConfigurationAsOPADocumentsIt(t *testing.T) {
	for name, opa := range map[string]string{
		"services as a list":    `{services: [{name: a, url: 'https://a.example'}], bundles: {b: {service: a}}}`,
		"an empty section":      `{services: {a: }, labels: }`,
		"a file and no service": `{bundles: {b: {resource: 'file:///b.tar.gz'}}}`,
		"numbers of both kinds": `{services: {a: {url: u}}, decision_logs: {service: a, reporting: {max_decisions_per_second: 5}}, bundles: {b: {service: a, size_limit_bytes: 1000}}}`,
		"any claim":             `{services: {a: {url: u, credentials: {oauth2: {additional_claims: {a: [1, {b: c}]}}}}}}`,
		"any header":            `{services: {a: {url: u, headers: {whatever: x}}}}`,
		"TLS":                   `{services: {a: {url: u, tls: {ca_cert: c, system_ca_required: true}, credentials: {client_tls: {cert: c, private_key: k}}}}}`,
		"collectors":            `{services: {a: {url: u}}, status: {service: a, prometheus: true, prometheus_config: {collectors: {bundle_loading_duration_ns: {buckets: [1, 10]}}}}}`,
		"a service to discover": `{services: {a: {url: u}}, discovery: {service: a, resource: d}, bundles: {b: {service: found-later}}}`,
		"a trigger":             `{services: {a: {url: u}}, bundles: {b: {service: a, trigger: periodic, polling: {long_polling_timeout_seconds: 10}}}}`,
		"keys that OPA knows":   `{server: {}, plugins: {}, caching: {}}`, // refused where they are run, with reasons
	} {
		if _, _, err := load("policy: {package: p, opa: " + opa + "}"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
