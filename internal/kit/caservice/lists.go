package caservice

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"net/http"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// made is a list that was signed, until something changes or half its time is over.
type made struct {
	der []byte
	at  time.Time
}

func (s *Service) serveList(w http.ResponseWriter, r *http.Request, f fault) {
	s.mu.Lock()
	m, err := s.list(r.URL.Path, f)
	s.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256(m.der)
	w.Header().Set("Content-Type", "application/pkix-crl")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, "", m.at, bytes.NewReader(m.der))
}

// list returns the list of a path, which it signs anew where it must, with s.mu held.
func (s *Service) list(path string, f fault) (*made, error) {
	now := s.o.Now()
	if m := s.lists[path]; m != nil && now.Sub(m.at) < s.o.Validity/2 {
		return m, nil
	}
	by := s.o.PKI.Intermediate
	if path == rootList {
		by = s.o.PKI.Root
	}
	l := &x509.RevocationList{ThisUpdate: now, NextUpdate: now.Add(s.o.Validity), Number: s.next(now)}
	if path == deltaList {
		l.NextUpdate = now.Add(s.o.Validity / 4)
	}
	if f.name == expired {
		l.ThisUpdate, l.NextUpdate = now.Add(-2*time.Second), now.Add(-time.Second)
	}
	s.fill(l, path, by)
	if f.name == huge && path != deltaList {
		for range f.entries {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: randomNumber(), RevocationTime: now})
		}
	}
	signer := by
	if f.name == wrongSigner {
		// CreateRevocationList checks the key against the certificate's.
		signer = &demopki.Authority{Cert: strayCertificate(by.Cert, s.stray.Public()), Key: s.stray}
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, signer.Cert, signer.Key)
	if err != nil {
		return nil, err
	}
	m := &made{der, now}
	s.lists[path] = m
	return m, nil
}

// next is the number of the next list: larger than all before, also of an earlier run.
func (s *Service) next(now time.Time) *big.Int {
	s.number = max(s.number+1, now.UnixMilli())
	return big.NewInt(s.number)
}

var (
	oidDelta = asn1.ObjectIdentifier{2, 5, 29, 27}
	noCheck  = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}}
)

const removeFromCRL = 8

// fill puts the entries into a list: all that its authority revoked. A delta adds to the
// lists since the service began, when nobody was revoked, so that it has all those that are
// revoked too, and those that are no more (RFC 5280, 5.2.4).
func (s *Service) fill(l *x509.RevocationList, path string, by *demopki.Authority) {
	if path == deltaList {
		value, _ := asn1.Marshal(s.began)
		l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: oidDelta, Critical: true, Value: value})
	}
	for _, r := range s.revoked {
		if (r.code != removeFromCRL || path == deltaList) && bytes.Equal(r.cert.RawIssuer, by.Cert.RawSubject) {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: r.cert.SerialNumber, RevocationTime: r.since, ReasonCode: r.code})
		}
	}
}

func randomNumber() *big.Int {
	var bytes [16]byte
	_, _ = rand.Read(bytes[:]) // never fails
	bytes[0] |= 0x40
	bytes[0] &= 0x7f
	return new(big.Int).SetBytes(bytes[:])
}

// strayCertificate has an authority's name and another key.
func strayCertificate(of *x509.Certificate, key any) *x509.Certificate {
	return &x509.Certificate{Raw: of.Raw, RawSubject: of.RawSubject, Subject: of.Subject, KeyUsage: of.KeyUsage, SubjectKeyId: of.SubjectKeyId, PublicKey: key}
}
