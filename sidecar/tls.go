package sidecar

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// recheckFiles is how often, at most, the files of a listener are looked at for a change.
const recheckFiles = 10 * time.Second

// tlsFiles are a listener's certificate, key and the authority of its clients. They are
// read anew when they change on disk; files that do not load keep the ones in use.
type tlsFiles struct {
	cert, key, clientCA string
	log                 *slog.Logger
	now                 func() time.Time

	mu      sync.Mutex
	checked time.Time
	stamps  [3]time.Time
	current *tls.Config
}

// newTLS returns the configuration of a listener, or nil when it speaks plainly.
func newTLS(cert, key, clientCA string, log *slog.Logger) (*tls.Config, error) {
	if cert == "" {
		return nil, nil
	}
	f := &tlsFiles{cert: cert, key: key, clientCA: clientCA, log: log, now: time.Now}
	return f.config()
}

// config returns what asks for the files' configuration with every connection.
func (f *tlsFiles) config() (*tls.Config, error) {
	if err := f.load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.fresh(), nil },
	}, nil
}

// fresh returns the configuration for a new connection.
func (f *tlsFiles) fresh() *tls.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.checked) >= recheckFiles {
		f.checked = now
		f.reload()
	}
	return f.current
}

func (f *tlsFiles) reload() {
	stamps, err := f.stat()
	if err == nil && stamps == f.stamps {
		return
	}
	if err == nil {
		err = f.load()
	}
	if err != nil {
		f.log.Error("certificate not reloaded; the one in use stays", "error", err)
		return
	}
	f.log.Info("certificate reloaded", "file", f.cert)
}

func (f *tlsFiles) stat() (stamps [3]time.Time, err error) {
	for i, name := range []string{f.cert, f.key, f.clientCA} {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return stamps, err
		}
		stamps[i] = info.ModTime()
	}
	return stamps, nil
}

func (f *tlsFiles) load() error {
	stamps, err := f.stat()
	if err != nil {
		return fmt.Errorf("reading certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("reading certificate %s and key %s: %w", f.cert, f.key, err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if f.clientCA != "" {
		if config.ClientCAs, err = readPool(f.clientCA); err != nil {
			return err
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	f.current, f.stamps = config, stamps
	return nil
}

func readPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading client authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("client authority %s holds no certificate", file)
	}
	return pool, nil
}
