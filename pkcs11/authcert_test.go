package pkcs11

import (
	"crypto/x509"
	"testing"
)

// What no site takes is not offered for a login: the person would type a PIN for
// nothing. No key is looked for either.
func TestWhatNoSiteAcceptsIsNotUsable(t *testing.T) {
	for name, c := range map[string]x509.Certificate{
		"any extended key usage": {KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}},
		"signature":              {KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment},
		"authority":              {KeyUsage: x509.KeyUsageDigitalSignature, IsCA: true},
	} {
		if got, err := (&objects{}).reason(Certificate{X509: &c}); got != NotForAuthentication || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
