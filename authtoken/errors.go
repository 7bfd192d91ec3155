package authtoken

import (
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Reason says why a token, a nonce or an origin was refused. Reasons are stable:
// callers may compare them, log them and send them to a page.
type Reason string

// The reasons, in the order of the checks.
const (
	// ReasonMalformedRequest is what was posted, where it is no envelope with a token.
	ReasonMalformedRequest     Reason = "malformed_request"
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
	ReasonTestCardRefused       Reason = "test_card_refused"
	// ReasonIssuerNotAllowed is a chain up to a trusted root in which an issuer goes
	// beyond its own certificate: extended key usage, policies, names, path length;
	// whose key is weak, or which is too long.
	ReasonIssuerNotAllowed  Reason = "issuer_not_allowed"
	ReasonRevoked           Reason = "revoked"
	ReasonRevocationUnknown Reason = "revocation_unknown"
	ReasonAlgorithmRefused  Reason = "algorithm_refused"
	ReasonWeakKey           Reason = "weak_key"
	ReasonBadSignature      Reason = "bad_signature"
)

// Error is a refusal. Its text is for logs: it holds no secret, but may repeat
// what the refused token claims, in characters that are seen.
//
// Err is of the failed check's type, for errors.As: [RequestError], [NonceError],
// [OriginError], [TokenError], [FormatError], [CertificateError], [UsageError],
// [PolicyError], [ValidityError], [TrustError], [TestCardError], [IssuerError],
// [RevocationError], [AlgorithmError], [KeyError] or [SignatureError].
type Error struct {
	Reason Reason
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "authtoken: " + string(e.Reason)
	}
	return visible.Text("authtoken: " + string(e.Reason) + ": " + e.Err.Error())
}

// Unwrap returns the check's error.
func (e *Error) Unwrap() error { return e.Err }

func refuse(reason Reason, check error) *Error { return &Error{Reason: reason, Err: check} }
