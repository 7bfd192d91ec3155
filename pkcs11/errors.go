package pkcs11

import (
	"errors"
	"fmt"

	p11 "github.com/miekg/pkcs11"
)

// What callers decide on. Every error of a card or module wraps one of these.
var (
	ErrNoModule     = errors.New("pkcs11: no module works")
	ErrNotPKCS11    = errors.New("pkcs11: not a PKCS#11 library")
	ErrModuleFailed = errors.New("pkcs11: the module failed")
	// ErrModuleHangs comes with ErrModuleFailed: a call did not return in time.
	ErrModuleHangs = errors.New("pkcs11: the module hangs")
	// ErrStaleCache comes with ErrModuleFailed: the module gives of a card what it kept
	// of another.
	ErrStaleCache = errors.New("pkcs11: the module serves a stale cache")
	// A module's file that is there and cannot be loaded.
	ErrMissingDependency = errors.New("pkcs11: the module needs a library that is missing")
	ErrWrongArchitecture = errors.New("pkcs11: the module is for another kind of computer or program")
	ErrNotLoadable       = errors.New("pkcs11: the module cannot be loaded")
	// ErrUntrusted is a module that Options.Refuse refuses: others may change it.
	ErrUntrusted     = errors.New("pkcs11: the module is not to be loaded")
	ErrPINIncorrect  = errors.New("pkcs11: wrong PIN")
	ErrPINLocked     = errors.New("pkcs11: PIN locked")
	ErrCardInUse     = errors.New("pkcs11: PIN locked, or another program has the card open")
	ErrPINNotSet     = errors.New("pkcs11: PIN not set")
	ErrPINExpired    = errors.New("pkcs11: the PIN must be changed first")
	ErrPINLength     = errors.New("pkcs11: PIN of an impossible length, not sent to the card")
	ErrCardRemoved   = errors.New("pkcs11: card removed")
	ErrCardChanged   = errors.New("pkcs11: another card than the one chosen")
	ErrUnusable      = errors.New("pkcs11: the certificate is not for a login")
	ErrUnsupported   = errors.New("pkcs11: the card offers no mechanism that fits")
	ErrKeyWithoutPIN = errors.New("pkcs11: the key can be used without a PIN")
	ErrNoKey         = errors.New("pkcs11: no private key goes with the certificate")
	ErrNoCardSession = errors.New("pkcs11: there is no session of this card")
	ErrCancelled     = errors.New("pkcs11: cancelled on the reader")
)

// Error is a failed call of a module.
type Error struct {
	Op   string // the function of PKCS#11 v2.40, or what was being done
	Path string // the module
	CKR  uint   // the return value; 0 where the module did not fail itself
	Kind error  // one of the sentinels above
}

func (e *Error) Error() string {
	text := e.Kind.Error() + ": " + e.Op
	if e.CKR != 0 {
		text += ": " + p11.Error(e.CKR).Error()
	}
	if e.Path != "" {
		text += " (" + e.Path + ")"
	}
	return text
}

// Unwrap gives the kind.
func (e *Error) Unwrap() error { return e.Kind }

// PINError has what the card says after a wrong PIN; it goes with
// ErrPINIncorrect or ErrPINLocked.
type PINError struct{ FinalTry, CountLow, Locked bool }

func (e *PINError) Error() string {
	switch {
	case e.Locked:
		return "pkcs11: the PIN is locked now"
	case e.FinalTry:
		return "pkcs11: one try is left"
	case e.CountLow:
		return "pkcs11: few tries are left"
	}
	return "pkcs11: wrong PIN"
}

var kinds = map[p11.Error]error{
	p11.CKR_PIN_INCORRECT:            ErrPINIncorrect,
	p11.CKR_PIN_INVALID:              ErrPINIncorrect,
	p11.CKR_PIN_LOCKED:               ErrPINLocked,
	p11.CKR_PIN_LEN_RANGE:            ErrPINLength,
	p11.CKR_USER_PIN_NOT_INITIALIZED: ErrPINNotSet,
	p11.CKR_PIN_EXPIRED:              ErrPINExpired,
	p11.CKR_FUNCTION_CANCELED:        ErrCancelled,
	p11.CKR_MECHANISM_INVALID:        ErrUnsupported,
	p11.CKR_TOKEN_NOT_PRESENT:        ErrCardRemoved,
	p11.CKR_DEVICE_REMOVED:           ErrCardRemoved,
	p11.CKR_SLOT_ID_INVALID:          ErrCardRemoved,
	// Modules report a pulled card in these ways too.
	p11.CKR_SESSION_HANDLE_INVALID: ErrCardRemoved,
	p11.CKR_OBJECT_HANDLE_INVALID:  ErrCardRemoved,
}

// wrap types what the binding returned.
func wrap(op, path string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Op: op, Path: path, Kind: ErrModuleFailed}
	var ckr p11.Error
	if errors.As(err, &ckr) {
		e.CKR = uint(ckr)
		if kind, known := kinds[ckr]; known {
			e.Kind = kind
		}
		return e
	}
	return fmt.Errorf("%w: %w", e, err)
}

func isCKR(err error, ckr uint) bool {
	var e *Error
	return errors.As(err, &e) && e.CKR == ckr
}
