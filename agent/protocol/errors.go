package protocol

import (
	"fmt"
	"math"
	"time"
)

// The codes of JSON-RPC 2.0 (section 5.1) and of the agent's own errors.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeUnknownMethod  = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603

	CodeCancelled       = 1001
	CodeConsentDenied   = 1002
	CodeTimeout         = 1003
	CodeBusy            = 1004
	CodeNoReader        = 1101
	CodeNoCard          = 1102
	CodeCardUnsupported = 1103
	CodeCardRemoved     = 1104
	CodeNoCertificate   = 1105
	CodeCardChanged     = 1106
	CodePINLocked       = 1201
	CodePINIncorrect    = 1202
	CodePINNotSet       = 1203
	CodeModuleFailed    = 1301
	CodeNoModule        = 1302
	CodePromptFailed    = 1303
)

// Details of an error's data.
const (
	// DetailNoService goes with CodeNoReader where the PC/SC service does not
	// answer, so that nobody knows which readers there are.
	DetailNoService = "no_service"
	// DetailNoPermission goes with CodeNoReader where the PC/SC service refuses this
	// desktop session.
	DetailNoPermission = "no_permission"
	// DetailHidden goes with CodeNoCertificate where the card shows no certificate
	// before its PIN is entered.
	DetailHidden = "hidden"
	// DetailPINExpired goes with CodePINNotSet where the PIN must be changed first.
	DetailPINExpired = "pin_expired"
	// DetailMute goes with CodeCardUnsupported where what is in the reader does not
	// answer: most are upside down.
	DetailMute = "mute"
	// DetailLockedOrInUse goes with CodePINLocked where another program has the card for
	// itself, so that nobody can tell whether its PIN is locked.
	DetailLockedOrInUse = "locked_or_in_use"
	// DetailNotPKCS11 goes with CodeNoModule where the file is no PKCS#11 module.
	DetailNotPKCS11 = "not_pkcs11"
	// DetailHanging goes with CodeModuleFailed where the module does not answer.
	DetailHanging = "hanging"
	// DetailStaleCache goes with CodeModuleFailed where the module gives of a card what
	// it kept of another.
	DetailStaleCache = "stale_cache"
	// DetailUntrusted goes with CodeNoModule and CodePromptFailed where the machine's
	// policy names a module or program that others may change.
	DetailUntrusted = "untrusted_owner"
	// These go with CodeNoModule where the module is there: a library that it needs is
	// not, it is another kind of computer's or program's, the system does not load it.
	DetailMissingDependency = "missing_dependency"
	DetailWrongArchitecture = "wrong_architecture"
	DetailNotLoadable       = "not_loadable"
)

// Error is an error as a page gets it.
type Error struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Data    *ErrorData `json:"data,omitempty"`
}

// ErrorData is the typed part of an Error.
type ErrorData struct {
	Reason     string `json:"reason,omitempty"`
	Detail     string `json:"detail,omitempty"`
	TriesLeft  *int   `json:"triesLeft,omitempty"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
	CKR        string `json:"ckr,omitempty"`
	// Reference is that of a failed login, of package internal/reference.
	Reference string `json:"reference,omitempty"`
}

// WithReference is a copy of the error that bears a reference: one error may answer
// several requests, each of which has its own.
func (e *Error) WithReference(reference string) *Error {
	copied, data := *e, ErrorData{}
	if e.Data != nil {
		data = *e.Data
	}
	data.Reference = reference
	copied.Data = &data
	return &copied
}

func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

// reasons is the one table from code to wire reason and short sentence.
var reasons = map[int][2]string{
	CodeCancelled:       {"cancelled", "The login was cancelled."},
	CodeConsentDenied:   {"consent_denied", "The person did not agree to use the card here."},
	CodeTimeout:         {"timeout", "The time for this login is up."},
	CodeBusy:            {"busy", "The agent is busy with another login."},
	CodeNoReader:        {"no_reader", "No card reader is connected."},
	CodeNoCard:          {"no_card", "No card is in the reader."},
	CodeCardUnsupported: {"card_unsupported", "The card is not one that the module knows."},
	CodeCardRemoved:     {"card_removed", "The card was removed."},
	CodeNoCertificate:   {"no_certificate", "No certificate on the card fits a login."},
	CodeCardChanged:     {"card_changed", "Another card than the chosen one is in the reader."},
	CodePINLocked:       {"pin_locked", "The card's PIN is locked."},
	CodePINIncorrect:    {"pin_incorrect", "The PIN was wrong, and no other was given."},
	CodePINNotSet:       {"pin_not_set", "The card has no PIN yet."},
	CodeModuleFailed:    {"module_failed", "The card's PKCS#11 module failed."},
	CodeNoModule:        {"no_module", "No PKCS#11 module works on this workstation."},
	CodePromptFailed:    {"prompt_failed", "No dialog can be shown on this workstation."},
}

// Reasons are the wire reasons of all codes that have one, for documents and tests
// that list them.
func Reasons() map[int]string {
	all := map[int]string{CodeInternal: Internal().Data.Reason}
	for code, r := range reasons {
		all[code] = r[0]
	}
	return all
}

// Fail makes the error of one of the agent's own codes.
func Fail(code int) *Error {
	r := reasons[code]
	return newError(code, r[0], r[1])
}

// FailWith is Fail with a detail, where that is not "".
func FailWith(code int, detail string) *Error {
	e := Fail(code)
	e.Data.Detail = detail
	return e
}

// BusyFor is CodeBusy with the time after which a page may ask again.
func BusyFor(d time.Duration) *Error {
	e := Fail(CodeBusy)
	e.Data.RetryAfter = int(math.Ceil(d.Seconds()))
	return e
}

// UnknownMethod answers a request whose method does not exist.
func UnknownMethod() *Error { return newError(CodeUnknownMethod, "", "no such method") }

// InvalidParams answers a request whose parameters are not as they must be.
func InvalidParams(message string) *Error { return newError(CodeInvalidParams, "", message) }

// Internal is what a page gets of an error that nobody foresaw.
func Internal() *Error {
	return newError(CodeInternal, "internal", "Something unforeseen happened; the agent's log says what.")
}

func invalidRequest(message string) *Error { return newError(CodeInvalidRequest, "", message) }

func newError(code int, reason, message string) *Error {
	e := &Error{Code: code, Message: message}
	if reason != "" {
		e.Data = &ErrorData{Reason: reason}
	}
	return e
}
