package telemetry

import (
	"cmp"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stepup/sidecar/access"
)

// Instruments count. All methods are safe for concurrent use; make one with [New].
type Instruments struct {
	registry   *prometheus.Registry
	counters   map[string]*prometheus.CounterVec
	gauges     map[string]*prometheus.GaugeVec
	histograms map[string]*prometheus.HistogramVec

	issuers sync.Map // the configured ones: their names become labels

	// What is counted for every decision, found once: looking labels up costs more than counting.
	decided  found[decided, ofDecided]
	verified found[verified, prometheus.Counter]
	policy   struct {
		sync.Mutex
		labels    prometheus.Labels // of the policy that was active last
		opaCounts map[string]uint64 // as they were shown last
	}
}

// New returns the instruments of one sidecar, with those of the Go runtime and of the
// process. The issuers are the configured ones; one whose keys were fetched counts as
// configured too.
func New(issuers ...string) *Instruments {
	i := &Instruments{
		registry:   prometheus.NewRegistry(),
		counters:   map[string]*prometheus.CounterVec{},
		gauges:     map[string]*prometheus.GaugeVec{},
		histograms: map[string]*prometheus.HistogramVec{},
	}
	i.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, row := range table {
		i.register(row)
	}
	for _, issuer := range issuers {
		i.issuers.Store(issuer, true)
	}
	i.showZeros()
	return i
}

func (i *Instruments) register(row Instrument) {
	switch row.Kind {
	case Counter:
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: row.Name, Help: row.Help}, row.Labels)
		i.counters[row.Name] = v
		i.registry.MustRegister(v)
	case Gauge:
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: row.Name, Help: row.Help}, row.Labels)
		i.gauges[row.Name] = v
		i.registry.MustRegister(v)
	case Histogram:
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: row.Name, Help: row.Help, Buckets: decisionBuckets}, row.Labels)
		i.histograms[row.Name] = v
		i.registry.MustRegister(v)
	}
}

// showZeros makes the instruments without labels visible before anything happened, so
// that an alert on them has something to look at.
func (i *Instruments) showZeros() {
	i.InFlight()
	i.DevelopmentIssuer(false)
	i.counters["stepup_policy_load_errors_total"].WithLabelValues()
	i.counters["stepup_routes_load_errors_total"].WithLabelValues()
}

// Handler serves what was counted.
func (i *Instruments) Handler() http.Handler {
	return promhttp.HandlerFor(i.registry, promhttp.HandlerOpts{Registry: i.registry})
}

// Decision counts a decision and how long it took.
func (i *Instruments) Decision(door string, d access.Decision, took time.Duration) {
	of := i.decided.get(decided{outcomeLabel(d.Outcome), codeLabel(d.Code()), door}, func(of decided) ofDecided {
		return ofDecided{
			count: i.counters["stepup_decisions_total"].WithLabelValues(of.outcome, of.code, of.door),
			took:  i.histograms["stepup_decision_seconds"].WithLabelValues(of.door),
		}
	})
	of.count.Inc()
	of.took.Observe(took.Seconds())
}

type (
	decided   struct{ outcome, code, door string }
	ofDecided struct {
		count prometheus.Counter
		took  prometheus.Observer
	}
	verified struct{ issuer, result string }
)

// Required counts an answer to what a resource needs before there is a token; the code is
// empty unless it was a fault.
func (i *Instruments) Required(door string, code access.Code) {
	result := "ok"
	if code != "" {
		result = codeLabel(code)
	}
	i.counters["stepup_requirements_total"].WithLabelValues(result, door).Inc()
}

// Documented counts a further document of the policy; the code is empty unless it was refused,
// or a fault.
func (i *Instruments) Documented(name string, defined bool, code access.Code, door string) {
	result := "undefined"
	switch {
	case code != "":
		result = codeLabel(code)
	case defined:
		result = "defined"
	}
	i.counters["stepup_documents_total"].WithLabelValues(name, result, door).Inc()
}

// TokenVerified counts a verification; the code is empty if the token was accepted. The
// issuer may be whatever a token claims to come from.
func (i *Instruments) TokenVerified(issuer string, code access.Code) {
	result := "ok"
	if code != "" {
		result = codeLabel(code)
	}
	i.verified.get(verified{i.issuerLabel(issuer), result}, func(of verified) prometheus.Counter {
		return i.counters["stepup_token_verifications_total"].WithLabelValues(of.issuer, of.result)
	}).Inc()
}

// KeysFetched counts an attempt to fetch a configured issuer's keys, after which so many
// usable ones are at hand, whether or not it succeeded.
func (i *Instruments) KeysFetched(issuer string, keys int, err error) {
	i.issuers.Store(issuer, true)
	result := "ok"
	if err != nil {
		result = "error"
	} else {
		i.gauges["stepup_issuer_keys_fetched_timestamp_seconds"].WithLabelValues(issuer).SetToCurrentTime()
	}
	i.counters["stepup_issuer_key_fetches_total"].WithLabelValues(issuer, result).Inc()
	i.gauges["stepup_issuer_keys_usable"].WithLabelValues(issuer).Set(float64(keys))
}

// UnknownACR counts a verified token whose login its vocabulary does not know.
func (i *Instruments) UnknownACR(issuer string) {
	i.counters["stepup_unknown_acr_total"].WithLabelValues(i.issuerLabel(issuer)).Inc()
}

// PolicyActive shows the policy that is active from now on, and no other.
func (i *Instruments) PolicyActive(revision, kind string) {
	i.policy.Lock()
	defer i.policy.Unlock()
	info, labels := i.gauges["stepup_policy_info"], prometheus.Labels{"revision": revision, "kind": kind}
	info.With(labels).Set(1)
	if last := i.policy.labels; last != nil && (last["revision"] != revision || last["kind"] != kind) {
		info.Delete(last)
	}
	i.policy.labels = labels
}

// PolicyRefused counts a policy that was refused at loading.
func (i *Instruments) PolicyRefused() {
	i.counters["stepup_policy_load_errors_total"].WithLabelValues().Inc()
}

// RoutesRefused counts a file of routes that was refused while it was followed.
func (i *Instruments) RoutesRefused() {
	i.counters["stepup_routes_load_errors_total"].WithLabelValues().Inc()
}

// A Bundle is what metrics tell of one: Revision is the active one's, ActivatedAt when that
// was.
type Bundle struct {
	Name        string
	Active      bool
	Revision    string
	ActivatedAt time.Time
}

// Bundles shows which bundles are active, and no others.
func (i *Instruments) Bundles(all []Bundle) {
	i.policy.Lock()
	defer i.policy.Unlock()
	info, activated := i.gauges["stepup_bundle_info"], i.gauges["stepup_bundle_activated_timestamp_seconds"]
	info.Reset()
	activated.Reset()
	for _, b := range all {
		if !b.Active {
			continue
		}
		info.WithLabelValues(b.Name, b.Revision).Set(1)
		if !b.ActivatedAt.IsZero() {
			activated.WithLabelValues(b.Name).Set(float64(b.ActivatedAt.Unix()))
		}
	}
}

// BundleAttempt counts an attempt to fetch and activate a bundle; the kind of its error is
// empty if there was none.
func (i *Instruments) BundleAttempt(bundle, kind string) {
	i.counters["stepup_bundle_attempts_total"].WithLabelValues(bundle, cmp.Or(kind, "ok")).Inc()
}

// DecisionLogged counts a decision for OPA's decision log, by what became of it.
func (i *Instruments) DecisionLogged(result string) {
	i.counters["stepup_decision_log_events_total"].WithLabelValues(result).Inc()
}

// DecisionLost counts an event that OPA's plugin let go of, by the reason.
func (i *Instruments) DecisionLost(reason string) {
	i.counters["stepup_decision_log_lost_total"].WithLabelValues(reason).Inc()
}

// DecisionLogCounts shows what OPA's plugin counted so far, by OPA's names without
// decision_logs_ in front.
func (i *Instruments) DecisionLogCounts(counts map[string]uint64) {
	i.policy.Lock()
	defer i.policy.Unlock()
	for name, row := range opaCounts() {
		counter := i.counters[row.instrument].WithLabelValues(row.label)
		if grown := counts[name] - min(counts[name], i.policy.opaCounts[name]); grown > 0 {
			counter.Add(float64(grown))
		}
	}
	i.policy.opaCounts = counts
}

type opaCount struct{ instrument, label string }

// opaCounts are the instruments that show what OPA counts. What finds no room in the buffer by size is counted by OPA
// as dropped_buffer_size_limit_bytes_exceeded too.
func opaCounts() map[string]opaCount {
	const lost, uploads = "stepup_decision_log_lost_total", "stepup_decision_log_uploads_total"
	return map[string]opaCount{
		"dropped_rate_limit_exceeded":        {lost, "rate_limit"},
		"dropped_buffer_size_limit_exceeded": {lost, "buffer"},
		"encoding_failure":                   {lost, "encoding"},
		"chunks_uploaded":                    {uploads, "ok"},
		"chunks_upload_failed":               {uploads, "error"},
	}
}

// Registry is where others register instruments of their own.
func (i *Instruments) Registry() prometheus.Registerer { return i.registry }

// DevelopmentIssuer shows whether tokens of the development issuer are accepted.
func (i *Instruments) DevelopmentIssuer(on bool) {
	value := 0.0
	if on {
		value = 1
	}
	i.gauges["stepup_development_issuer"].WithLabelValues().Set(value)
}

// InFlight is the gauge of the requests that are being answered.
func (i *Instruments) InFlight() prometheus.Gauge {
	return i.gauges["stepup_http_requests_in_flight"].WithLabelValues()
}

// Kept returns the counters of what was found in a cache and of what was not.
func (i *Instruments) Kept(cache string) (hits, misses prometheus.Counter) {
	v := i.counters["stepup_kept_total"]
	return v.WithLabelValues(cache, "hit"), v.WithLabelValues(cache, "miss")
}

// KeptBytes shows how much memory a cache takes.
func (i *Instruments) KeptBytes(cache string, bytes int64) {
	i.gauges["stepup_kept_bytes"].WithLabelValues(cache).Set(float64(bytes))
}

// The labels of what is not named by itself.
const (
	other       = "other"
	policysOwn  = "policy"
	noReason    = "none"
	faultByName = "fault"
)

func (i *Instruments) issuerLabel(issuer string) string {
	if _, configured := i.issuers.Load(issuer); configured {
		return issuer
	}
	return other
}

// outcomeLabel tells a fault from a denial, as callers are not.
func outcomeLabel(o access.Outcome) string {
	if o == access.Indeterminate {
		return faultByName
	}
	return o.String()
}

func codeLabel(c access.Code) string {
	if _, ours := access.Lookup(c); ours {
		return string(c)
	}
	switch {
	case c == "":
		return noReason
	case strings.Contains(string(c), "/"):
		return policysOwn
	}
	return other
}
