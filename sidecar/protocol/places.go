package protocol

import (
	"sync/atomic"

	"github.com/labstack/echo/v4"
)

// Places are those of the requests that may be worked on at once, at all doors that share
// them. A nil one has no limit. It is safe for concurrent use.
type Places struct {
	limit int64 // 0: no limit
	taken atomic.Int64
	gauge Gauge
}

// NewPlaces returns so many places; 0: no limit. The gauge, which may be nil, counts those
// that are taken.
func NewPlaces(limit int, gauge Gauge) *Places { return &Places{limit: int64(limit), gauge: gauge} }

// Take takes a place until leave is called, once. The error is a [*Problem]: overloaded.
func (all *Places) Take() (leave func(), err error) {
	if all == nil {
		all = &Places{}
	}
	p := &place{of: all}
	return p.leave, p.take()
}

// A place is one request's. It belongs to the goroutine of that request.
type place struct {
	of   *Places
	held bool
}

// placeOf returns the place of a request; one whose echo has no limit holds none.
func placeOf(c echo.Context) *place {
	if e, ok := c.(*exchange); ok {
		return &e.place
	}
	return &place{of: &Places{}}
}

// without does something that waits for the caller, during which others may work: bodies
// that come in slowly would else keep everybody out. There may be no place left after it.
func (p *place) without(wait func() ([]byte, error)) ([]byte, error) {
	p.leave()
	body, err := wait()
	if err != nil {
		return nil, err
	}
	return body, p.take()
}

func (p *place) take() error {
	if n := p.of.taken.Add(1); p.of.limit > 0 && n > p.of.limit {
		p.of.taken.Add(-1)
		return overloaded()
	}
	p.held = true
	if p.of.gauge != nil {
		p.of.gauge.Inc()
	}
	return nil
}

func (p *place) leave() {
	if !p.held {
		return
	}
	p.held = false
	p.of.taken.Add(-1)
	if p.of.gauge != nil {
		p.of.gauge.Dec()
	}
}
