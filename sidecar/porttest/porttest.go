// Package porttest finds ports for servers that tests start as programs of their own. No program
// imports it.
//
// A port that the system gives for ":0" and that is let go again can be given to somebody else
// before the server takes it: to a listener, or to a connection that goes out. So ports are taken
// from below those that the system gives away by itself.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Listen opens a listener on a loopback port that is free, for its caller to close and give to a
// server. Its error is that of the last of many tries.
func Listen() (l net.Listener, err error) {
	for range 200 {
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000))); err == nil {
			return l, nil
		}
	}
	return nil, err
}
