package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// authority is a CA with its key. Its name is like those of the real ones, which a test
// PKI's, that begins with TEST, must not be.
type authority struct {
	*x509.Certificate
	key crypto.Signer
}

// issued makes a certificate under an authority, or one that signs itself where by is nil.
func issued(t *testing.T, by *authority, name string, change func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Country: []string{"FR"}, Organization: []string{"EXEMPLE (TEST)"}, CommonName: name},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(7, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

// nine are authorities shaped like the nine real ones, with the list in which they are known.
type nine struct {
	of    map[string]*authority // by the end of its name, such as "FORT PERSONNES" or "FORT"
	known []CA
}

const listOfFort = "http://crl.example.fr/ACR-FO.crl"

func newNine(t *testing.T) *nine {
	t.Helper()
	n := &nine{of: map[string]*authority{}}
	for _, level := range []string{"FORT", "STANDARD", "ELEMENTAIRE"} {
		cards := level != "ELEMENTAIRE"
		rootName := "AC RACINE EXEMPLE " + level
		root := issued(t, nil, rootName, nil)
		n.of[level] = root
		n.known = append(n.known, CA{Name: rootName, SHA256: Fingerprint(root.Certificate), Cards: cards})
		for _, whose := range []string{"PERSONNES", "ORGANISATIONS"} {
			name := "AC EXEMPLE " + level + " " + whose
			ca := issued(t, root, name, func(c *x509.Certificate) {
				c.MaxPathLenZero = true
				if level == "FORT" {
					c.CRLDistributionPoints = []string{listOfFort}
				}
			})
			n.of[level+" "+whose] = ca
			n.known = append(n.known, CA{Name: name, SHA256: Fingerprint(ca.Certificate), Issuer: rootName, Cards: cards && whose == "PERSONNES"})
		}
	}
	return n
}

// certificates are some of them, as read from files of their own.
func (n *nine) certificates(t *testing.T, names ...string) []Certificate {
	t.Helper()
	var list []Certificate
	for _, name := range names {
		ca, found := n.of[name]
		if !found {
			t.Fatalf("no %q", name)
		}
		list = append(list, Certificate{ca.Certificate, name + ".cer"})
	}
	return list
}

func asPEM(list ...*authority) []byte {
	var text []byte
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// settings writes a settings file into a folder of its own.
func settings(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "portal.toml")
	write(t, path, []byte(text))
	return path
}
