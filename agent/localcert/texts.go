package localcert

import (
	"errors"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// reasons are the errors shown to people, each with its text, and whether the text
// is complete without the error's own.
var reasons = []struct {
	is   error
	text texts.Key
	all  bool
}{
	{ErrNotInstalled, "localcert.not_installed", true},
	{ErrExpired, "localcert.expired", true},
	{ErrKeyLost, "localcert.key_lost", true},
	{ErrDamaged, "localcert.damaged", false},
	{ErrNoStore, "localcert.no_store", true},
	{ErrNoTool, "localcert.no_tool", true},
	{keyring.ErrNone, "localcert.no_keyring", true},
	{keyring.ErrEntryLocked, "localcert.keyring_entry_locked", true}, // before the next, which it is too
	{keyring.ErrNoCollection, "localcert.keyring_no_collection", true},
	{keyring.ErrLocked, "localcert.keyring_locked", true},
	{keyring.ErrSlow, "keyring.slow", true},
	{keyring.ErrRefused, "keyring.refused", true},
	{ErrTrust, "localcert.refused_by_store", false},
	{ErrStillTrusted, "localcert.still_trusted", false},
	{ErrLost, "localcert.record_lost", false},
}

// Detail is the part of an error that Why leaves out and IT support needs, "" where
// the text of Why is complete.
func Detail(err error) string {
	for _, r := range reasons {
		if r.all && errors.Is(err, r.is) {
			return ""
		}
	}
	if Why(err, "en") == err.Error() {
		return "" // Why returns it already
	}
	return err.Error()
}

// Why is the text of an error of this package for people; lang is "fr" or "en".
func Why(err error, lang string) string {
	for _, r := range reasons {
		if errors.Is(err, r.is) {
			return texts.In(lang).Text(r.text)
		}
	}
	return err.Error()
}

// Reason is the name of an error of this package for programs: the last part of its
// text's key, or "failed" for an error without one.
func Reason(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.is) {
			_, name, _ := strings.Cut(string(r.text), ".")
			return name
		}
	}
	return "failed"
}
