// Package localcert makes and stores the certificate with which the agent serves
// wss on this machine, for the one browser that needs it (Safari): a leaf for
// localhost, 127.0.0.1 and ::1, and a CA that may sign for nothing else.
//
// The CA's key is gone before anything trusts the CA. The leaf's key is in the
// keyring and nowhere else. Only [Store.Install] and [Store.Remove] establish and
// withdraw trust, when a person asks: nothing here runs by itself. Which store is to
// trust what is recorded first, so that trust can always be withdrawn. A Store may be
// used from any goroutine and by several processes.
package localcert

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"time"
)

const (
	// Lifetime is that of both certificates: browsers and Apple refuse longer ones.
	Lifetime = 397 * 24 * time.Hour
	// Renewal is how long before the end a person is asked to renew.
	Renewal = 30 * 24 * time.Hour

	backdate = 5 * time.Minute // clocks differ
	name     = "CPx Bridge localhost"
)

// Why there is no certificate to serve with, or why it is not trusted.
var (
	ErrNotInstalled = errors.New("localcert: no certificate is installed")
	ErrExpired      = errors.New("localcert: the certificate is not valid any more")
	ErrKeyLost      = errors.New("localcert: the certificate's key is not in the keyring any more")
	ErrDamaged      = errors.New("localcert: the certificate's file or record is damaged")
	ErrNoStore      = errors.New("localcert: no store of trusted certificates was found")
	ErrNoTool       = errors.New("localcert: certutil is not installed")
	ErrTrust        = errors.New("localcert: a store did not take the certificate")
	ErrStillTrusted = errors.New("localcert: a certificate is still trusted")
	ErrLost         = errors.New("localcert: the record is damaged, and a certificate in it not known any more")
)

// Keys stores the leaf's key, as keyring.Ring does.
type Keys interface {
	Get(ctx context.Context, account string) (string, error)
	Set(ctx context.Context, account, secret string) error
	Delete(ctx context.Context, account string) error
}

// pair is a leaf with the CA that signed it.
type pair struct {
	ca, leaf []byte // DER
	key      *ecdsa.PrivateKey
}

// id names the pair: the SHA-256 of its CA.
func (p pair) id() string {
	sum := sha256.Sum256(p.ca)
	return hex.EncodeToString(sum[:])
}

// authority is a CA that still has its key.
type authority struct {
	der  []byte
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// makePair makes both. Nothing holds the CA's key once it returns.
func makePair(now time.Time) (pair, error) {
	ca, err := newAuthority(now)
	if err != nil {
		return pair{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	leaf, err := ca.issue(key, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback})
	return pair{ca: ca.der, leaf: leaf, key: key}, err
}

// newAuthority makes the CA. Its name constraints are critical: a verifier that
// does not know them has to refuse it. The serial number is in its name too, because
// NSS mistakes two certificates of one name for the same.
func newAuthority(now time.Time) (*authority, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	begin := now.Add(-backdate).Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, SerialNumber: serial.Text(16)},
		// A certificate's last second counts (RFC 5280, 4.1.2.5).
		NotBefore: begin, NotAfter: begin.Add(Lifetime - time.Second),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		// For servers only: the constraints do not cover other kinds of names.
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"localhost"},
		PermittedIPRanges: []*net.IPNet{
			{IP: net.IPv4(127, 0, 0, 1).To4(), Mask: net.CIDRMask(32, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
	}
	a := &authority{key: key}
	if a.der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		return nil, err
	}
	a.cert, err = x509.ParseCertificate(a.der)
	return a, err
}

func (a *authority) issue(key *ecdsa.PrivateKey, names []string, addresses []net.IP) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: names, IPAddresses: addresses,
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
}
