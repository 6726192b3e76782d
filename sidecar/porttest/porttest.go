// Package porttest finds ports for servers that tests start as programs of their own. No program
// imports it.
//
// A port that the system gives for ":0" and that is let go again can be given to somebody else
// before the server takes it: to a listener, or to a connection that goes out. So ports are taken
// from below those that the system gives away by itself, and none of them twice in one process:
// what is to listen at the port before may not do so yet. Several processes of tests begin at
// places of their own.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// The ports that are given away.
const first, many = 12000, 20000

// next counts up from a random place. It is the process's, as the ports are the machine's.
var next = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(many))
	return &n
}()

// Listen opens a listener on a loopback port that is free, for its caller to close and give to a
// server. Its error is that of the last of many tries.
func Listen() (l net.Listener, err error) {
	for range 200 {
		port := first + next.Add(1)%many
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return l, nil
		}
	}
	return nil, err
}
