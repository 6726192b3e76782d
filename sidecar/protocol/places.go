package protocol

import (
	"sync/atomic"

	"github.com/labstack/echo/v4"
)

// places are those of the requests that may be worked on at once.
type places struct {
	limit int64 // 0: no limit
	taken atomic.Int64
	gauge Gauge
}

// limited gives every request a place and refuses those for which there is none at once:
// one that waits would be answered after its caller's patience.
func limited(limit int, gauge Gauge) echo.MiddlewareFunc {
	all := &places{limit: int64(limit), gauge: gauge}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			p := &place{of: all}
			if err := p.take(); err != nil {
				return err
			}
			defer p.leave()
			c.Set(placeKey, p)
			return next(c)
		}
	}
}

// A place is one request's. It belongs to the goroutine of that request.
type place struct {
	of   *places
	held bool
}

const placeKey = "stepup/sidecar/protocol.place"

// placeOf returns the place of a request; one whose echo has no limit holds none.
func placeOf(c echo.Context) *place {
	if p, ok := c.Get(placeKey).(*place); ok {
		return p
	}
	return &place{of: &places{}}
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
