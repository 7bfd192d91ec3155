package pkcs11

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// OpenSC that keeps what it reads in files gives another card's certificates for a
// card of the same serial, as the vendor's module does by itself. Each login says so,
// until the folder is emptied; then the card is read anew and signs, and no program
// was started anew.
func TestStaleCache(t *testing.T) {
	for _, observed := range []bool{true, false} {
		t.Run(fmt.Sprintf("observed %v", observed), func(t *testing.T) {
			cache, conf := t.TempDir(), filepath.Join(t.TempDir(), "opensc.conf")
			text := fmt.Sprintf("app default { framework pkcs15 { use_file_caching = yes; file_cache_dir = %q; } }", cache)
			if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("OPENSC_CONF", conf)
			old, renewed := newCard(t, virtual.CardOptions{Serial: "00000007"}), newCard(t, virtual.CardOptions{Serial: "00000007"})
			p, d := station(t, old, virtual.StationOptions{})
			observe := func() {
				readers, err := pcsc.Readers(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if observed {
					p.Observe(pcsc.Event{Readers: readers})
				}
			}
			observe()
			first := usable(t, p)
			if _, err := p.Sign(t.Context(), request(first, virtual.PIN, nil)); err != nil {
				t.Fatal(err)
			}
			d.Put(renewed)
			observe()
			for range 2 {
				c := usable(t, p)
				if c.ID != first.ID {
					t.Fatal("OpenSC read the card: there is nothing to see here")
				}
				asked := 0
				_, err := p.Sign(t.Context(), request(c, virtual.PIN, &asked))
				if !errors.Is(err, ErrStaleCache) || !errors.Is(err, ErrModuleFailed) || asked != 1 || renewed.PIN().Verified() {
					t.Fatalf("%v, asked %d, open %v", err, asked, renewed.PIN().Verified())
				}
				if m := p.Modules()[0]; !errors.Is(m.Err, ErrStaleCache) || !strings.Contains(m.Err.Error(), filepath.Join(".cache", "opensc")) || m.Info == "" {
					t.Errorf("%+v", m)
				}
			}
			files, err := filepath.Glob(filepath.Join(cache, "*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("%v, %v", files, err)
			}
			for _, file := range files {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			c := usable(t, p)
			if m := p.Modules()[0]; c.ID == first.ID || m.Err != nil {
				t.Errorf("after emptying: %+v", m)
			}
			s, err := p.Sign(t.Context(), request(c, virtual.PIN, nil))
			if err != nil {
				t.Fatal(err)
			}
			verify(t, s)
		})
	}
}

// Where the module gives the key itself from the card, nothing is signed with it, and
// it is the cache all the same of a module that is known to have one; of any other, the
// card has no key for its certificate.
func TestStaleCacheSeenByTheKey(t *testing.T) {
	for info, want := range map[string]error{"Maker, CPS3 PKCS#11 LINUX, Cryptoki 2.20": ErrStaleCache, "Maker, Library, Cryptoki 2.40": ErrNoKey} {
		t.Run(info, func(t *testing.T) {
			p, f := pool(t)
			c := authentication(t, p, "cps")
			opened := false
			f.login = func(uint, []byte) error { opened = true; return nil }
			f.attribute = func(kind uint) []byte {
				if opened && kind == p11.CKA_MODULUS {
					return []byte{1, 2, 3}
				}
				return nil
			}
			p.modules[0].state.Info = info
			_, err := p.Sign(t.Context(), request(c, democard.PIN, nil))
			mustBe(t, err, want)
			if errors.Is(err, ErrStaleCache) == errors.Is(err, ErrNoKey) || strings.Contains(f.record(), "sign") {
				t.Errorf("%v, calls %q", err, f.record())
			}
		})
	}
}
