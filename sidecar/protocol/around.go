package protocol

import (
	"fmt"
	"net/http"
	"runtime"

	"github.com/labstack/echo/v4"
)

// around is what is done around every request. It is one middleware, and what belongs to the
// request is its context, because echo makes a closure of each middleware for each request,
// and a map for what is set in a context.
func around(g *guard, all *Places) echo.MiddlewareFunc {
	if all == nil {
		all = &Places{}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			noStore(c)
			traced(c)
			e := &exchange{Context: c, guard: g, place: place{of: all}}
			return e.serve(next)
		}
	}
}

// An exchange is one request with its answer, as handlers get it. It belongs to the goroutine
// of that request.
type exchange struct {
	echo.Context
	guard *guard
	place place
}

// serve gives the request a place, or refuses it where there is none at once: one that waits
// would be answered after its caller's patience.
func (e *exchange) serve(next echo.HandlerFunc) (err error) {
	if err := e.place.take(); err != nil {
		return err
	}
	defer e.place.leave()
	defer recovered(&err)
	return next(e)
}

// The values of the fields that every answer has; shared, for nobody writes into them.
var noStored, noSniff = []string{"no-store"}, []string{"nosniff"}

// noStore keeps every answer out of caches: it holds for one login at one moment
// (RFC 9111, section 5.2.2.5).
func noStore(c echo.Context) {
	h := c.Response().Header()
	h[echo.HeaderCacheControl], h[echo.HeaderXContentTypeOptions] = noStored, noSniff
}

// panicked is an error that was a panic, with where it happened.
type panicked struct {
	err   error
	stack string
}

func (p *panicked) Error() string { return "panic: " + p.err.Error() }

// maxStack is how much of a stack is told.
const maxStack = 4 << 10

// recovered turns a panic into an error. Handlers write their answers in one piece at
// their end, so that nothing of an answer was sent by then.
func recovered(into *error) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { // that very value, which net/http waits for
		panic(p)
	}
	err, is := p.(error)
	if !is {
		err = fmt.Errorf("%v", p)
	}
	stack := make([]byte, maxStack)
	*into = &panicked{err, string(stack[:runtime.Stack(stack, false)])}
}
