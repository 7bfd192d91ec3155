package situations

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/denied"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fulldisk"
)

func situations() []situation {
	return slices.Concat(readers(), common(), keys(), vendors(), keyrings())
}

func common() []situation {
	return []situation{
		// Readers.
		{"no_reader", onCard(virtual.CardOptions{}, func(w *world) { w.station.Unplug() })},
		{"pcsc_no_permission", onCard(virtual.CardOptions{}, func(w *world) { w.station.Service().Refuse(true) })},
		{"no_pcsc_service", onCard(virtual.CardOptions{}, func(w *world) { must(w.t, w.station.Stop()) })},

		// Cards.
		{"good_card", onCard(virtual.CardOptions{}, nil)},
		{"no_card", onCard(virtual.CardOptions{}, func(w *world) { w.station.Remove() })},
		{"foreign_card", onCard(virtual.CardOptions{}, func(w *world) { w.station.InsertBadge() })},
		{"expired", onCard(virtual.CardOptions{NotAfter: time.Now().Add(-time.Hour)}, nil)},
		{"pin_locked", onCard(virtual.CardOptions{}, func(w *world) { w.station.Card().PIN().SetTriesLeft(0) })},

		{"pin_expired", func(t *testing.T) *world {
			w := newWorld(t, "cps")
			w.faulty("C_GetTokenInfo", "flags:80000") // CKF_USER_PIN_TO_BE_CHANGED
			return w
		}},

		// What stands on a card.
		{"hidden_certificates", withObjects("cps", func(_ *world, c *cardobjects.Card) error { return c.Hide() })},
		{"many_certificates", withObjects("cps", func(_ *world, c *cardobjects.Card) error {
			n := 300
			if testing.Short() {
				n = 60 // each costs SoftHSM a file on the disk
			}
			list, err := cardobjects.Authorities(n)
			if err != nil {
				return err
			}
			return c.Put(list...)
		})},
		{"unreadable_certificate", withObjects("signature-only", putUnreadable)},
		{"unreadable_beside_a_good_one", withObjects("cps", putUnreadable)},

		{"key_missing", withObjects("signature-only", func(w *world, c *cardobjects.Card) error { return putWithoutKey(w, c, elliptic.P256()) })},
		{"key_of_another_kind", withObjects("signature-only", func(w *world, c *cardobjects.Card) error { return putWithoutKey(w, c, elliptic.P224()) })},

		// Modules.
		{"module_missing", withModule(func(w *world) string { return filepath.Join(w.Dir, "libcps3_pkcs11_lux.so") })},
		{"module_missing_dependency", withModule(missingDependency)},
		{"module_32_bits", withModule(of32Bits)},
		{"module_not_pkcs11", withModule(func(w *world) string { return w.compiled("module.so", "int other(void) { return 1; }") })},
		{"module_stale_cache", staleCache},
		{"module_damaged", withModule(damaged)},
		{"module_hanging_beside_another", func(t *testing.T) *world {
			w := newWorld(t, "cps")
			works := w.modules[0]
			w.faulty("C_Initialize", "hang")
			w.modules = append(w.modules, works)
			return w
		}},
		{"module_hanging", func(t *testing.T) *world {
			w := newWorld(t, "cps")
			w.faulty("C_Initialize", "hang")
			return w
		}},

		// The desk.
		{"settings_utf16", withSettings("\xff\xfel\x00a\x00n\x00g\x00")},
		{"settings_latin1", withSettings("# r\xe9glages\nlang = \"fr\"\n")},
		{"no_sock_diag", withDenied(denied.SockDiag)},
		{"no_tcp_diag", withDenied(denied.DiagModule)},
		{"full_disk", func(t *testing.T) *world {
			if os.Geteuid() != 0 {
				t.Skip("a disk of one's own needs root: run as root to play a full disk")
			}
			w := opensc(t, virtual.CardOptions{})
			must(t, fulldisk.New(t, filepath.Join(w.Keyring.Home, "state")).Fill())
			return w
		}},
	}
}

// onCard is OpenSC on a virtual card, which change may change.
func onCard(o virtual.CardOptions, change func(w *world)) func(t *testing.T) *world {
	return func(t *testing.T) *world {
		w := opensc(t, o)
		if change != nil {
			change(w)
		}
		return w
	}
}

// withObjects is a SoftHSM card with other objects on it.
func withObjects(card string, change func(w *world, c *cardobjects.Card) error) func(t *testing.T) *world {
	return func(t *testing.T) *world {
		w := newWorld(t, card)
		c, err := cardobjects.Open(filepath.Join(w.Dir, "cards"), card)
		must(t, err)
		must(t, change(w, c))
		must(t, c.Close())
		return w
	}
}

// putUnreadable puts an authentication certificate on the card that the standard
// library refuses.
func putUnreadable(w *world, c *cardobjects.Card) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	bad, err := badcerts.All(w.pki.Intermediate, key.Public())
	if err != nil {
		return err
	}
	return c.Put(cardobjects.Certificate{DER: bad[0].DER, ID: []byte{9}, Label: "TEST"})
}

// putWithoutKey puts on an authentication certificate without its key; a public key says
// that its CKA_ID is another pair's.
func putWithoutKey(w *world, c *cardobjects.Card, curve elliptic.Curve) error {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return err
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	cert, err := w.pki.Intermediate.Issue(demopki.Leaf{
		Holder: demopki.NewHolder("CPS", 7), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), PublicKey: key.Public(),
	})
	if err != nil {
		return err
	}
	id := []byte{9}
	if err := c.Put(cardobjects.Certificate{DER: cert.Raw, ID: id, Label: "TEST"}); err != nil {
		return err
	}
	return c.PutPublicKeys(cardobjects.PublicKey{Key: other.Public(), ID: id})
}

// withModule is a workstation whose settings name another module.
func withModule(module func(w *world) string) func(t *testing.T) *world {
	return func(t *testing.T) *world {
		w := newWorld(t, "cps")
		w.modules = []string{module(w)}
		return w
	}
}

// compiled compiles a library.
func (w *world) compiled(name, source string, flags ...string) string {
	w.t.Helper()
	file, path := filepath.Join(w.Dir, name+".c"), filepath.Join(w.Dir, name)
	must(w.t, os.WriteFile(file, []byte(source), 0o600))
	if out, err := exec.Command("gcc", append([]string{"-shared", "-fPIC", "-w", "-o", path, file}, flags...)...).CombinedOutput(); err != nil {
		w.t.Fatalf("gcc: %v\n%s", err, out)
	}
	return path
}

func missingDependency(w *world) string {
	gone := w.compiled("libgalss.so.1", "int gone(void) { return 1; }")
	path := w.compiled("module.so", "int gone(void); int C_GetFunctionList(void **l) { return gone(); }", gone, "-Wl,-rpath,"+w.Dir)
	must(w.t, os.Remove(gone))
	return path
}

// of32Bits is SoftHSM's module with the header of one for 32 bits.
func of32Bits(w *world) string {
	text, err := os.ReadFile(w.Module)
	must(w.t, err)
	text[4], text[18], text[19] = 1, 3, 0
	path := filepath.Join(w.Dir, "module.so")
	must(w.t, os.WriteFile(path, text, 0o600))
	return path
}

// damaged is SoftHSM's module as an installation on a full disk leaves it.
func damaged(w *world) string {
	text, err := os.ReadFile(w.Module)
	must(w.t, err)
	path := filepath.Join(w.Dir, "module.so")
	must(w.t, os.WriteFile(path, text[:len(text)/2], 0o600))
	return path
}

// staleCache is OpenSC that keeps what it reads of cards in files, and gives another
// card's certificates for one with the same serial.
func staleCache(t *testing.T) *world {
	twin := virtual.CardOptions{Serial: "00000007"}
	w := opensc(t, twin)
	conf := filepath.Join(w.Dir, "opensc.conf")
	text := fmt.Sprintf("app default { framework pkcs15 { use_file_caching = yes; file_cache_dir = %q; } }", filepath.Join(w.Dir, "cache"))
	must(t, os.WriteFile(conf, []byte(text), 0o600))
	w.env = append(w.env, "OPENSC_CONF="+conf)
	w.write()
	w.prints("certs") // fills the cache
	card, err := virtual.NewCard(w.pki.Intermediate, twin)
	must(t, err)
	w.station.Put(card)
	return w
}

func withSettings(text string) func(t *testing.T) *world {
	return func(t *testing.T) *world {
		w := newWorld(t)
		w.raw = []byte(text)
		return w
	}
}

func withDenied(what string) func(t *testing.T) *world {
	return func(t *testing.T) *world {
		w := newWorld(t, "cps")
		w.denied = what
		return w
	}
}
