package revocation

import (
	"errors"
	"fmt"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Reason says why a list or an answer does not count. Reasons are stable: callers may
// compare them and log them.
type Reason string

// The reasons. Those up to ReasonClosed are of getting it, the others of what came.
const (
	// ReasonNoAddress: the certificate names nothing that can be asked: nothing at all,
	// or LDAP alone.
	ReasonNoAddress Reason = "no_address"
	// ReasonAddressRefused: the address is none of the public network, and is not allowed
	// by Options.AllowPrivate; or it is neither http nor https.
	ReasonAddressRefused   Reason = "address_refused"
	ReasonTooManyRedirects Reason = "too_many_redirects"
	ReasonUnavailable      Reason = "unavailable"
	// ReasonTimeout: it did not come within Options.Wait or Options.FetchTimeout.
	ReasonTimeout        Reason = "timeout"
	ReasonTooLarge       Reason = "too_large"
	ReasonTooManyEntries Reason = "too_many_entries"
	ReasonTooManyLists   Reason = "too_many_lists"
	ReasonClosed         Reason = "closed"

	ReasonNotAList      Reason = "not_a_list"
	ReasonWrongIssuer   Reason = "wrong_issuer"
	ReasonBadSignature  Reason = "bad_signature"
	ReasonWeakSignature Reason = "weak_signature"
	// ReasonUnknownSigner: the list is signed by a key of the issuer's name that is not
	// known: the issuer has a new key, whose certificate belongs in Options.Authorities.
	ReasonUnknownSigner Reason = "unknown_signer"
	ReasonNotYetValid   Reason = "not_yet_valid"
	ReasonExpired       Reason = "expired"
	ReasonNoNextUpdate  Reason = "no_next_update"
	// ReasonRollback: the list is older than the one that is held, by its number or its time.
	ReasonRollback          Reason = "rollback"
	ReasonCriticalExtension Reason = "critical_extension"
	ReasonDelta             Reason = "delta_list"       // a delta where a complete list is wanted, or the other way round
	ReasonIndirect          Reason = "indirect_list"    // a list that another than the certificates' issuer signs
	ReasonSomeReasons       Reason = "some_reasons"     // a list of revocations for some reasons alone
	ReasonScope             Reason = "other_scope"      // a partition to which the certificate does not belong
	ReasonResponder         Reason = "wrong_responder"  // an OCSP answer signed by whom the issuer did not authorize
	ReasonRefusedByServer   Reason = "responder_error"  // an OCSP answer without a status, such as tryLater
	ReasonNotKnownThere     Reason = "status_unknown"   // the OCSP responder does not know the certificate
	ReasonNotAnAnswer       Reason = "not_an_answer"    // an answer that is none of OCSP, or is of another certificate
	ReasonStore             Reason = "store_unreadable" // the Store failed
)

// Error is a list, or an answer of OCSP, that does not count. Its text is for logs: it
// names no certificate but those of authorities.
type Error struct {
	Reason  Reason
	Address string // where it was to come from; "" where that is not known
	Err     error
}

func (e *Error) Error() string {
	text := "revocation: " + string(e.Reason)
	if e.Address != "" {
		text += ": " + e.Address
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return visible.Text(text)
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Err }

// refuse makes an *Error without an address; the format may use %w.
func refuse(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// at names the address in the error, which becomes an *Error where it is none.
func at(address string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Reason: ReasonUnavailable, Address: address, Err: err}
	}
	if e.Address == "" {
		e = &Error{Reason: e.Reason, Address: address, Err: e.Err}
	}
	return e
}

// Reasons collects the reasons of all that was tried, in the order of trying.
func Reasons(err error) []Reason {
	switch e := err.(type) {
	case nil:
		return nil
	case *Error:
		return []Reason{e.Reason}
	case interface{ Unwrap() []error }:
		var all []Reason
		for _, one := range e.Unwrap() {
			all = append(all, Reasons(one)...)
		}
		return all
	}
	return Reasons(errors.Unwrap(err))
}

// RevokedError is a certificate that is revoked. It is authtoken.ErrRevoked.
type RevokedError struct {
	// Depth is the certificate's position in the chain: 0 is the card's.
	Depth int
	Since time.Time // in UTC
	// Code is the CRLReason of RFC 5280, 5.3.1: 0 where none is stated, 6 on hold.
	Code    int
	Address string // of the list or the responder that says so
}

func (e *RevokedError) Error() string {
	whose := "the certificate"
	if e.Depth > 0 {
		whose = fmt.Sprintf("issuer %d of the chain", e.Depth)
	}
	return visible.Text(fmt.Sprintf("revocation: %s is revoked since %s (%s), says %s",
		whose, e.Since.UTC().Format(time.RFC3339), codeName(e.Code), e.Address))
}

// Is makes it authtoken.ErrRevoked.
func (e *RevokedError) Is(target error) bool { return target == authtoken.ErrRevoked }

// codeName is the name that RFC 5280, 5.3.1, gives a CRLReason.
func codeName(code int) string {
	names := map[int]string{0: "no reason stated", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
		5: "cessationOfOperation", 6: "certificateHold", 8: "removeFromCRL", 9: "privilegeWithdrawn", 10: "aACompromise"}
	if name, ok := names[code]; ok {
		return name
	}
	return fmt.Sprintf("reason %d", code)
}

// UnknownError is a certificate of which nobody says whether it is revoked.
type UnknownError struct {
	Depth    int     // as RevokedError has it
	Attempts []error // each an *Error, in the order of trying
}

func (e *UnknownError) Error() string {
	whose := "the certificate"
	if e.Depth > 0 {
		whose = fmt.Sprintf("issuer %d of the chain", e.Depth)
	}
	return fmt.Sprintf("revocation: not known of %s: %v", whose, errors.Join(e.Attempts...))
}

// Unwrap returns the attempts.
func (e *UnknownError) Unwrap() []error { return e.Attempts }
