package sites

import (
	"errors"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// kinds are the errors, each with its name for programs and in the catalogue.
var kinds = []struct {
	is     error
	reason string
}{
	{ErrNoKeyring, "no_keyring"},
	{keyring.ErrEntryLocked, "keyring_entry_locked"}, // before the next, which it is too
	{ErrLocked, "keyring_locked"},
	{keyring.ErrNoCollection, "keyring_no_collection"},
	{ErrSlow, "keyring_slow"},
	{ErrRefused, "keyring_refused"},
	{ErrDamaged, "list_damaged"},
	{ErrOtherKey, "list_other_key"},
	{ErrKeyLost, "list_key_lost"},
	{ErrNewer, "list_newer"},
	{ErrFull, "list_full"},
	{ErrNoSpace, "no_space"},
	{ErrNotRemembered, "not_remembered"},
	{ErrOrigin, "not_an_origin"},
	{ErrDomain, "not_a_domain"},
}

// Why is the text of an error of this package for people, "" for nil; lang is "fr"
// or "en".
func Why(err error, lang string) string {
	if err == nil {
		return ""
	}
	if text, ok := texts.In(lang).Code("sites.why", Reason(err)); ok {
		return text
	}
	return err.Error()
}

// WhyNotForgotten is the text that says why a site was not forgotten. It differs from
// that of Why where the keyring is the reason: the site stays in the list, and is
// allowed again once the keyring opens.
func WhyNotForgotten(err error, lang string) string {
	say, reason := texts.In(lang), Reason(err)
	if text, ok := say.Code("sites.not_forgotten", reason); ok {
		return text
	}
	if reason == failed {
		return say.Text("sites.not_forgotten_because", err)
	}
	return Why(err, lang)
}

// failed is the name of an error without one of its own.
const failed = "failed"

// Reason is the name of an error of this package for programs: "" for nil, "failed"
// for an error without one.
func Reason(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.reason
		}
	}
	if err == nil {
		return ""
	}
	return failed
}
