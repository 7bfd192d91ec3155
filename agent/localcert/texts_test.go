package localcert

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
)

func TestWhy(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{
		ErrNotInstalled, ErrExpired, ErrKeyLost, ErrDamaged, ErrNoStore, ErrNoTool, ErrTrust, ErrStillTrusted, ErrLost,
		keyring.ErrNone, keyring.ErrLocked, keyring.ErrSlow, keyring.ErrRefused, errors.New("another"),
	} {
		for _, lang := range []string{"fr", "en"} {
			text := Why(fmt.Errorf("wrapped: %w", err), lang)
			if text == "" || seen[text] {
				t.Errorf("%v in %s: %q", err, lang, text)
			}
			seen[text] = err.Error() != "another"
		}
	}
}
