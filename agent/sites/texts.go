package sites

import (
	"errors"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// kinds are the errors, each with its name for programs, which is that of its
// text too.
var kinds = []struct {
	is     error
	reason string
}{
	{ErrNoKeyring, "no_keyring"},
	{ErrLocked, "keyring_locked"},
	{ErrSlow, "keyring_slow"},
	{ErrRefused, "keyring_refused"},
	{ErrDamaged, "list_damaged"},
	{ErrOtherKey, "list_other_key"},
	{ErrKeyLost, "list_key_lost"},
	{ErrFull, "list_full"},
	{ErrNotRemembered, "not_remembered"},
	{ErrOrigin, "not_an_origin"},
}

// Why puts an error of this package into a text for a person; lang is "fr" or
// "en". It is "" for nil.
func Why(err error, lang string) string {
	if err == nil {
		return ""
	}
	if text, ok := texts.In(lang).Code("sites.why", Reason(err)); ok {
		return text
	}
	return err.Error()
}

// WhyNotForgotten puts into a text why a site was not forgotten. Where the
// keyring is the reason the site stands in the list and counts again once the
// keyring opens, which is not what Why says.
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

// failed is the name of an error that has none of its own.
const failed = "failed"

// Reason is the name of an error of this package for programs: "" for nil,
// "failed" for what has none.
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
