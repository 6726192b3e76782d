// Package porttest finds ports for servers that tests start as programs of their own. No program
// imports it.
//
// A port that the system gives for ":0" and that is let go again can be given to somebody else
// before the server takes it: to a listener, or to a connection that goes out. So ports are taken
// from below those that the system gives away by itself, and none of them twice in one process:
// what is to listen at the port before may not do so yet. Nor by two processes at once: each has
// blocks of its own, and says so by listening at the first port of each for as long as it lives.
package porttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// The ports that are given away, and how many a block has. A port that somebody else listens at
// is passed over, so a block gives at most size-1.
const (
	first  = 12000
	blocks = 200
	size   = 100
)

// errNone says that every port was tried.
var errNone = errors.New("no port from 12000 to 31999 is free")

// ours are the blocks of this process. They are the process's, as the ports are the machine's.
var ours taken

// taken is safe for concurrent use.
type taken struct {
	mu    sync.Mutex
	holds []net.Listener // at the first port of each block, never closed
	next  int            // the port that is tried next, in the last block
	left  int            // how many the last block still has
}

// Listen opens a listener on a loopback port that is free, for its caller to close and give to a
// server.
func Listen() (net.Listener, error) { return ours.listen() }

func (t *taken) listen() (net.Listener, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		for t.left > 0 {
			port := t.next
			t.next, t.left = port+1, t.left-1
			if l, err := listen(port); err == nil {
				return l, nil
			}
		}
		if err := t.another(); err != nil {
			return nil, err
		}
	}
}

// another takes a block that no process has: the first that is free from a random one on.
func (t *taken) another() error {
	from := rand.IntN(blocks)
	for i := range blocks {
		start := first + (from+i)%blocks*size
		hold, err := listen(start)
		if err != nil {
			continue
		}
		t.holds = append(t.holds, hold)
		t.next, t.left = start+1, size-1
		return nil
	}
	return errNone
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}
