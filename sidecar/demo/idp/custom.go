package idp

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Custom is a factor of somebody else's: their page asks the person, and sends the browser
// back. Both ways the query is signed with a shared key, HMAC-SHA-256 as base64url over
// the query without its signature, sorted by name and encoded as a form.
//
//	there: user, state, return_to, time
//	back:  user, state, result, time
//
// result is allow, or anything else for no; user and state are repeated, time is in whole
// seconds. An answer is good for a minute, and once.
type Custom struct {
	URL string // of the page; http on loopback only
	Key []byte // 32 bytes or more
}

func (c Custom) check() error {
	if err := checkIssuer(originOf(c.URL)); err != nil {
		return fmt.Errorf("custom: %w", err)
	}
	if len(c.Key) < 32 {
		return errors.New("custom: the key has less than 32 bytes")
	}
	return nil
}

type customFactor struct {
	Custom
	now func() time.Time
}

// customLifetime is how long an answer is good.
const customLifetime = time.Minute

func (f customFactor) begin(_ context.Context, c *challenge) (prompt, error) {
	query := url.Values{
		"user": {c.account.user.id()}, "state": {c.state}, "return_to": {c.returnTo},
		"time": {strconv.FormatInt(f.now().Unix(), 10)},
	}
	query.Set("signature", mac(f.Key, query.Encode()))
	return prompt{redirect: f.URL + "?" + query.Encode()}, nil
}

func (f customFactor) finish(_ context.Context, c *challenge, answer url.Values) error {
	signed := url.Values{}
	for _, name := range []string{"user", "state", "result", "time"} {
		signed.Set(name, answer.Get(name))
	}
	seconds, err := strconv.ParseInt(answer.Get("time"), 10, 64)
	age := f.now().Sub(time.Unix(seconds, 0)).Abs()
	switch {
	case !hmac.Equal([]byte(answer.Get("signature")), []byte(mac(f.Key, signed.Encode()))):
		return fmt.Errorf("%w: the signature is not of this key", errWrong)
	case err != nil || age > customLifetime:
		return fmt.Errorf("%w: the answer is too old", errWrong)
	case answer.Get("user") != c.account.user.id() || answer.Get("state") != c.state:
		return fmt.Errorf("%w: the answer is for another challenge", errWrong)
	case answer.Get("result") != "allow":
		return fmt.Errorf("%w: the custom provider says %q", errWrong, answer.Get("result"))
	}
	return nil
}
