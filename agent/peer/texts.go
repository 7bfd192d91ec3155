package peer

import (
	"errors"
	"runtime"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// kinds are the errors of Check, each with its name for programs and in the catalogue.
var kinds = []struct {
	is     error
	reason string
}{
	{ErrUnsupported, "unsupported"},
	{ErrForbidden, "forbidden"},
	{ErrNoSockDiag, "no_sock_diag"},
	{ErrNoModule, "no_module"},
	{ErrNoLoopback, "no_loopback"},
	{ErrIntercepted, "intercepted"},
	{ErrVirtualLoopback, "virtual_loopback"},
	{ErrLoopbackCut, "loopback_cut"},
}

// Reason is the name of an error of Check for programs, "" for nil and for an error
// without one.
func Reason(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.reason
		}
	}
	return ""
}

// Reasons are all names that Reason gives, for tests that compare what others say of them.
func Reasons() (all []string) {
	for _, k := range kinds {
		all = append(all, k.reason)
	}
	return all
}

// Why is the text of an error of Check for people, in French or English.
func Why(err error, lang string) string {
	var values []any
	if found, ok := errors.AsType[*FoundError](err); ok {
		values = []any{found.What}
	}
	if text, ok := texts.In(lang).Code("peer.why", Reason(err), values...); ok {
		return text
	}
	return texts.In(lang).Text("peer.failed", err)
}

// Next is what a person does about an error of Check, "" where there is nothing.
func Next(err error, lang string) string {
	if runtime.GOOS == "windows" {
		if text, ok := texts.In(lang).Code("peer.next_windows", Reason(err)); ok {
			return text
		}
	}
	text, _ := texts.In(lang).Code("peer.next", Reason(err))
	return text
}
