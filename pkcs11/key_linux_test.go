package pkcs11

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
)

// pair is a key and an authentication certificate of it.
type pair struct {
	key  crypto.Signer
	cert *x509.Certificate
}

func newPair(key crypto.Signer) (pair, error) {
	pki, err := testAuthority()
	if err != nil {
		return pair{}, err
	}
	cert, err := pki.Intermediate.Issue(demopki.Leaf{
		Holder: demopki.NewHolder("CPS", 1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), PublicKey: key.Public(),
	})
	return pair{key, cert}, err
}

var (
	testAuthority = sync.OnceValues(func() (*demopki.PKI, error) { return demopki.New(time.Now()) })
	// testPairs are mine and another one's, RSA and on P-256, and one on P-384.
	testPairs = sync.OnceValues(func() (p [5]pair, err error) {
		for i := range p {
			var key crypto.Signer
			switch i {
			case 0, 1:
				key, err = rsa.GenerateKey(rand.Reader, 2048)
			case 2, 3:
				key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			case 4:
				key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			}
			if err == nil {
				p[i], err = newPair(key)
			}
			if err != nil {
				return p, err
			}
		}
		return p, nil
	})
)

// ownToken is a pool that records, on a token that holds what put puts on it.
func ownToken(t *testing.T, put func(c *cardobjects.Card) error) (*Pool, *faulty) {
	t.Helper()
	t.Setenv("SOFTHSM2_CONF", os.Getenv("SOFTHSM2_CONF")) // restored at the end
	dir := t.TempDir()
	if _, err := democard.Make(dir, []string{"cps-ec"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	c, err := cardobjects.Open(dir, "cps-ec")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Empty(), put(c), c.Close()); err != nil {
		t.Fatal(err)
	}
	return pool(t)
}

func putCertificate(c *cardobjects.Card, of pair, id []byte) error {
	return c.Put(cardobjects.Certificate{DER: of.cert.Raw, ID: id, Label: "Certificat d'Authentification CPS"})
}

// The key is the one that belongs to the certificate, however the card's CKA_IDs
// are; no other signs, and where none can be told, none does.
func TestKeyOfTheCertificate(t *testing.T) {
	all, err := testPairs()
	if err != nil {
		t.Fatal(err)
	}
	mine, others, mineEC, othersEC, others384 := all[0], all[1], all[2], all[3], all[4]
	type (
		keys   = []cardobjects.Key
		public = []cardobjects.PublicKey
	)
	pub := func(p pair, id []byte) cardobjects.PublicKey {
		return cardobjects.PublicKey{Key: p.key.Public(), ID: id}
	}
	one, two, none := []byte{1}, []byte{2}, []byte{}
	hidden := func(f *faulty) {
		f.attribute = func(kind uint) []byte {
			if kind == p11.CKA_MODULUS {
				return []byte{}
			}
			return nil
		}
	}
	const signs, refused, notAsked = "login1 sign logout", "login1 logout", ""
	for _, c := range []struct {
		name   string
		own    pair
		id     []byte // of the certificate
		keys   keys
		public public
		fault  func(f *faulty)
		reason Reason
		want   error
		calls  string
	}{
		{name: "as it should be", own: mine, id: one, keys: keys{{Key: mine.key, ID: one}, {Key: others.key, ID: two}}, calls: signs},
		{name: "two keys with one ID, mine last", own: mine, id: one, keys: keys{{Key: others.key, ID: one}, {Key: mine.key, ID: one}}, calls: signs},
		{name: "two keys with one ID, mine first", own: mine, id: one, keys: keys{{Key: mine.key, ID: one}, {Key: others.key, ID: one}}, calls: signs},
		{name: "key with another ID", own: mine, id: one, keys: keys{{Key: mine.key, ID: two}}, calls: signs},
		{name: "IDs exchanged", own: mine, id: one, keys: keys{{Key: others.key, ID: one}, {Key: mine.key, ID: two}}, calls: signs},
		{name: "no IDs at all", own: mine, id: none, keys: keys{{Key: others.key, ID: none}, {Key: mine.key, ID: none}}, calls: signs},
		{name: "certificate without an ID", own: mine, id: none, keys: keys{{Key: others.key, ID: one}, {Key: mine.key, ID: two}}, calls: signs},
		{name: "key without an ID", own: mine, id: one, keys: keys{{Key: mine.key, ID: none}}, calls: signs},
		{name: "the same key twice", own: mine, id: one, keys: keys{{Key: mine.key, ID: one}, {Key: mine.key, ID: one}}, calls: signs},
		{name: "public keys of all", own: mine, id: one, keys: keys{{Key: others.key, ID: one}, {Key: mine.key, ID: two}}, public: public{pub(others, one), pub(mine, two)}, calls: signs},
		{name: "public key of another card's key only", own: mine, id: one, keys: keys{{Key: mine.key, ID: one}, {Key: others.key, ID: two}}, public: public{pub(others, two)}, calls: signs},

		{name: "no key", own: mine, id: one, want: ErrNoKey, calls: refused},
		{name: "another's key only", own: mine, id: one, keys: keys{{Key: others.key, ID: one}}, want: ErrNoKey, calls: refused},
		{name: "another's key only, no IDs", own: mine, id: none, keys: keys{{Key: others.key, ID: none}}, want: ErrNoKey, calls: refused},
		{name: "another's key only, with its public key", own: mine, id: one, keys: keys{{Key: others.key, ID: one}}, public: public{pub(others, one)}, reason: NoKey, want: ErrNoKey, calls: notAsked},

		{name: "modulus not readable", own: mine, id: one, keys: keys{{Key: mine.key, ID: one}, {Key: others.key, ID: two}}, fault: hidden, calls: signs},
		{name: "modulus not readable, two with one ID", own: mine, id: one, keys: keys{{Key: mine.key, ID: one}, {Key: others.key, ID: one}}, fault: hidden, want: ErrNoKey, calls: refused},
		{name: "modulus not readable, two with one ID, one for signatures", own: mine, id: one, keys: keys{{Key: others.key, ID: one, NotSign: true}, {Key: mine.key, ID: one}}, fault: hidden, calls: signs},
		{name: "modulus not readable, no IDs", own: mine, id: none, keys: keys{{Key: mine.key, ID: none}, {Key: others.key, ID: none}}, fault: hidden, want: ErrNoKey, calls: refused},

		// SoftHSM says nothing of the point of a private key.
		{name: "on a curve", own: mineEC, id: one, keys: keys{{Key: mineEC.key, ID: one}, {Key: othersEC.key, ID: two}}, calls: signs},
		{name: "on a curve, the public key tells", own: mineEC, id: one, keys: keys{{Key: othersEC.key, ID: one}, {Key: mineEC.key, ID: two}}, public: public{pub(othersEC, one), pub(mineEC, two)}, calls: signs},
		{name: "on a curve, beside an RSA key", own: mineEC, id: one, keys: keys{{Key: others.key, ID: one}, {Key: mineEC.key, ID: one}}, calls: signs},
		{name: "on a curve, beside another curve", own: mineEC, id: one, keys: keys{{Key: others384.key, ID: one}, {Key: mineEC.key, ID: one}}, calls: signs},
		{name: "on a curve, two with one ID", own: mineEC, id: one, keys: keys{{Key: othersEC.key, ID: one}, {Key: mineEC.key, ID: one}}, want: ErrNoKey, calls: refused},
		{name: "on a curve, another's public key", own: mineEC, id: one, keys: keys{{Key: othersEC.key, ID: one}}, public: public{pub(othersEC, one)}, reason: NoKey, want: ErrNoKey, calls: notAsked},

		{name: "another's open key with the ID", own: mine, id: one, keys: keys{{Key: others.key, ID: one, Open: true}, {Key: mine.key, ID: one}}, calls: signs},
		{name: "my open key with another ID", own: mine, id: one, keys: keys{{Key: mine.key, ID: two, Open: true}}, reason: KeyWithoutPIN, want: ErrKeyWithoutPIN, calls: notAsked},
		{name: "my open key without IDs", own: mine, id: none, keys: keys{{Key: mine.key, ID: none, Open: true}}, reason: KeyWithoutPIN, want: ErrKeyWithoutPIN, calls: notAsked},
		{name: "module that shows private keys before a login", own: mine, id: one, keys: keys{{Key: others.key, ID: two, Open: true}}, reason: NoKey, want: ErrNoKey, calls: notAsked,
			fault: func(f *faulty) {
				f.attribute = func(kind uint) []byte {
					if kind == p11.CKA_PRIVATE {
						return []byte{1}
					}
					return nil
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, f := ownToken(t, func(card *cardobjects.Card) error {
				return errors.Join(putCertificate(card, c.own, c.id), card.PutKeys(c.keys...), card.PutPublicKeys(c.public...))
			})
			if c.fault != nil {
				c.fault(f)
			}
			s, err := p.List(t.Context())
			if err != nil || len(s.Certificates) != 1 {
				t.Fatalf("%d certificates, %v", len(s.Certificates), err)
			}
			if got := s.Certificates[0].Reason; got != c.reason {
				t.Errorf("reason %q, want %q", got, c.reason)
			}
			asked := 0
			signature, err := p.Sign(t.Context(), request(s.Certificates[0], democard.PIN, &asked))
			if !errors.Is(err, c.want) || err == nil && c.want != nil {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if err == nil {
				verify(t, signature)
			}
			if f.record() != c.calls || asked > 1 || (asked == 0) != (c.calls == notAsked) {
				t.Errorf("calls %q, want %q; asked %d", f.record(), c.calls, asked)
			}
		})
	}
}

// That a login found no key is remembered while the card stays: nobody is asked for
// a PIN for nothing twice.
func TestKeyMissingIsRemembered(t *testing.T) {
	p, f, pc := observing(t)
	c := authentication(t, p, "cps")
	opened := false
	f.login = func(uint, []byte) error { opened = true; return nil }
	f.find = func(found []p11.ObjectHandle) []p11.ObjectHandle {
		if opened {
			return nil
		}
		return found
	}
	_, err := p.Sign(t.Context(), request(c, democard.PIN, nil))
	mustBe(t, err, ErrNoKey)
	reason := func() Reason { return authenticationIn(t, current(t, p), "cps").Reason }
	if got := reason(); got != NoKey {
		t.Errorf("afterwards %q", got)
	}
	opened = false
	pc.swap(c.Slot.Description)
	pc.publish()
	if got := reason(); got != Usable {
		t.Errorf("after the card came back: %q", got)
	}
}
