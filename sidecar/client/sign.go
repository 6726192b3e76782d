package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

var encoding = base64.RawURLEncoding

// sign returns a MAC over texts for one purpose. Each text is written after its length, so
// that no two lists of them are written alike.
func sign(secret []byte, purpose string, texts ...string) string {
	mac := hmac.New(sha256.New, secret)
	for _, text := range append([]string{purpose}, texts...) {
		_ = binary.Write(mac, binary.BigEndian, uint64(len(text))) // a hash takes everything
		mac.Write([]byte(text))
	}
	return encoding.EncodeToString(mac.Sum(nil))
}

// digest stands for texts in a cookie. It is no secret, and no name of anything.
func digest(texts ...string) string { return sign(nil, "digest", texts...)[:22] }

// signed reports whether a MAC is the one over these texts.
func signed(secret []byte, mac, purpose string, texts ...string) bool {
	return hmac.Equal([]byte(mac), []byte(sign(secret, purpose, texts...)))
}
