// Package totp is the second factor that any authenticator app offers: six digits that
// change every thirty seconds.
//
// It owns what a code has to be to count: computed from the secret (RFC 6238 over RFC
// 4226, HMAC-SHA-1, six digits, steps of thirty seconds, the parameters that every app
// understands), for the present step or a neighbour of it (RFC 6238, section 5.2), and
// never accepted twice (the same section: "The verifier MUST NOT accept the second
// attempt of the OTP"). It also owns how a secret reaches an app: the otpauth address
// and its picture as a QR code.
//
// It leaves remembering to the caller, who keeps the last accepted step beside the
// secret and passes it in again, and counting wrong attempts, which six digits need. The
// arithmetic is github.com/pquerna/otp's.
package totp
