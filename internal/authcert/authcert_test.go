package authcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"
)

// issued is the template's certificate as it would be read from a card.
func issued(t *testing.T, template x509.Certificate) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotAfter = big.NewInt(1), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheck(t *testing.T) {
	const signs = x509.KeyUsageDigitalSignature
	type usages = []x509.ExtKeyUsage
	const client, any, server = x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageAny, x509.ExtKeyUsageServerAuth
	logon := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 2} // Microsoft's smart card logon
	for name, c := range map[string]struct {
		template x509.Certificate
		want     error
	}{
		"authentication":           {x509.Certificate{KeyUsage: signs, ExtKeyUsage: usages{client}}, nil},
		"and for encryption":       {x509.Certificate{KeyUsage: signs | x509.KeyUsageKeyEncipherment, ExtKeyUsage: usages{client}}, nil},
		"among others":             {x509.Certificate{KeyUsage: signs, ExtKeyUsage: usages{server, client, any}, UnknownExtKeyUsage: []asn1.ObjectIdentifier{logon}}, nil},
		"no extended one":          {x509.Certificate{KeyUsage: signs}, nil},
		"any":                      {x509.Certificate{KeyUsage: signs, ExtKeyUsage: usages{any}}, ErrExtendedKeyUsage},
		"any, and smart card":      {x509.Certificate{KeyUsage: signs, ExtKeyUsage: usages{any}, UnknownExtKeyUsage: []asn1.ObjectIdentifier{logon}}, ErrExtendedKeyUsage},
		"server":                   {x509.Certificate{KeyUsage: signs, ExtKeyUsage: usages{server}}, ErrExtendedKeyUsage},
		"smart card logon alone":   {x509.Certificate{KeyUsage: signs, UnknownExtKeyUsage: []asn1.ObjectIdentifier{logon}}, ErrExtendedKeyUsage},
		"signature":                {x509.Certificate{KeyUsage: signs | x509.KeyUsageContentCommitment}, ErrSignature},
		"signature and clientAuth": {x509.Certificate{KeyUsage: signs | x509.KeyUsageContentCommitment, ExtKeyUsage: usages{client}}, ErrSignature},
		"signature alone":          {x509.Certificate{KeyUsage: x509.KeyUsageContentCommitment}, ErrKeyUsage},
		"encryption":               {x509.Certificate{KeyUsage: x509.KeyUsageKeyEncipherment, ExtKeyUsage: usages{client}}, ErrKeyUsage},
		"no key usage":             {x509.Certificate{ExtKeyUsage: usages{client}}, ErrKeyUsage},
		"authority":                {x509.Certificate{KeyUsage: signs | x509.KeyUsageCertSign, ExtKeyUsage: usages{client}, IsCA: true, BasicConstraintsValid: true}, ErrAuthority},
	} {
		t.Run(name, func(t *testing.T) {
			c.template.BasicConstraintsValid = true
			cert := issued(t, c.template)
			if err := Check(cert); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if got := HasExtendedKeyUsage(cert); got != (len(c.template.ExtKeyUsage)+len(c.template.UnknownExtKeyUsage) > 0) {
				t.Errorf("has an extended key usage: %v", got)
			}
		})
	}
}
