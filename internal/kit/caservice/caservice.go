// Package caservice is the service by which the demonstration's authorities say which
// certificates they revoked: revocation lists, whole and as deltas, and OCSP responders,
// over HTTP. It can be told to behave as such services do when something is wrong with
// them. cpx-card offers it to people, and the tests use it too.
//
// It is for demonstration authorities alone, whose keys it has. A Service may be used
// concurrently. It forgets what it was told when it ends.
package caservice

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// The paths at which it answers.
const (
	rootList         = "/root.crl"
	intermediateList = "/intermediate.crl"
	deltaList        = "/intermediate-delta.crl"
	rootOCSP         = "/ocsp/root"
	intermediateOCSP = "/ocsp/intermediate"
)

// Addresses are the services that certificates name, where the service is reached at base.
func Addresses(base string) (ofRoot, ofIntermediate demopki.Services) {
	return demopki.Services{CRL: []string{base + rootList}, OCSP: []string{base + rootOCSP}},
		demopki.Services{CRL: []string{base + intermediateList}, Delta: []string{base + deltaList}, OCSP: []string{base + intermediateOCSP}}
}

// Options describe a Service.
type Options struct {
	PKI *demopki.PKI
	// Find finds the certificates of a card, or of an authority, by a word of a command.
	Find func(word string) ([]*x509.Certificate, error)
	// Validity is for how long lists and answers hold; 0 is an hour.
	Validity time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service is an http.Handler.
type Service struct {
	o          Options
	responders map[string]*demopki.Authority // by the path
	stray      *ecdsa.PrivateKey             // signs what is signed by the wrong one

	mu      sync.Mutex
	number  int64 // of the last list
	began   int64 // less than the number of every complete list
	revoked map[string]revocation
	faults  map[kind]fault
	lists   map[string]*made
	asked   map[kind]int
}

// kind is one of the two that can be told to misbehave by itself.
type kind string

const (
	lists kind = "crl"
	ocsps kind = "ocsp"
)

// revocation is a certificate that was revoked, or that is no more (removeFromCRL).
type revocation struct {
	cert  *x509.Certificate
	since time.Time
	code  int
}

// New makes a Service, by which nobody is revoked.
func New(o Options) (*Service, error) {
	if o.Validity == 0 {
		o.Validity = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{
		o: o, responders: map[string]*demopki.Authority{}, revoked: map[string]revocation{},
		faults: map[kind]fault{}, lists: map[string]*made{}, asked: map[kind]int{},
	}
	s.began = o.Now().UnixMilli() - 1
	var err error
	if s.stray, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	for path, by := range map[string]*demopki.Authority{rootOCSP: o.PKI.Root, intermediateOCSP: o.PKI.Intermediate} {
		if s.responders[path], err = newResponder(by, o.Now()); err != nil {
			return nil, fmt.Errorf("caservice: %w", err)
		}
	}
	return s, nil
}

// newResponder makes a responder with a key of its own, as authorities do (RFC 6960,
// 4.2.2.2), whose certificate needs no check itself.
func newResponder(by *demopki.Authority, now time.Time) (*demopki.Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: by.Cert.Subject, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, BasicConstraintsValid: true,
	}
	template.Subject.CommonName += " OCSP"
	template.ExtraExtensions = noCheck
	der, err := x509.CreateCertificate(rand.Reader, template, by.Cert, key.Public(), by.Key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &demopki.Authority{Cert: cert, Key: key}, err
}

// ServeHTTP answers for lists and responders.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	of := ocsps
	switch r.URL.Path {
	case rootList, intermediateList, deltaList:
		of = lists
	case rootOCSP, intermediateOCSP:
	default:
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	s.asked[of]++
	f := s.faults[of]
	s.mu.Unlock()
	if f.name == slow {
		select {
		case <-time.After(f.delay):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case f.name == unreachable:
		panic(http.ErrAbortHandler) // ends the connection without an answer
	case f.name == page:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!DOCTYPE html><title>TEST</title><p>This network wants a login first.</p>")
	case of == lists:
		s.serveList(w, r, f)
	default:
		s.serveOCSP(w, r, f)
	}
}

// signer is whose key signs under a fault.
func (s *Service) signer(f fault, key crypto.Signer) crypto.Signer {
	if f.name == wrongSigner {
		return s.stray
	}
	return key
}
