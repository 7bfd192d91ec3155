package badcerts

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"os/exec"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// The standard library refuses them all; a version that takes one makes its row needless.
func TestRefused(t *testing.T) {
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all, err := All(pki.Intermediate, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		_, err := x509.ParseCertificate(c.DER)
		if err == nil {
			t.Errorf("%s: accepted", c.Name)
		}
		cmd := exec.Command("openssl", "x509", "-inform", "DER", "-noout", "-subject", "-serial")
		cmd.Stdin = bytes.NewReader(c.DER)
		out, read := cmd.CombinedOutput()
		if (read == nil) != c.OpenSSL {
			t.Errorf("%s: OpenSSL: %v\n%s", c.Name, read, out)
		}
		t.Logf("%s: %v", c.Name, err)
	}
}
