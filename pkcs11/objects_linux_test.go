package pkcs11

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/faultmodule"
)

// ownCard is a real card of the test's own, which change may change, behind the
// fault module, and the log of the pool that reads it.
func ownCard(t *testing.T, change func(c *cardobjects.Card) error) (*Pool, faultmodule.Module, *bytes.Buffer) {
	t.Helper()
	m, err := faultModule()
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range m.Env(softHSM) {
		t.Setenv(key, value)
	}
	t.Setenv("SOFTHSM2_CONF", os.Getenv("SOFTHSM2_CONF")) // restored at the end
	if err := m.Heal(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := democard.Make(dir, []string{"cps"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		c, err := cardobjects.Open(dir, "cps")
		if err != nil {
			t.Fatal(err)
		}
		if err := change(c); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	log := &bytes.Buffer{}
	p, err := Open(t.Context(), Options{Modules: []string{m.Path}, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Heal(); err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, m, log
}

// logsIn logs in with the one certificate that can be used.
func logsIn(t *testing.T, p *Pool) Certificate {
	t.Helper()
	c := usable(t, p)
	s, err := p.Sign(t.Context(), request(c, democard.PIN, nil))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
	return c
}

// hundreds puts 300 CAs' certificates on a card.
func hundreds(c *cardobjects.Card) error {
	list, err := cardobjects.Authorities(300)
	if err != nil {
		return err
	}
	return c.Put(list...)
}

// The person's certificate comes after 300 of CAs, however a module gives them.
func TestHundredsOfCertificates(t *testing.T) {
	p, m, log := ownCard(t, hundreds)
	for _, fault := range []string{"", "last:Certificat", "one"} {
		t.Run(fault, func(t *testing.T) {
			if err := m.Fail("C_FindObjects", fault); err != nil {
				t.Fatal(err)
			}
			logsIn(t, p)
			if s, err := p.List(t.Context()); err != nil || len(s.Certificates) != 2 || len(s.Slots) != 1 {
				t.Errorf("%d certificates, %d slots, %v", len(s.Certificates), len(s.Slots), err)
			}
		})
	}
	if log.Len() > 0 {
		t.Errorf("nothing is wrong with this card: %s", log)
	}
}

// What hundreds of certificates cost a reading: one call each, because a CA's costs
// no more than to see that it is one.
func TestCostOfHundreds(t *testing.T) {
	_, m, _ := ownCard(t, hundreds)
	f := &faulty{}
	p, err := open(t.Context(), Options{Modules: []string{m.Path}}, func(path string) (driver, error) {
		d, err := startModuleProcess(path, "", DefaultLimits())
		f.driver = d
		return f, err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	begun := time.Now()
	if _, err := p.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d calls of C_GetAttributeValue in %s", f.values, time.Since(begun))
	if most := 300 + 2*6; f.values > most {
		t.Errorf("%d calls of C_GetAttributeValue, at most %d", f.values, most)
	}
}

// A card that leaves in the middle ends the reading, whatever its module says of
// the object that was being read; where the card stays, it is that object alone.
func TestCardLeavesInTheMiddle(t *testing.T) {
	for _, ckr := range []p11.Error{p11.CKR_DEVICE_ERROR, p11.CKR_GENERAL_ERROR, p11.CKR_OBJECT_HANDLE_INVALID, p11.CKR_SESSION_HANDLE_INVALID, p11.CKR_DEVICE_REMOVED} {
		for _, leaves := range []bool{true, false} {
			t.Run(fmt.Sprint(ckr, leaves), func(t *testing.T) {
				p, f := pool(t)
				f.token = func(i *p11.TokenInfo) {
					if !strings.HasPrefix(i.Label, labelOf(t, "cps")) {
						i.Flags = 0
					}
				}
				out, failed := false, false
				f.valueErr = func(kind uint) error {
					if kind != p11.CKA_VALUE || failed && !leaves {
						return nil
					}
					failed, out = true, leaves
					return wrap("C_GetAttributeValue", softHSM, ckr)
				}
				f.slotInfo = func(_ uint, info *p11.SlotInfo) {
					if out {
						info.Flags &^= p11.CKF_TOKEN_PRESENT
					}
				}
				s, err := p.List(t.Context())
				if leaves && (len(s.Certificates) != 0 || f.values != 1) || !leaves && (err != nil || len(s.Certificates) != 1) {
					t.Errorf("%d certificates, %d values were asked for, %v", len(s.Certificates), f.values, err)
				}
			})
		}
	}
}

// A module that never stops giving objects is stopped, and the log says so.
func TestEndlessObjects(t *testing.T) {
	p, m, log := ownCard(t, nil)
	if err := m.Fail("C_FindObjects", "endless"); err != nil {
		t.Fatal(err)
	}
	logsIn(t, p)
	if !strings.Contains(log.String(), "more objects than are read") {
		t.Errorf("not in the log: %s", log)
	}
}

// What is wrong with one object costs that object, and with one attribute that
// attribute: the card still logs in.
func TestFaultOfOneObject(t *testing.T) {
	const other = "of:Certificat?de"
	for _, c := range []struct {
		name  string
		fault string
		shown int    // certificates
		log   string // what it must have
		label string // of the certificate that logs in
	}{
		{"label: attribute unknown", "attr:3:rv:12", 2, "", ""},
		{"label: device error", "attr:3:rv:30", 2, "", ""},
		{"label: sensitive", "attr:3:rv:11", 2, "", ""},
		{"label: unavailable", "attr:3:unavailable", 2, "", ""},
		{"label: empty", "attr:3:empty", 2, "", ""},
		{"type: attribute unknown", "attr:80:rv:12", 2, "", "Authentification"},
		{"padded with zeros", "attr:11:pad:0", 2, "", "Authentification"},
		{"padded with FF", "attr:11:pad:ff", 2, "", "Authentification"},
		{"padded with text", "attr:11:pad:41", 2, "", "Authentification"},
		{"another's value: attribute unknown", other + ":attr:11:rv:12", 1, "cannot be read", "Authentification"},
		{"another's value: device error", other + ":attr:11:rv:30", 1, "cannot be read", "Authentification"},
		{"another's value: general error", other + ":attr:11:rv:5", 1, "cannot be read", "Authentification"},
		{"another's value: deleted meanwhile", other + ":attr:11:rv:82", 1, "cannot be read", "Authentification"},
		{"another's value: unavailable", other + ":attr:11:unavailable", 1, "", "Authentification"},
		{"another's value: empty", other + ":attr:11:empty", 1, "", "Authentification"},
		{"another's value: cut", other + ":attr:11:short", 1, "cannot be read", "Authentification"},
		{"another's ID: attribute unknown", other + ":attr:102:rv:12", 2, "", "Authentification"},
		{"another's ID: device error", other + ":attr:102:rv:30", 2, "", "Authentification"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, m, log := ownCard(t, nil)
			if err := m.Fail("C_GetAttributeValue", c.fault); err != nil {
				t.Fatal(err)
			}
			x := logsIn(t, p)
			s, err := p.List(t.Context())
			if err != nil || len(s.Certificates) != c.shown {
				t.Errorf("%d certificates, %v", len(s.Certificates), err)
			}
			if !strings.Contains(x.Label, c.label) {
				t.Errorf("label %q", x.Label)
			}
			if !strings.Contains(log.String(), c.log) || c.log == "" && log.Len() > 0 {
				t.Errorf("log: %s", log)
			}
		})
	}
}

// A reading that an object spoiled which may read better next time is made again;
// what an object never has spoils none. OpenSC reads a card on a reader here.
func TestReadingWithAFaultyObject(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	_, d := station(t, card, virtual.StationOptions{})
	m, err := faultModule()
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range m.Env(openSC) {
		t.Setenv(key, value)
	}
	p, err := Open(t.Context(), Options{Modules: []string{m.Path}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	defer func() { _ = m.Heal() }()
	observe(t, p)
	for _, c := range []struct {
		fault  string
		shown  int
		stands bool
	}{
		{"", 2, true},
		{"of:Certificat?de:attr:11:rv:12", 1, true},
		{"of:Certificat?de:attr:11:rv:30", 1, false},
		{"attr:3:rv:30", 2, true},
	} {
		if err := m.Fail("C_GetAttributeValue", c.fault); err != nil {
			t.Fatal(err)
		}
		s, err := p.List(t.Context())
		if stands := p.holding(p.modules[0]) != nil; err != nil || len(s.Certificates) != c.shown || stands != c.stands {
			t.Errorf("%q: %d certificates, stands: %v, %v", c.fault, len(s.Certificates), stands, err)
		}
	}
	d.Remove()
	if err := m.Fail("C_GetAttributeValue", "rv:30"); err != nil {
		t.Fatal(err)
	}
	if s, _ := p.List(t.Context()); len(s.Certificates) != 0 {
		t.Errorf("%d certificates without a card", len(s.Certificates))
	}
}

// A certificate that the standard library refuses is shown with its holder and
// signs nothing; the log has the parser's reason. It costs no other certificate.
func TestUnreadableCertificates(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bad, err := badcerts.All(testPKI().Intermediate, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	bad = append(bad, badcerts.Case{Name: "no certificate at all", DER: []byte("TEST")}, badcerts.Case{Name: "cut off", DER: bad[0].DER[:100]})
	for _, c := range bad {
		t.Run(c.Name, func(t *testing.T) {
			p, _, log := ownCard(t, func(card *cardobjects.Card) error {
				return card.Put(cardobjects.Certificate{DER: c.DER, ID: []byte{9}, Label: "TEST bad"})
			})
			logsIn(t, p)
			s, err := p.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(c.DER)
			i := slices.IndexFunc(s.Certificates, func(x Certificate) bool { return x.ID == hex.EncodeToString(sum[:]) })
			if i < 0 {
				t.Fatalf("it is not shown: %d certificates", len(s.Certificates))
			}
			x := s.Certificates[i]
			if x.Reason != Unreadable || x.X509 == nil || x.Label != "TEST bad" || cps.Parse(x.X509, cps.DemoRules()).DisplayName() != c.Holder {
				t.Errorf("%+v", x)
			}
			asked := 0
			if _, err := p.Sign(t.Context(), request(x, democard.PIN, &asked)); err == nil || asked > 0 {
				t.Errorf("asked for a PIN %d times, %v", asked, err)
			}
			_, why := x509.ParseCertificate(c.DER)
			if !strings.Contains(log.String(), strings.ReplaceAll(why.Error(), `"`, `\"`)) {
				t.Errorf("%v is not in the log: %s", why, log)
			}
		})
	}
}

// A CA's certificate costs nothing, nor shows, even where it cannot be parsed.
func TestUnreadableAuthority(t *testing.T) {
	p, _, log := ownCard(t, func(card *cardobjects.Card) error {
		der := bytes.Replace(testPKI().Root.Cert.Raw, []byte{0x30, 0x06, 0x01, 0x01, 0xff}, []byte{0x30, 0x06, 0x01, 0x01, 0x01}, 1)
		return card.Put(cardobjects.Certificate{DER: der, ID: []byte{9}, Label: "TEST CA"})
	})
	logsIn(t, p)
	if s, err := p.List(t.Context()); err != nil || len(s.Certificates) != 2 || log.Len() > 0 {
		t.Errorf("%d certificates, %v, %s", len(s.Certificates), err, log)
	}
}
