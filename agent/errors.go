package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// The codes of JSON-RPC 2.0 (section 5.1) and of protocol.md.
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

// detailNoService goes with CodeNoReader where the PC/SC service does not answer,
// so that nobody knows which readers there are.
const detailNoService = "no_service"

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

// fail makes the error of a code in the table.
func fail(code int) *Error {
	r := reasons[code]
	return newError(code, r[0], r[1])
}

func newError(code int, reason, message string) *Error {
	e := &Error{Code: code, Message: message}
	if reason != "" {
		e.Data = &ErrorData{Reason: reason}
	}
	return e
}

func invalidRequest(message string) *Error { return newError(CodeInvalidRequest, "", message) }

func busyFor(d time.Duration) *Error {
	e := fail(CodeBusy)
	e.Data.RetryAfter = int(math.Ceil(d.Seconds()))
	return e
}

var (
	errPageCancelled = errors.New("agent: cancelled by the page")
	errTimeUp        = errors.New("agent: the request's time is up")
)

// kinds orders what an error means; the first that fits wins.
var kinds = []struct {
	is   error
	code int
}{
	{errPageCancelled, CodeCancelled},
	{errTimeUp, CodeTimeout},
	{prompt.ErrCancelled, CodeCancelled},
	{prompt.ErrTimeout, CodeTimeout},
	{prompt.ErrUnavailable, CodePromptFailed},
	{pkcs11.ErrCancelled, CodeCancelled},
	{pkcs11.ErrNotPKCS11, CodeNoModule},
	{pkcs11.ErrNoModule, CodeNoModule},
	{pkcs11.ErrPINLocked, CodePINLocked},
	{pkcs11.ErrPINIncorrect, CodePINIncorrect},
	{pkcs11.ErrPINNotSet, CodePINNotSet},
	{pkcs11.ErrCardRemoved, CodeCardRemoved},
	{pkcs11.ErrCardChanged, CodeCardChanged},
	{pkcs11.ErrUnsupported, CodeCardUnsupported},
	{pkcs11.ErrKeyWithoutPIN, CodeNoCertificate},
	{pkcs11.ErrNoKey, CodeModuleFailed},
	{pkcs11.ErrModuleFailed, CodeModuleFailed},
	{context.DeadlineExceeded, CodeTimeout},
	{context.Canceled, CodeCancelled},
}

// wireError turns whatever went wrong into what the page gets. The error
// itself, which may name paths, stays in the log.
func wireError(err error) *Error {
	var ready *Error
	if errors.As(err, &ready) {
		return ready
	}
	for _, k := range kinds {
		if !errors.Is(err, k.is) {
			continue
		}
		e := fail(k.code)
		switch {
		case k.is == pkcs11.ErrKeyWithoutPIN:
			e.Data.Detail = string(pkcs11.KeyWithoutPIN)
		case k.is == pkcs11.ErrNotPKCS11:
			e.Data.Detail = "not_pkcs11"
		}
		var card *pkcs11.Error
		if k.code == CodeModuleFailed && errors.As(err, &card) && card.CKR != 0 {
			e.Data.CKR = fmt.Sprintf("0x%08X", card.CKR)
		}
		return e
	}
	return newError(CodeInternal, "internal", "Something unforeseen happened; the agent's log says what.")
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // only our own types come here
		panic(err)
	}
	return text
}
