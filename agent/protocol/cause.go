package protocol

import (
	"context"
	"errors"
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

var (
	// ErrPageCancelled ends a login that its page took back.
	ErrPageCancelled = errors.New("protocol: cancelled by the page")
	// ErrTimeUp ends a login whose time is up.
	ErrTimeUp = errors.New("protocol: the request's time is up")
)

// cause is what an error means to a page.
type cause struct {
	is     error
	code   int
	detail string
}

// causes orders what an error means; the first that fits wins.
var causes = []cause{
	{is: ErrPageCancelled, code: CodeCancelled},
	{is: ErrTimeUp, code: CodeTimeout},
	{is: prompt.ErrCancelled, code: CodeCancelled},
	{is: prompt.ErrTimeout, code: CodeTimeout},
	{is: prompt.ErrUntrusted, code: CodePromptFailed, detail: DetailUntrusted},
	{is: prompt.ErrUnavailable, code: CodePromptFailed},
	{is: pkcs11.ErrCancelled, code: CodeCancelled},
	{is: pkcs11.ErrNotPKCS11, code: CodeNoModule, detail: DetailNotPKCS11},
	{is: pkcs11.ErrMissingDependency, code: CodeNoModule, detail: DetailMissingDependency},
	{is: pkcs11.ErrWrongArchitecture, code: CodeNoModule, detail: DetailWrongArchitecture},
	{is: pkcs11.ErrUntrusted, code: CodeNoModule, detail: DetailUntrusted},
	{is: pkcs11.ErrNotLoadable, code: CodeNoModule, detail: DetailNotLoadable},
	{is: pkcs11.ErrNoModule, code: CodeNoModule},
	{is: pkcs11.ErrCardInUse, code: CodePINLocked, detail: DetailLockedOrInUse},
	{is: pkcs11.ErrPINLocked, code: CodePINLocked},
	{is: pkcs11.ErrPINIncorrect, code: CodePINIncorrect},
	{is: pkcs11.ErrPINNotSet, code: CodePINNotSet},
	{is: pkcs11.ErrPINExpired, code: CodePINNotSet, detail: DetailPINExpired},
	{is: pkcs11.ErrCardRemoved, code: CodeCardRemoved},
	{is: pkcs11.ErrCardChanged, code: CodeCardChanged},
	{is: pkcs11.ErrUnusable, code: CodeNoCertificate},
	{is: pkcs11.ErrUnsupported, code: CodeNoCertificate, detail: string(pkcs11.KeyUnsupported)},
	{is: pkcs11.ErrKeyWithoutPIN, code: CodeNoCertificate, detail: string(pkcs11.KeyWithoutPIN)},
	{is: pkcs11.ErrStaleCache, code: CodeModuleFailed, detail: DetailStaleCache},
	{is: pkcs11.ErrModuleHangs, code: CodeModuleFailed, detail: DetailHanging},
	{is: pkcs11.ErrNoKey, code: CodeNoCertificate, detail: string(pkcs11.NoKey)},
	{is: pkcs11.ErrModuleFailed, code: CodeModuleFailed},
	{is: context.DeadlineExceeded, code: CodeTimeout},
	{is: context.Canceled, code: CodeCancelled},
}

// FromError turns whatever went wrong into what the page gets. The error itself,
// which may name paths, stays in the log.
func FromError(err error) *Error {
	var ready *Error
	if errors.As(err, &ready) {
		return ready
	}
	for _, c := range causes {
		if !errors.Is(err, c.is) {
			continue
		}
		e := FailWith(c.code, c.detail)
		var card *pkcs11.Error
		if c.code == CodeModuleFailed && errors.As(err, &card) && card.CKR != 0 {
			e.Data.CKR = fmt.Sprintf("0x%08X", card.CKR)
		}
		return e
	}
	return Internal()
}
