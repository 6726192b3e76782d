package protocol

import (
	"net"
	"syscall"
)

// overflowUID is how the kernel shows every user that it cannot express in our user
// namespace: it says nothing of who that is.
const overflowUID = 65534

func peerUID(c *net.UnixConn) (uid uint32, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		if peer, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			uid, ok = peer.Uid, peer.Uid != overflowUID
		}
	})
	return uid, ok && err == nil
}
