package sidecar

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"stepup/sidecar/config"
)

// socketMode lets the members of the sidecar's group ask, and nobody else.
const socketMode = 0o660

// listen opens one listener. A stale socket file left by a process that is gone is
// replaced; one that somebody still answers on is not.
func listen(ctx context.Context, address config.Address, secure *tls.Config) (net.Listener, error) {
	network, name := address.Network()
	var l net.Listener
	var err error
	if network == "unix" {
		l, err = listenUnix(ctx, name)
	} else {
		l, err = new(net.ListenConfig).Listen(ctx, network, name)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	return l, nil
}

func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func removeStale(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket", path)
	}
	dialer := net.Dialer{Timeout: time.Second}
	if c, err := dialer.DialContext(ctx, "unix", path); err == nil {
		_ = c.Close()
		return fmt.Errorf("another process answers on %s", path)
	}
	return os.Remove(path)
}
