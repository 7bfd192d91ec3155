package attack

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

func line26() []Attack {
	return []Attack{{Line: 26, Title: "trusted issuers of other things issue cards", Short: true, Play: foreignIssuers}}
}

// foreignIssuers has authorities below the portal's own root, which issue other things,
// issue cards.
func foreignIssuers(w *World, r *Record) error {
	pki, err := democard.OpenPKI(w.Path("card/ca"), time.Now())
	if err != nil {
		return err
	}
	policy := func(dotted string) []x509.OID {
		oid, _ := x509.ParseOID(dotted) // of the literals below
		return []x509.OID{oid}
	}
	type issuer struct {
		name, reason string
		above        *demopki.Authority
		change       func(*x509.Certificate)
		authority    *demopki.Authority
	}
	issuers := []*issuer{
		{"for authentication", "", pki.Root, func(c *x509.Certificate) {
			c.ExtKeyUsage, c.Policies = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, policy(demopki.PolicyAuthentication)
		}, nil},
		{"for mail", "issuer_not_allowed", pki.Root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }, nil},
		{"of another policy", "issuer_not_allowed", pki.Root, func(c *x509.Certificate) { c.Policies = policy("2.999.10.9") }, nil},
		{"below one that may have none", "issuer_not_allowed", pki.Intermediate, func(*x509.Certificate) {}, nil},
		{"of names elsewhere", "issuer_not_allowed", pki.Root, func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"autre.example"} }, nil},
		{noAuthority, "untrusted_ca", pki.Root, func(c *x509.Certificate) { c.IsCA = false }, nil},
		{"that has expired", "untrusted_ca", pki.Root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, nil},
	}
	var added, none bytes.Buffer
	for i, x := range issuers {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: "TEST AC " + x.name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		x.change(template)
		der, err := x509.CreateCertificate(rand.Reader, template, x.above.Cert, key.Public(), x.above.Key)
		if err != nil {
			return err
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		x.authority = &demopki.Authority{Cert: cert, Key: key}
		to := &added
		if x.name == noAuthority {
			to = &none
		}
		if err := pem.Encode(to, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return err
		}
	}
	err = w.trusts(none.Bytes())
	refused := err != nil && strings.Contains(err.Error(), "is no authority's certificate")
	r.Check(refused, "a portal that is to trust an issuer "+noAuthority, "%v", err)
	if err := w.trusts(added.Bytes()); err != nil {
		return err
	}
	for i, x := range issuers {
		card, err := issuedCard(x.authority, i+1)
		if err != nil {
			return err
		}
		before := w.PortalLog("reason=" + x.reason + " ")
		got, err := w.visitor().login(card)
		if err != nil {
			return err
		}
		logged := x.reason == "" || w.PortalLog("reason="+x.reason+" ") == before+1
		r.Check(got.Reason == x.reason && logged, "a card of an issuer "+x.name, "%d %s, in the log: %v", got.Status, got.Reason+got.Next, logged)
	}
	return nil
}

// noAuthority is an issuer that no portal takes among its authorities.
const noAuthority = "that is no authority"

// trusts adds authorities to those that the portal trusts to issue, and starts it anew. Where
// it does not start with them, they are taken away again, and it is stopped.
func (w *World) trusts(authorities []byte) error {
	file := w.Path("card/ca/intermediate.pem")
	own, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, slices.Concat(own, authorities), 0o600); err != nil {
		return err
	}
	if w.Portal != nil {
		if err := errors.Join(w.Portal.Signal(os.Interrupt), w.Portal.Wait()); err != nil {
			return err
		}
	}
	if w.Portal, err = w.StartPortal(w.Context); err != nil {
		w.Portal = nil
		return errors.Join(err, os.WriteFile(file, own, 0o600))
	}
	return nil
}

// issuedCard is a card of that authority, with a name that no other one states.
func issuedCard(by *demopki.Authority, n int) (ownCard, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ownCard{}, err
	}
	policies := make([]x509.OID, 0, 1)
	oid, err := x509.ParseOID(demopki.PolicyAuthentication)
	if err != nil {
		return ownCard{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(100 + n)), Subject: pkix.Name{CommonName: fmt.Sprintf("8997000%05d", n)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		Policies: append(policies, oid), EmailAddresses: []string{"test@sante.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Cert, key.Public(), by.Key)
	if err != nil {
		return ownCard{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return ownCard{cert, key}, err
}
