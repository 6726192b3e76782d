package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Duo is an application in Duo's administration, of the kind Web SDK: its OpenID-based
// universal prompt (Duo, OIDC Auth API).
type Duo struct {
	API          string // https://api-….duosecurity.com; http on loopback only
	ClientID     string
	ClientSecret string
}

func (d Duo) check() error {
	if err := checkIssuer(d.API); err != nil {
		return fmt.Errorf("duo: %w", err)
	}
	if d.ClientID == "" || len(d.ClientSecret) < 40 {
		return errors.New("duo: the client ID is empty, or the secret is shorter than the 40 characters that Duo gives")
	}
	return nil
}

type duoFactor struct {
	Duo
	http *http.Client
	now  func() time.Time
}

// duoLifetime is that of what we sign for Duo; it accepts five minutes at most.
const duoLifetime = 5 * time.Minute

// duoSkew is how far Duo's clock may be off.
const duoSkew = time.Minute

// duoMemory is what the answer has to repeat.
type duoMemory struct{ nonce, user string }

// begin asks whether Duo is there, so that its absence is our page and not a dead end,
// and sends the browser to the prompt with a signed request.
func (f duoFactor) begin(ctx context.Context, c *challenge) (prompt, error) {
	if err := f.healthy(ctx); err != nil {
		return prompt{}, err
	}
	m := duoMemory{nonce: randomText(24), user: c.account.user.Name}
	request, err := f.sign(jwt.MapClaims{
		"response_type": "code", "scope": "openid", "client_id": f.ClientID, "iss": f.ClientID, "aud": f.base(),
		"exp": f.now().Add(duoLifetime).Unix(), "redirect_uri": c.returnTo, "state": c.state, "nonce": m.nonce,
		"duo_uname": m.user, "use_duo_code_attribute": true,
	})
	if err != nil {
		return prompt{}, err
	}
	c.memory = m
	query := url.Values{"response_type": {"code"}, "client_id": {f.ClientID}, "request": {request}}
	return prompt{redirect: f.endpoint("authorize") + "?" + query.Encode()}, nil
}

// finish exchanges the code, and believes only an ID token that Duo signed for this
// challenge and this person.
func (f duoFactor) finish(ctx context.Context, c *challenge, answer url.Values) error {
	m, ok := c.memory.(duoMemory)
	code := answer.Get("duo_code")
	if !ok || code == "" {
		return errWrong
	}
	var got struct {
		IDToken string `json:"id_token"`
	}
	if err := f.post(ctx, "token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.returnTo},
	}, &got); err != nil {
		return err
	}
	return f.judge(got.IDToken, m)
}

// duoClaims are what Duo tells of the prompt.
type duoClaims struct {
	jwt.RegisteredClaims
	Nonce  string `json:"nonce"`
	User   string `json:"preferred_username"`
	Result struct {
		Result string `json:"result"`
	} `json:"auth_result"`
}

// judge verifies with golang-jwt: the 40 characters that Duo gives are less than RFC 7518,
// section 3.2, asks for HS512, and go-jose holds to that.
func (f duoFactor) judge(text string, m duoMemory) error {
	var claims duoClaims
	_, err := jwt.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return []byte(f.ClientSecret), nil },
		jwt.WithValidMethods([]string{"HS512"}), jwt.WithIssuer(f.endpoint("token")), jwt.WithAudience(f.ClientID),
		jwt.WithExpirationRequired(), jwt.WithLeeway(duoSkew), jwt.WithTimeFunc(f.now))
	if err != nil {
		return fmt.Errorf("%w: Duo's ID token: %w", errWrong, err)
	}
	if claims.Nonce != m.nonce || claims.User != m.user || claims.Result.Result != "allow" {
		return fmt.Errorf("%w: Duo's ID token is not an allow for this challenge and person", errWrong)
	}
	return nil
}

func (f duoFactor) healthy(ctx context.Context) error {
	var health struct {
		Stat string `json:"stat"`
	}
	if err := f.post(ctx, "health_check", url.Values{}, &health); err != nil {
		return err
	}
	if health.Stat != "OK" {
		return fmt.Errorf("asking Duo for its health: stat %q", health.Stat)
	}
	return nil
}

// post asks Duo, authenticated by a signed assertion (RFC 7523, section 2.2). The health
// check knows its parameters under the older names client_id and client_assertion.
func (f duoFactor) post(ctx context.Context, name string, form url.Values, answer any) error {
	assertion, err := f.sign(jwt.MapClaims{
		"iss": f.ClientID, "sub": f.ClientID, "aud": f.endpoint(name), "jti": randomText(24),
		"iat": f.now().Unix(), "exp": f.now().Add(duoLifetime).Unix(),
	})
	if err != nil {
		return err
	}
	form.Set("client_id", f.ClientID)
	form.Set("client_assertion", assertion)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.endpoint(name), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := f.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking Duo (%s): %w", name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking Duo (%s): %s", name, response.Status)
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, 64<<10)).Decode(answer); err != nil {
		return fmt.Errorf("reading Duo's answer (%s): %w", name, err)
	}
	return nil
}

func (f duoFactor) sign(claims jwt.MapClaims) (string, error) {
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS512, claims).SignedString([]byte(f.ClientSecret))
	if err != nil {
		return "", fmt.Errorf("signing for Duo: %w", err)
	}
	return signed, nil
}

func (d Duo) base() string                { return strings.TrimSuffix(d.API, "/") }
func (d Duo) endpoint(name string) string { return d.base() + "/oauth/v1/" + name }
