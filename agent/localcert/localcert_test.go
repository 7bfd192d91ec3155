package localcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

func parse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verify(ca, leaf *x509.Certificate, name string, at time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: at})
	return err
}

func TestPair(t *testing.T) {
	now := time.Now()
	p, err := makePair(now)
	if err != nil {
		t.Fatal(err)
	}
	ca, leaf := parse(t, p.ca), parse(t, p.leaf)
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := verify(ca, leaf, name, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"localhost.localdomain", "127.0.0.2", "example.fr"} {
		if verify(ca, leaf, name, now) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, c := range []*x509.Certificate{ca, leaf} {
		if got := c.NotAfter.Sub(c.NotBefore) + time.Second; got != 397*24*time.Hour {
			t.Errorf("%s is valid for %v", c.Subject, got)
		}
	}
	end := leaf.NotAfter
	if verify(ca, leaf, "localhost", end) != nil || verify(ca, leaf, "localhost", end.Add(time.Second)) == nil {
		t.Errorf("the end is not at %v", end)
	}
	if !ca.PermittedDNSDomainsCritical || !ca.IsCA || !ca.MaxPathLenZero || leaf.IsCA {
		t.Errorf("%+v", ca)
	}
	other, err := makePair(now)
	if err != nil || string(other.ca) == string(p.ca) || parse(t, other.ca).Subject.String() == ca.Subject.String() {
		t.Errorf("two pairs have one name, which NSS would mistake for one pair: %v", err)
	}
}

// TestConstraints: even before the CA's key is thrown away, nothing that it signs
// for another name is accepted.
func TestConstraints(t *testing.T) {
	now := time.Now()
	ca, err := newAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	openssl := need.Program(t, "openssl")
	dir := t.TempDir()
	caFile := writePEM(t, dir, "ca.pem", ca.der)
	for _, c := range []struct {
		name     string
		ip       net.IP
		accepted bool
	}{
		{"localhost", nil, true}, {"", net.IPv4(127, 0, 0, 1), true}, {"", net.IPv6loopback, true},
		{"portail.example.fr", nil, false}, {"localhost.example.fr", nil, false},
		{"", net.IPv4(127, 0, 0, 2), false}, {"", net.IPv4(192, 0, 2, 1), false}, {"", net.ParseIP("2001:db8::1"), false},
	} {
		var names []string
		var ips []net.IP
		asked, flag := c.name, "-verify_hostname"
		if c.ip != nil {
			ips, asked, flag = []net.IP{c.ip}, c.ip.String(), "-verify_ip"
		} else {
			names = []string{c.name}
		}
		der, err := ca.issue(key, names, ips)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(ca.cert, parse(t, der), asked, now); (err == nil) != c.accepted {
			t.Errorf("Go: %s: %v", asked, err)
		}
		out, err := exec.Command(openssl, "verify", "-x509_strict", "-purpose", "sslserver", flag, asked, "-CAfile", caFile, writePEM(t, dir, "leaf.pem", der)).CombinedOutput()
		if (err == nil) != c.accepted || (!c.accepted && !strings.Contains(string(out), "subtree violation")) {
			t.Errorf("openssl: %s: %v %s", asked, err, out)
		}
	}
}

func writePEM(t *testing.T, dir, name string, der []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
