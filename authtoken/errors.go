package authtoken

import (
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Reason says why a token, a nonce or an origin was refused. Reasons are stable:
// callers may compare them, log them and send them to a page.
type Reason string

// The reasons, in the order of the verifier's checks.
const (
	ReasonNonceLength          Reason = "nonce_length"
	ReasonOriginInvalid        Reason = "origin_invalid"
	ReasonMalformedToken       Reason = "malformed_token"
	ReasonUnsupportedFormat    Reason = "unsupported_format"
	ReasonMalformedCertificate Reason = "malformed_certificate"
	// ReasonUnreadableCertificate is one that has a certificate's form and is not as
	// the standard has it: the issuer's fault, not that of who sent it.
	ReasonUnreadableCertificate Reason = "unreadable_certificate"
	ReasonWrongKeyUsage         Reason = "wrong_key_usage"
	ReasonWrongExtendedKeyUsage Reason = "wrong_extended_key_usage"
	ReasonRefusedPolicy         Reason = "refused_policy"
	ReasonMissingPolicy         Reason = "missing_policy"
	ReasonExpired               Reason = "expired"
	ReasonNotYetValid           Reason = "not_yet_valid"
	ReasonUntrustedCA           Reason = "untrusted_ca"
	// ReasonIssuerNotAllowed is a chain up to a trusted root in which an issuer goes
	// beyond its own certificate: extended key usage, policies, names, path length;
	// or whose key is weak.
	ReasonIssuerNotAllowed  Reason = "issuer_not_allowed"
	ReasonTestCardRefused   Reason = "test_card_refused"
	ReasonRevoked           Reason = "revoked"
	ReasonRevocationUnknown Reason = "revocation_unknown"
	ReasonAlgorithmRefused  Reason = "algorithm_refused"
	ReasonWeakKey           Reason = "weak_key"
	ReasonBadSignature      Reason = "bad_signature"
)

// Error is a refusal. Its text is for logs: it holds no secret, but may repeat
// what the refused token claims, in characters that are seen.
type Error struct {
	Reason Reason
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "authtoken: " + string(e.Reason)
	}
	return visible.Text(fmt.Sprintf("authtoken: %s: %v", e.Reason, e.Err))
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Err }

// refuse makes an *Error; the format may use %w.
func refuse(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}
