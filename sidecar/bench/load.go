package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A loading is what the load generator is told to do.
type loading struct {
	Address string
	File    string // with the script
	Conns   int
	From    int // the first request
	Seconds float64
	Rate    float64 // requests per second; 0: as many as get answered
	To      int     // the first request that is not asked any more; 0: they are asked again and again
}

// A measure is what came of it.
type measure struct {
	Err            string // what was wrong with an answer; empty: nothing was
	Answers        int
	Next           int // the request to go on with
	Seconds        float64
	P50, P99, P999 float64 // milliseconds; at a rate, from when the request was due
}

func (m measure) rate() float64 { return float64(m.Answers) / m.Seconds }

// load does what it is told, a line of JSON each, and tells of each what came of it.
func load(orders io.Reader, results io.Writer) error {
	for from, to := json.NewDecoder(orders), json.NewEncoder(results); ; {
		var l loading
		if err := from.Decode(&l); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		m, err := l.perform()
		if err != nil {
			m.Err = err.Error()
		}
		if err := to.Encode(m); err != nil {
			return err
		}
	}
}

func (l loading) perform() (measure, error) {
	s, err := readScript(l.File)
	if err != nil {
		return measure{}, err
	}
	// What reading left behind is collected before, and nothing while somebody is asked: the
	// collector would take the same from all, which is the most of an answer from the slowest.
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	return l.run(s)
}

// run asks over several connections at once, each question when the one before it is
// answered or, at a rate, when it is due, however late the ones before it are.
func (l loading) run(s script) (measure, error) {
	var (
		next   atomic.Int64
		asking sync.WaitGroup
		took   = make([][]time.Duration, l.Conns)
		errs   = make([]error, l.Conns)
		began  = time.Now()
	)
	next.Store(int64(l.From))
	for n := range l.Conns {
		asking.Go(func() { took[n], errs[n] = l.connection(s, &next, began) })
	}
	asking.Wait()
	m := summary(slices.Concat(took...), time.Since(began))
	m.Next = int(next.Load()) // those that were taken and not asked are left out
	return m, errors.Join(errs...)
}

func (l loading) connection(s script, next *atomic.Int64, began time.Time) (took []time.Duration, err error) {
	to, err := dial(s.Speaks, l.Address)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	end := began.Add(time.Duration(l.Seconds * float64(time.Second)))
	var request []byte
	for {
		i := int(next.Add(1)) - 1
		due := time.Now()
		if l.Rate > 0 {
			due = began.Add(time.Duration(float64(i-l.From) / l.Rate * float64(time.Second)))
			sleepUntil(due)
		}
		if l.To > 0 && i >= l.To || len(took) > 0 && due.After(end) {
			return took, nil
		}
		i %= len(s.Requests)
		request = s.request(i, request[:0])
		status, body, err := to.ask(request)
		if err != nil {
			return took, err
		}
		took = append(took, time.Since(due))
		if !s.Wants[s.Of[i]].met(status, body) {
			return took, fmt.Errorf("answered with %d %q to %q", status, cut(body), cut(request))
		}
	}
}

// met says whether an answer is the one that has to come.
func (w want) met(status int, body []byte) bool {
	for text, count := range w.Has {
		if bytes.Count(body, []byte(text)) != count {
			return false
		}
	}
	return status == w.Status
}

func cut(text []byte) []byte { return text[:min(len(text), 1000)] }

// sleepUntil sleeps as exactly as the system can: the runtime's timers may be a millisecond
// late, which is more than an answer takes.
func sleepUntil(due time.Time) {
	if left := time.Until(due); left > 0 {
		wait := syscall.NsecToTimespec(left.Nanoseconds())
		_ = syscall.Nanosleep(&wait, nil)
	}
}

func summary(took []time.Duration, all time.Duration) measure {
	slices.Sort(took)
	at := func(share float64) float64 {
		if len(took) == 0 {
			return 0
		}
		return float64(took[min(int(share*float64(len(took))), len(took)-1)]) / float64(time.Millisecond)
	}
	return measure{Answers: len(took), Seconds: all.Seconds(), P50: at(.5), P99: at(.99), P999: at(.999)}
}

// A generator is the load generator as a process.
type generator struct {
	*os.Process
	orders  *json.Encoder
	results *json.Decoder
}

func startGenerator() (*generator, error) {
	cmd := self("load")
	orders, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	results, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &generator{cmd.Process, json.NewEncoder(orders), json.NewDecoder(results)}, nil
}

func (g *generator) stop() {
	_ = g.Kill()
	_, _ = g.Wait()
}

// perform has a loading done. An answer that is not the right one is an error.
func (g *generator) perform(l loading) (m measure, err error) {
	if err := g.orders.Encode(l); err != nil {
		return m, err
	}
	if err := g.results.Decode(&m); err != nil {
		return m, err
	}
	if m.Err != "" {
		return m, errors.New(m.Err)
	}
	if m.Answers == 0 {
		return m, errors.New("nothing was answered")
	}
	return m, nil
}
