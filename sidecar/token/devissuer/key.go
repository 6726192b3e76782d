package devissuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
)

// keyFile is the name of the private key in the state folder, a JWK (RFC 7517).
const keyFile = "dev-issuer.jwk"

const (
	ownerFile   = 0o600
	ownerFolder = 0o700
	othersMay   = 0o077 // what group and others may do
	othersWrite = 0o022 // who writes to the folder can put a key of their own there
)

// StateFolder returns the folder for the key: $XDG_STATE_HOME/stepup, or else
// ~/.local/state/stepup. A relative XDG_STATE_HOME is invalid and ignored, as its
// specification asks.
func StateFolder() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "stepup"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding the state folder: %w (set XDG_STATE_HOME)", err)
	}
	return filepath.Join(home, ".local", "state", "stepup"), nil
}

// loadKey reads the key, or makes it if there is none. Two processes that start at once
// end with the same key.
func loadKey(folder string) (jose.JSONWebKey, error) {
	if err := prepareFolder(folder); err != nil {
		return jose.JSONWebKey{}, err
	}
	path := filepath.Join(folder, keyFile)
	k, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := createKey(folder, path); err != nil {
		return jose.JSONWebKey{}, err
	}
	return readKey(path)
}

func prepareFolder(folder string) error {
	if err := os.MkdirAll(folder, ownerFolder); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("looking at the state folder: %w", err)
	}
	if info.Mode().Perm()&othersWrite != 0 {
		return fmt.Errorf("others may write to the state folder %s (mode %04o): chmod 700 it", folder, info.Mode().Perm())
	}
	return nil
}

func readKey(path string) (jose.JSONWebKey, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("looking at the development key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return jose.JSONWebKey{}, fmt.Errorf("the development key %s is not a regular file: remove it, and a new one is made", path)
	}
	if info.Mode().Perm()&othersMay != 0 {
		return jose.JSONWebKey{}, fmt.Errorf("others may read the development key %s (mode %04o): remove it, and a new one is made", path, info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("reading the development key: %w", err)
	}
	return decodeKey(path, data)
}

func decodeKey(path string, data []byte) (jose.JSONWebKey, error) {
	var k jose.JSONWebKey
	err := k.UnmarshalJSON(data)
	if err == nil {
		if private, ok := k.Key.(*ecdsa.PrivateKey); ok && private.Curve == elliptic.P256() && k.KeyID != "" {
			return k, nil
		}
		err = errors.New("not a private key on P-256 with a kid")
	}
	return jose.JSONWebKey{}, fmt.Errorf("the development key %s: %w: remove it, and a new one is made", path, err)
}

// createKey makes a key and gives it its name only when it is complete. Linking fails
// where a rename would replace: if another process was first, its key holds.
func createKey(folder, path string) error {
	data, err := newKey()
	if err != nil {
		return fmt.Errorf("making the development key: %w", err)
	}
	temporary, err := os.CreateTemp(folder, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing the development key: %w", err)
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err := errors.Join(err, temporary.Chmod(ownerFile), temporary.Sync(), temporary.Close()); err != nil {
		return fmt.Errorf("writing the development key: %w", err)
	}
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("writing the development key: %w", err)
	}
	return nil
}

func newKey() ([]byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	k := jose.JSONWebKey{Key: private, Algorithm: string(jose.ES256), Use: "sig"}
	thumbprint, err := k.Thumbprint(crypto.SHA256) // RFC 7638
	if err != nil {
		return nil, err
	}
	k.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return k.MarshalJSON()
}
