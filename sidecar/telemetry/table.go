package telemetry

// Kind is what an instrument does.
type Kind string

// The kinds of instruments.
const (
	Counter   Kind = "counter"   // only goes up
	Gauge     Kind = "gauge"     // goes up and down
	Histogram Kind = "histogram" // counts observations in buckets
)

// An Instrument is one row of the table: what is measured under which name.
type Instrument struct {
	Name   string
	Kind   Kind
	Labels []string
	Help   string
}

// table is the closed list of instruments.
var table = []Instrument{
	{"stepup_decisions_total", Counter, []string{"outcome", "code", "door"}, "Decisions made, by outcome (fault: none could be made), deciding reason and door. A policy's own reasons are counted as policy."},
	{"stepup_decision_seconds", Histogram, []string{"door"}, "Time from a parsed question to its decision."},
	{"stepup_requirements_total", Counter, []string{"result", "door"}, "Answers to what a resource needs before there is a token, by result (ok or the code of the fault) and door."},
	{"stepup_documents_total", Counter, []string{"document", "result", "door"}, "Further documents (policy.documents) that were asked for, by name, result (defined, undefined, or the code of the refusal or fault) and door."},
	{"stepup_token_verifications_total", Counter, []string{"issuer", "result"}, "Tokens verified, by issuer (other: not configured, or not known) and result (ok or the code of the refusal)."},
	{"stepup_issuer_keys_usable", Gauge, []string{"issuer"}, "How many usable keys of the issuer are at hand; 0: its tokens are answered with 503."},
	{"stepup_issuer_keys_fetched_timestamp_seconds", Gauge, []string{"issuer"}, "When the issuer's keys were last fetched with success."},
	{"stepup_issuer_key_fetches_total", Counter, []string{"issuer", "result"}, "Attempts to fetch the issuer's keys, by result (ok or error)."},
	{"stepup_policy_info", Gauge, []string{"revision", "kind"}, "1 for the policy that is active."},
	{"stepup_policy_load_errors_total", Counter, nil, "Policies that were refused at loading."},
	{"stepup_routes_load_errors_total", Counter, nil, "Files of routes that were refused while they were followed; the routes before stay in force."},
	{"stepup_bundle_info", Gauge, []string{"bundle", "revision"}, "1 for the revision of a bundle that is active."},
	{"stepup_bundle_activated_timestamp_seconds", Gauge, []string{"bundle"}, "When the bundle was activated last."},
	{"stepup_bundle_attempts_total", Counter, []string{"bundle", "result"}, "Attempts to fetch and activate a bundle, by result: ok, or the kind of error: http (its server answered with one), download (not fetched, read or verified), activation (refused)."},
	{"stepup_decision_log_events_total", Counter, []string{"result"}, "Decisions for OPA's decision log, by what became of them: handed (to OPA's plugin), queue_full (dropped: more came than could be written), buffer_full (dropped: too much waits to be sent), stopped (dropped while stopping), failed (dropped: the log says why)."},
	{"stepup_decision_log_lost_total", Counter, []string{"reason"}, "Events of the decision log that OPA's plugin was handed and let go of: policy (system.log.drop says so), drop_failed and mask_failed (these rules could not be evaluated), rate_limit (reporting.max_decisions_per_second), buffer (no room until the service took them; one may be a chunk of several), encoding (larger than reporting.upload_size_limit_bytes, or it could not be encoded)."},
	{"stepup_decision_log_uploads_total", Counter, []string{"result"}, "Chunks of the decision log that were sent to its service: ok or error. After an error the chunk is sent again."},
	{"stepup_development_issuer", Gauge, nil, "1 if tokens of the development issuer are accepted: never in production."},
	{"stepup_unknown_acr_total", Counter, []string{"issuer"}, "Verified tokens whose login no vocabulary value describes: it gives no level."},
	{"stepup_kept_total", Counter, []string{"cache", "result"}, "Look-ups in what is kept (tokens, answers, requirements, questions), by result (hit or miss)."},
	{"stepup_kept_bytes", Gauge, []string{"cache"}, "Memory that what is kept takes, about; answers.memory bounds all of it."},
	{"stepup_http_requests_in_flight", Gauge, nil, "Requests that are being answered."},
}

// decisionBuckets reach from a kept answer to beyond the default policy.deadline.
var decisionBuckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1}

// Table returns a copy of the table of instruments.
func Table() []Instrument { return append([]Instrument(nil), table...) }
