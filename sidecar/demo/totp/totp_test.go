package totp_test

import (
	"bytes"
	"encoding/base32"
	"errors"
	"fmt"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"stepup/sidecar/demo/totp"
)

// The secret of the vectors in RFC 6238, appendix B.
var vectorSecret = base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))

func TestVerifyAgreesWithTheVectorsOfTheRFC(t *testing.T) {
	// Appendix B shows eight digits; six are their end (RFC 4226, section 5.3).
	for second, code := range map[int64]string{
		59:          "94287082",
		1111111109:  "07081804",
		1111111111:  "14050471",
		1234567890:  "89005924",
		2000000000:  "69279037",
		20000000000: "65353130",
	} {
		now := time.Unix(second, 0)
		got, err := totp.Verify(vectorSecret, code[2:], now, 0)
		if want := second / 30; err != nil || got != want {
			t.Errorf("Verify at %d = %d, %v; want step %d", second, got, err, want)
		}
	}
}

func TestVerify(t *testing.T) {
	const second = 1111111111
	step := int64(second / 30)
	const code = "050471" // of this step
	for _, row := range []struct {
		name   string
		code   string
		at     int64
		last   int64
		want   int64
		reason error
	}{
		{"the present code", code, second, 0, step, nil},
		{"as apps show it", "050 471", second, 0, step, nil},
		{"one step late", code, second + 30, 0, step, nil},
		{"one step early", code, second - 30, 0, step, nil},
		{"two steps late", code, second + 60, 0, 0, totp.ErrWrong},
		{"two steps early", code, second - 60, 0, 0, totp.ErrWrong},
		{"a second time", code, second, step, 0, totp.ErrUsed},
		{"a second time, a step later", code, second + 30, step, 0, totp.ErrUsed},
		{"after a later one", code, second, step + 1, 0, totp.ErrUsed},
		{"after an earlier one", code, second, step - 1, step, nil},
		{"another", "050472", second, 0, 0, totp.ErrWrong},
		{"nothing", "", second, 0, 0, totp.ErrWrong},
		{"too short", "05047", second, 0, 0, totp.ErrWrong},
		{"longer", code + "0", second, 0, 0, totp.ErrWrong},
		{"other digits", "٠٥٠٤٧١", second, 0, 0, totp.ErrWrong},
	} {
		got, err := totp.Verify(vectorSecret, row.code, time.Unix(row.at, 0), row.last)
		if got != row.want || !errors.Is(err, row.reason) {
			t.Errorf("%s: Verify = %d, %v; want %d, %v", row.name, got, err, row.want, row.reason)
		}
	}
}

func TestVerifyRefusesASecretItCannotRead(t *testing.T) {
	_, err := totp.Verify("not base32!", "123456", time.Unix(59, 0), 0)
	if err == nil || errors.Is(err, totp.ErrWrong) || errors.Is(err, totp.ErrUsed) {
		t.Errorf("Verify with a broken secret: %v; want a fault, not a judgement", err)
	}
}

func TestKeyReachesAnApp(t *testing.T) {
	key, err := totp.New("Fabrikam", "alice@fabrikam.example")
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(key.URL())
	if err != nil {
		t.Fatal(err)
	}
	query := address.Query()
	got := fmt.Sprint(address.Scheme, " ", address.Host, " ", address.Path, " ", query.Get("issuer"), " ", query.Get("secret") == key.Secret())
	if want := "otpauth totp /Fabrikam:alice@fabrikam.example Fabrikam true"; got != want {
		t.Errorf("URL tells %q, want %q", got, want)
	}
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key.Secret())
	if err != nil || len(secret) != 20 {
		t.Errorf("secret of %d bytes, %v; want 20", len(secret), err)
	}
	again, err := totp.For("Fabrikam", "alice@fabrikam.example", key.Secret())
	if err != nil || again.Secret() != key.Secret() {
		t.Errorf("For = %v, %v; want the same secret", again, err)
	}
	picture, err := key.PNG(240)
	if err != nil {
		t.Fatal(err)
	}
	if image, err := png.Decode(bytes.NewReader(picture)); err != nil || image.Bounds().Dx() != 240 {
		t.Errorf("PNG does not decode to 240 pixels: %v", err)
	}
}

// TestAgainstOathtool checks codes of a program that shares no code with this one.
func TestAgainstOathtool(t *testing.T) {
	oathtool, err := exec.LookPath("oathtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("oathtool is missing: apt-get install oathtool")
		}
		t.Skip("oathtool is not installed (on Debian: apt-get install oathtool)")
	}
	key, err := totp.New("Fabrikam", "alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, second := range []int64{59, 1795428120, 1795428149, 1795428150, 4102444800} {
		now := time.Unix(second, 0).UTC()
		out, err := exec.Command(oathtool, "--totp", "--base32", "--now", now.Format("2006-01-02 15:04:05 UTC"), key.Secret()).Output()
		if err != nil {
			t.Fatal(err)
		}
		if step, err := totp.Verify(key.Secret(), strings.TrimSpace(string(out)), now, 0); err != nil || step != second/30 {
			t.Errorf("oathtool's code at %d: step %d, %v; want %d", second, step, err, second/30)
		}
	}
}
