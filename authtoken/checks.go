package authtoken

import (
	"fmt"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// says is the text of a check's error, with what the token claims in characters that
// are seen.
func says(format string, args ...any) string { return visible.Text(fmt.Sprintf(format, args...)) }

// RequestError is malformed_request: a body that is no envelope with one token.
type RequestError struct{ Err error }

func (e *RequestError) Error() string { return says("%v", e.Err) }
func (e *RequestError) Unwrap() error { return e.Err }

// NonceError is nonce_length: a nonce that is not MinNonceLength to MaxNonceLength
// printable ASCII characters.
type NonceError struct {
	Length   int // in bytes
	Position int // of the first character that is not printable ASCII; -1 where the length is wrong
}

func (e *NonceError) Error() string {
	if e.Position >= 0 {
		return says("character %d of the nonce is not printable ASCII", e.Position)
	}
	return says("nonce of %d characters, want %d to %d", e.Length, MinNonceLength, MaxNonceLength)
}

// OriginError is origin_invalid: no origin as browsers write it, or one on http that
// is not allowed.
type OriginError struct{ Err error }

func (e *OriginError) Error() string { return says("%v", e.Err) }
func (e *OriginError) Unwrap() error { return e.Err }

// TokenError is malformed_token: too long, not JSON as [Parse] accepts it, or a
// member that is missing or no string.
type TokenError struct {
	Member string // "" where it is not about one
	Err    error
}

func (e *TokenError) Error() string {
	if e.Member != "" {
		return says("member %s: %v", e.Member, e.Err)
	}
	return says("%v", e.Err)
}
func (e *TokenError) Unwrap() error { return e.Err }

// FormatError is unsupported_format: a token of another version.
type FormatError struct{ Format string }

func (e *FormatError) Error() string {
	if e.Format == format11 {
		return says("format %s: %s alone is accepted, because what 1.1 adds is not signed", format11, Format)
	}
	return says("format %.40q, want %s", e.Format, Format)
}

// CertificateError is malformed_certificate or unreadable_certificate.
type CertificateError struct {
	Size int // of the DER, in bytes; 0 where there is none
	Err  error
}

func (e *CertificateError) Error() string { return says("%v", e.Err) }
func (e *CertificateError) Unwrap() error { return e.Err }

// UsageError is wrong_key_usage or wrong_extended_key_usage: a certificate that is
// not for authentication (RFC 5280, 4.2.1.3 and 4.2.1.12).
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return says("%v", e.Err) }
func (e *UsageError) Unwrap() error { return e.Err }

// PolicyError is refused_policy or missing_policy (RFC 5280, 4.2.1.4).
type PolicyError struct {
	Group    string
	Refused  string   // the policy that the certificate must not have, dotted
	Required []string // the policies of which it has none
}

func (e *PolicyError) Error() string {
	if e.Refused != "" {
		return says("trust group %q: policy %s", e.Group, e.Refused)
	}
	return says("trust group %q: none of the policies %s", e.Group, strings.Join(e.Required, ", "))
}

// ValidityError is expired or not_yet_valid (RFC 5280, 4.1.2.5).
type ValidityError struct {
	NotBefore, NotAfter, At time.Time
	Skew                    time.Duration // the Config's, which did not help
}

func (e *ValidityError) Error() string {
	return says("valid from %s until %s, and it is %s", e.NotBefore.UTC().Format(time.RFC3339), e.NotAfter.UTC().Format(time.RFC3339), e.At.UTC().Format(time.RFC3339))
}

// TrustError is untrusted_ca: no chain up to a root of a trust group.
type TrustError struct {
	Group string // "" where no group's conditions fit
	Err   error  // mostly one of crypto/x509
}

func (e *TrustError) Error() string {
	if e.Group == "" {
		return says("%v", e.Err)
	}
	return says("trust group %q: %v", e.Group, e.Err)
}
func (e *TrustError) Unwrap() error { return e.Err }

// TestCardError is test_card_refused.
type TestCardError struct {
	Group string
	// TestGroup says that the group is one of test cards, which the site does not
	// accept; else a name in the chain says TEST, and the group is not.
	TestGroup bool
}

func (e *TestCardError) Error() string {
	if e.TestGroup {
		return says("trust group %q is one of test cards", e.Group)
	}
	return says("a name in the chain says TEST, and trust group %q is not one of test cards", e.Group)
}

// IssuerError is issuer_not_allowed.
type IssuerError struct {
	Group  string
	Issuer string // its subject; "" where it is about the whole chain
	Err    error
}

func (e *IssuerError) Error() string {
	if e.Issuer == "" {
		return says("trust group %q: %v", e.Group, e.Err)
	}
	return says("trust group %q: issuer %s: %v", e.Group, e.Issuer, e.Err)
}
func (e *IssuerError) Unwrap() error { return e.Err }

// RevocationError is revoked, where it is ErrRevoked, or revocation_unknown.
type RevocationError struct{ Err error }

func (e *RevocationError) Error() string { return says("%v", e.Err) }
func (e *RevocationError) Unwrap() error { return e.Err }

// AlgorithmError is algorithm_refused: unknown, not of the Profile, or not for the
// certificate's key.
type AlgorithmError struct {
	Algorithm Algorithm // as the token has it
	Err       error
}

func (e *AlgorithmError) Error() string {
	return says("algorithm %.20q: %v", string(e.Algorithm), e.Err)
}
func (e *AlgorithmError) Unwrap() error { return e.Err }

// KeyError is weak_key, or algorithm_refused for an RSA key of more than MaxRSABits.
type KeyError struct {
	Bits, Min, Max int // of an RSA modulus
	Exponent       int // RSA's public one, at least MinRSAExponent
}

func (e *KeyError) Error() string {
	if e.Bits >= e.Min && e.Bits <= e.Max {
		return says("RSA key with the public exponent %d, at least %d and odd", e.Exponent, MinRSAExponent)
	}
	return says("RSA key of %d bits, want %d to %d", e.Bits, e.Min, e.Max)
}

// SignatureError is bad_signature: the key did not sign this origin and this nonce,
// or the signature is not in the form of RFC 7518.
type SignatureError struct{ Err error }

func (e *SignatureError) Error() string { return says("%v", e.Err) }
func (e *SignatureError) Unwrap() error { return e.Err }
