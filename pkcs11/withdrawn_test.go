package pkcs11

import (
	"context"
	"errors"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// TestNothingBeginsAfterACancel: whoever takes a login back while the module is asked
// for something between two calls of the card sees neither a try nor a signature begin.
func TestNothingBeginsAfterACancel(t *testing.T) {
	for _, c := range []struct {
		name   string
		during func(f *faulty, cancel func())
		never  string
	}{
		{"while the session is looked at, before the PIN", func(f *faulty, cancel func()) {
			f.state = func() error { cancel(); return nil }
		}, "login"},
		{"while the key is looked for", func(f *faulty, cancel func()) {
			f.find = func(found []p11.ObjectHandle) []p11.ObjectHandle { cancel(); return found }
		}, "sign"},
		{"while the key's attributes are read", func(f *faulty, cancel func()) {
			f.attribute = func(kind uint) []byte {
				if kind == p11.CKA_ALWAYS_AUTHENTICATE {
					cancel()
				}
				return nil
			}
		}, "sign"},
		{"before the PIN that a key wants for each use", func(f *faulty, cancel func()) {
			f.attribute = func(kind uint) []byte {
				if kind == p11.CKA_ALWAYS_AUTHENTICATE {
					cancel()
					return []byte{1}
				}
				return nil
			}
			f.skipLogin = map[uint]bool{p11.CKU_CONTEXT_SPECIFIC: true}
		}, "login2"},
		{"while the PIN for each use is checked", func(f *faulty, cancel func()) {
			f.attribute = func(kind uint) []byte {
				if kind == p11.CKA_ALWAYS_AUTHENTICATE {
					return []byte{1}
				}
				return nil
			}
			f.login = func(user uint, _ []byte) error {
				if user == p11.CKU_CONTEXT_SPECIFIC {
					cancel()
				}
				return nil
			}
			f.skipLogin = map[uint]bool{p11.CKU_CONTEXT_SPECIFIC: true}
		}, "sign"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, f, _ := observing(t)
			card := authenticationIn(t, current(t, p), "cps")
			ctx, cancel := context.WithCancelCause(t.Context())
			r := request(card, "", nil)
			r.PIN = func(context.Context, PINRequest) ([]byte, error) {
				c.during(f, func() { cancel(errRefused) })
				return []byte(democard.PIN), nil
			}
			if _, err := p.Sign(ctx, r); !errors.Is(err, errRefused) {
				t.Errorf("%v", err)
			}
			if err := p.acquire(t.Context(), p.modules[0]); err != nil { // when what ran has run out
				t.Fatal(err)
			}
			p.release(p.modules[0])
			if calls := f.record(); strings.Contains(calls, c.never) {
				t.Errorf("after the cancel: %s", calls)
			}
		})
	}
}
