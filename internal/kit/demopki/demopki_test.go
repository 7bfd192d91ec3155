package demopki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func issue(t *testing.T, authority *Authority, holder Holder, usage Usage) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Issue(Leaf{
		Holder: holder, Usage: usage, NotBefore: now, NotAfter: now.Add(time.Hour), PublicKey: key.Public(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestChains(t *testing.T) {
	pki, err := New(now)
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := pki.NewIntermediate(now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pki.Root.Cert)
	for name, authority := range map[string]*Authority{"first": pki.Intermediate, "renewed": renewed} {
		under := func(a *Authority) error {
			intermediates := x509.NewCertPool()
			intermediates.AddCert(a.Cert)
			_, err := issue(t, authority, NewHolder("CPS", 1), Authentication).Verify(x509.VerifyOptions{
				Roots: roots, Intermediates: intermediates, CurrentTime: now,
				KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			})
			return err
		}
		if err := under(authority); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		other := renewed
		if authority == renewed {
			other = pki.Intermediate
		}
		if under(other) == nil {
			t.Errorf("%s: verified under the other intermediate", name)
		}
	}
}

func TestLeafIsLikeACards(t *testing.T) {
	pki, err := New(now)
	if err != nil {
		t.Fatal(err)
	}
	for usage, want := range map[Usage]struct {
		keyUsage x509.KeyUsage
		eku      int
		policy   string
	}{
		Authentication: {x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, 1, PolicyAuthentication},
		Signature:      {x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, 0, PolicySignature},
		Technical:      {x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, 0, PolicyTechnical},
	} {
		cert := issue(t, pki.Intermediate, NewHolder("CPF", 2), usage)
		policies := make([]string, len(cert.Policies))
		for i, p := range cert.Policies {
			policies[i] = p.String()
		}
		if cert.KeyUsage != want.keyUsage || len(cert.ExtKeyUsage) != want.eku ||
			!slices.Equal(policies, []string{want.policy, "2.999.20.1"}) {
			t.Errorf("usage %d: %b, %v, %v", usage, cert.KeyUsage, cert.ExtKeyUsage, policies)
		}
	}
}

// A person's RDN has several attributes; a service card's subject has no person's.
func TestSubjects(t *testing.T) {
	pki, err := New(now)
	if err != nil {
		t.Fatal(err)
	}
	longest := func(holder Holder) int {
		var name pkix.RDNSequence
		cert := issue(t, pki.Intermediate, holder, Authentication)
		if _, err := asn1.Unmarshal(cert.RawSubject, &name); err != nil {
			t.Fatal(err)
		}
		most := 0
		for _, rdn := range name {
			most = max(most, len(rdn))
		}
		return most
	}
	if got := longest(NewHolder("CPS", 1)); got != 3 {
		t.Errorf("CPS: RDN of %d attributes, want 3", got)
	}
	if got := longest(NewUnnamedHolder(1)); got != 1 {
		t.Errorf("unnamed CPE: RDN of %d attributes, want 1", got)
	}
	first, second := NewHolder("CPS", 1), NewHolder("CPS", 1)
	if first != second || first.Identifier == NewHolder("CPS", 2).Identifier {
		t.Error("two holders of one kind do not differ by their number alone")
	}
}
