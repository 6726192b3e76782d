package decisionlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/plugins/logs"
	"github.com/open-policy-agent/opa/v1/server"
	"github.com/open-policy-agent/opa/v1/storage"
	"go.opentelemetry.io/otel/trace"

	"stepup/sidecar/access"
	"stepup/sidecar/pdp"
)

// DefaultQueue is how many events wait for the worker where nothing else is said.
const DefaultQueue = 10_000

// DefaultQueueBytes is how many bytes they take together at most, about. Of large questions
// that is reached long before [DefaultQueue].
const DefaultQueueBytes = 64 << 20

// gathering is how long entries wait at most that come one by one.
const gathering = 2 * time.Millisecond

// patience is how long the masks of one event may take.
const patience = time.Second

// What becomes of an event, for [Config.Count]. OPA's plugin has more to tell of those
// that are Handed.
const (
	Handed     = "handed"      // to OPA's plugin
	QueueFull  = "queue_full"  // the worker did not keep up
	BufferFull = "buffer_full" // too much waits to be sent, since the service takes none
	Stopped    = "stopped"     // the sidecar stopped before it was written
	Failed     = "failed"      // it could not be made, or its masks could not be evaluated
)

// A Config says what a Log works with. The fields without a stated default are required.
type Config struct {
	// Manager has OPA's logs plugin, now or later; without it nothing is logged.
	Manager *plugins.Manager
	// Package is that of the policy, as policy.package has it.
	Package string
	// Masks makes sure, before each event, that the manager has the rules of the policy
	// that is active; its context ends when the Log is stopped. False: none is, so that nobody could say what is to be masked, and
	// the event tells nothing of the question.
	Masks func(context.Context) (bool, error)
	// Bundles says that revisions are those of bundles, "<bundle>@<revision>,…".
	Bundles bool
	// Count counts what became of an event. Nil: nobody does.
	Count func(result string)
	// Logger is told what goes wrong. Nil: nobody is.
	Logger *slog.Logger
	// Now tells the time; nil means the system's clock.
	Now func() time.Time
	// Queue is how many events may wait; 0: [DefaultQueue].
	Queue int
	// QueueBytes is how much memory their questions may take, about; 0: [DefaultQueueBytes].
	QueueBytes int64
	// BufferBytes is how much the questions may take, about, that wait in OPA's buffer of
	// events; 0: [DefaultBufferBytes].
	BufferBytes int64
}

// A Log is a [pdp.Recorder] that hands decisions to OPA's decision log. A nil Log logs
// nothing. All methods are safe for concurrent use.
type Log struct {
	Config
	path    string // of the rule that decides
	queue   chan *entry
	bytes   atomic.Int64  // that what waits takes
	done    chan struct{} // closed when the worker has ended
	closing chan struct{} // closed with the queue
	begin   sync.Once

	stopping sync.RWMutex // held for writing while the queue is closed
	stopped  bool

	ctx    context.Context // ends what the worker is at
	cancel context.CancelFunc
	late   atomic.Bool // what is left is not written any more

	// What follows is the worker's.
	masks    rulesAt
	drops    rulesAt
	tokens   tokenTexts
	told     told
	draft    []byte // texts are written here
	at       envelope
	bundles  bundlesOf
	buffered buffered
}

// An entry is a decision that waits to be logged, or a further document.
type entry struct {
	pdp.Record
	further *access.FurtherDocument // nil: a decision
	at      time.Time
	span    trace.SpanContext
	size    int64
}

// New returns a Log whose worker does not run yet.
func New(c Config) *Log {
	if c.Count == nil {
		c.Count = func(string) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Queue == 0 {
		c.Queue = DefaultQueue
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = DefaultQueueBytes
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = DefaultBufferBytes
	}
	l := &Log{Config: c, path: pathOf(c.Package + ".allow"), queue: make(chan *entry, c.Queue), done: make(chan struct{}), closing: make(chan struct{})}
	l.at.took.Metrics = metrics.NoOp()
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Start starts the worker, once.
func (l *Log) Start() {
	if l != nil {
		l.begin.Do(func() { go l.work() })
	}
}

// Record implements [pdp.Recorder]. It never blocks. The record is read later, and must not
// change.
func (l *Log) Record(ctx context.Context, r pdp.Record) {
	if l.off() {
		return
	}
	r.Searched = nil // not logged, and large
	l.add(ctx, &entry{Record: r, size: int64(pdp.SizeOf(r.Request))})
}

// Valued is as Record, for a further document.
func (l *Log) Valued(ctx context.Context, v pdp.Valued) {
	if l.off() {
		return
	}
	l.add(ctx, &entry{Record: v.Record, further: &v.Further, size: int64(pdp.SizeOf(v.Request) + pdp.SizeOfValue(v.Further.Value))})
}

// off reports that nothing is logged.
func (l *Log) off() bool { return l == nil || logs.Lookup(l.Manager) == nil }

func (l *Log) add(ctx context.Context, e *entry) {
	e.at, e.span = l.Now(), trace.SpanContextFromContext(ctx)
	if lost := l.put(e); lost != "" {
		l.Count(lost)
	}
}

// put returns what became of an entry; "" of one that waits.
func (l *Log) put(e *entry) string {
	l.stopping.RLock()
	defer l.stopping.RUnlock()
	if l.stopped {
		return Stopped
	}
	if l.bytes.Add(e.size) > l.QueueBytes {
		l.bytes.Add(-e.size)
		return QueueFull
	}
	select {
	case l.queue <- e:
		return ""
	default:
		l.bytes.Add(-e.size)
		return QueueFull
	}
}

// Stop lets the worker write what waits, until the context ends; what is left then is
// counted. Later records are counted too. It returns when the worker has ended.
func (l *Log) Stop(ctx context.Context) {
	if l == nil {
		return
	}
	l.close()
	l.Start() // so that what waits is at least counted
	defer l.cancel()
	select {
	case <-l.done:
		return
	case <-ctx.Done():
	}
	l.late.Store(true)
	l.cancel()
	<-l.done
}

func (l *Log) close() {
	l.stopping.Lock()
	defer l.stopping.Unlock()
	if !l.stopped {
		l.stopped = true
		close(l.queue)
		close(l.closing)
	}
}

func (l *Log) work() {
	defer close(l.done)
	for e := range l.queue {
		result := Stopped
		if !l.late.Load() {
			result = l.write(e)
		}
		l.bytes.Add(-e.size)
		l.Count(result)
		if len(l.queue) == 0 {
			l.gather()
		}
	}
}

// gather waits until some more entries have come, unless the Log is being stopped: to wake the worker for each
// costs those who answer more than the entry does.
func (l *Log) gather() {
	select {
	case <-time.After(gathering):
	case <-l.closing:
	}
}

// write hands an entry to OPA's plugin and returns what became of it. Whatever goes wrong
// loses the event, and not the masks.
func (l *Log) write(e *entry) (result string) {
	defer func() {
		if p := recover(); p != nil {
			result = l.fail(e, fmt.Errorf("panic: %v", p))
		}
	}()
	switch err := l.hand(e); {
	case errors.Is(err, errBufferFull):
		return BufferFull
	case err != nil:
		return l.fail(e, err)
	}
	return Handed
}

// errBufferFull says that an event has no room in OPA's buffer.
var errBufferFull = errors.New("too much waits to be sent")

func (l *Log) fail(e *entry, err error) string {
	l.Logger.Error("a decision is missing in the decision log", "id", e.Decision.ID, "error", err)
	return Failed
}

func (l *Log) hand(e *entry) error {
	known, err := l.Masks(l.ctx)
	if err != nil {
		return err
	}
	// The transaction keeps the rules as they are until the plugin has looked for them too.
	txn, err := l.Manager.Store.NewTransaction(l.ctx)
	if err != nil {
		return fmt.Errorf("reading the policy's data: %w", err)
	}
	defer l.Manager.Store.Abort(l.ctx, txn)
	plugin := logs.Lookup(l.Manager)
	if plugin == nil {
		return errors.New("there is no decision log any more")
	}
	rules, err := l.rules(plugin, txn)
	if err != nil {
		return err
	}
	if known && !rules.mask && !rules.drop {
		event, size := l.textEvent(e)
		return l.push(l.ctx, plugin, txn, event, size)
	}
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	event, err := l.valueEvent(ctx, txn, e, known, rules.mask)
	if err != nil {
		return err
	}
	return l.push(ctx, plugin, txn, event, copies*e.size)
}

// rules says which there are, of those that look at events.
type rules struct{ mask, drop bool }

func (l *Log) rules(plugin *logs.Plugin, txn storage.Transaction) (there rules, err error) {
	if there.mask, err = l.masks.there(l.ctx, l.Manager, *plugin.Config().MaskDecision, txn); err != nil {
		return there, fmt.Errorf("masking: %w", err)
	}
	if there.drop, err = l.drops.there(l.ctx, l.Manager, *plugin.Config().DropDecision, txn); err != nil {
		return there, fmt.Errorf("dropping: %w", err)
	}
	return there, nil
}

// valueEvent makes the event of an entry for rules to look at, masked where OPA's plugin
// would not.
func (l *Log) valueEvent(ctx context.Context, txn storage.Transaction, e *entry, known, mask bool) (*server.Info, error) {
	event, err := l.event(e, known)
	if err != nil || !mask {
		return event, err
	}
	rules, err := l.masks.masks(ctx, l.Manager, txn, event)
	if err != nil {
		return nil, fmt.Errorf("masking: %w", err)
	}
	if err := carryOut(rules, event); err != nil {
		return nil, fmt.Errorf("masking: %w", err)
	}
	return event, nil
}

// push hands an event of a size to OPA's plugin, if its buffer has room.
func (l *Log) push(ctx context.Context, plugin *logs.Plugin, txn storage.Transaction, event *server.Info, size int64) error {
	if !l.room(plugin, size) {
		return errBufferFull
	}
	event.Txn = txn
	return plugin.Log(ctx, event)
}
