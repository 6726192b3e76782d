package sidecar

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
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
	// A socket is born with what the umask leaves, so it is born where nobody else comes.
	hidden, err := os.MkdirTemp(filepath.Dir(path), ".") // mode 0700
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(hidden) }()
	born := filepath.Join(hidden, "s")
	l, err := new(net.ListenConfig).Listen(ctx, "unix", born)
	if err != nil {
		return nil, err
	}
	if err := publish(born, path); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &socket{l.(*net.UnixListener), path}, nil
}

// publish gives a socket its mode and then its name. Linking fails where a rename would
// replace: of two who start at once, one is told.
func publish(born, path string) error {
	if err := os.Chmod(born, socketMode); err != nil {
		return err
	}
	return os.Link(born, path)
}

// A socket is a listener whose file got another name than it was born with.
type socket struct {
	*net.UnixListener
	path string
}

// Addr returns where the socket is found.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Close removes the file first, as net does.
func (s *socket) Close() error {
	_ = os.Remove(s.path)
	return s.UnixListener.Close()
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
