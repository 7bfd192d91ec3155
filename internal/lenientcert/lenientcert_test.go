package lenientcert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
)

func pki(t testing.TB) (*demopki.PKI, *ecdsa.PrivateKey) {
	t.Helper()
	made, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// Of what the standard library refuses, the person is shown all the same.
func TestHolderIsShown(t *testing.T) {
	made, key := pki(t)
	all, err := badcerts.All(made.Intermediate, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		read, ok := Read(c.DER)
		if !ok {
			t.Errorf("%s: not read", c.Name)
			continue
		}
		p := cps.Parse(read, cps.DemoRules())
		if p.DisplayName() != c.Holder || p.Identifier != "899700000001" || p.Profession != "Pharmacien" || p.Kind != "CPS" {
			t.Errorf("%s: %q %q %q %q", c.Name, p.DisplayName(), p.Identifier, p.Profession, p.Kind)
		}
		if years := read.NotAfter.Sub(read.NotBefore).Hours() / 24 / 365; years < 2.9 || years > 3.1 {
			t.Errorf("%s: from %s to %s", c.Name, read.NotBefore, read.NotAfter)
		}
		if read.IsCA || read.PublicKey != nil || read.KeyUsage != 0 {
			t.Errorf("%s: more than is shown", c.Name)
		}
	}
}

// What the standard library reads, it reads no other way.
func TestAsTheLibrary(t *testing.T) {
	made, key := pki(t)
	leaf, err := made.Intermediate.Issue(demopki.Leaf{Holder: demopki.NewUnnamedHolder(1), NotBefore: time.Now(), NotAfter: time.Now().AddDate(60, 0, 0), PublicKey: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*x509.Certificate{made.Root.Cert, made.Intermediate.Cert, leaf} {
		read, ok := Read(c.Raw)
		if !ok {
			t.Fatalf("%s: not read", c.Subject)
		}
		same := cps.Parse(read, cps.DemoRules()).DisplayName() == cps.Parse(c, cps.DemoRules()).DisplayName() && read.SerialNumber.Cmp(c.SerialNumber) == 0 &&
			read.NotBefore.Equal(c.NotBefore) && read.NotAfter.Equal(c.NotAfter) && read.IsCA == c.IsCA &&
			slices.EqualFunc(read.Policies, c.Policies, x509.OID.Equal)
		if !same {
			t.Errorf("%s: %+v", c.Subject, read)
		}
	}
}

// A CA's certificate whose BOOLEAN is 01 is one of a CA all the same.
func TestAuthority(t *testing.T) {
	made, _ := pki(t)
	der := bytes.Replace(made.Root.Cert.Raw, []byte{0x30, 0x06, 0x01, 0x01, 0xff}, []byte{0x30, 0x06, 0x01, 0x01, 0x01}, 1)
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Error("the library reads it")
	}
	if c, ok := Read(der); !ok || !c.IsCA {
		t.Errorf("%v %+v", ok, c)
	}
}

func TestNotACertificate(t *testing.T) {
	for _, der := range [][]byte{nil, {0x30}, {0x30, 0x80, 0, 0}, {0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, []byte("TEST"), {0x30, 0x02, 0x30, 0x00}, {0x30, 0x00, 0x00}} {
		if c, ok := Read(der); ok {
			t.Errorf("%x: %+v", der, c)
		}
	}
}

// FuzzRead: a name that is read is DER, no key comes with it, and of a certificate that
// the library reads too, the person is the same.
func FuzzRead(f *testing.F) {
	made, key := pki(f)
	all, err := badcerts.All(made.Intermediate, key.Public())
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range all {
		f.Add(c.DER)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		var c *x509.Certificate
		var ok bool
		if spent := fuzzing.Spent(func() { c, ok = Read(der) }); spent > fuzzing.Air+500*uint64(len(der)) {
			t.Errorf("%d bytes for a certificate of %d", spent, len(der))
		}
		strict, err := x509.ParseCertificate(der)
		if !ok {
			if err == nil {
				t.Errorf("the library reads %x", der)
			}
			return
		}
		for _, name := range [][]byte{c.RawSubject, c.RawIssuer} {
			var sequence asn1.RawValue
			if rest, err := asn1.Unmarshal(name, &sequence); err != nil || len(rest) > 0 {
				t.Errorf("a name that is not DER: %x: %v", name, err)
			}
		}
		person := cps.Parse(c, cps.DemoRules())
		if c.PublicKey != nil || !bytes.Equal(c.Raw, der) {
			t.Errorf("%+v", c)
		}
		if err != nil {
			return
		}
		other := cps.Parse(strict, cps.DemoRules())
		if person.DisplayName() != other.DisplayName() || person.Identifier != other.Identifier || person.Kind != other.Kind || person.Test != other.Test || c.IsCA != strict.IsCA ||
			!c.NotBefore.Equal(strict.NotBefore) || !c.NotAfter.Equal(strict.NotAfter) {
			t.Errorf("%+v, %s to %s, %v; the library: %+v, %s to %s, %v", person, c.NotBefore, c.NotAfter, c.IsCA, other, strict.NotBefore, strict.NotAfter, strict.IsCA)
		}
	})
}
