package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"
)

// answers are the answers of OCSP that still hold, in memory alone: each is of one card.
type answers struct {
	mu     sync.Mutex
	held   map[answerKey]answer
	asking map[answerKey]*question
}

// answerKey is a certificate, by its issuer's key and its number.
type answerKey [sha256.Size]byte

type answer struct {
	until time.Time
	err   error // nil: not revoked
}

// question is one that is being asked. ended closes when err is there.
type question struct {
	ended chan struct{}
	err   error
}

func (s subject) key() answerKey {
	h := sha256.New()
	h.Write(s.issuer.RawSubjectPublicKeyInfo)
	h.Write(s.cert.SerialNumber.Bytes())
	return answerKey(h.Sum(nil))
}

// heldAnswer answers from what a responder said before.
func (c *Checker) heldAnswer(s subject) error {
	if len(s.cert.OCSPServer) == 0 {
		return refuse(ReasonNoAddress, "the certificate names no OCSP responder")
	}
	c.answers.mu.Lock()
	defer c.answers.mu.Unlock()
	a, ok := c.answers.held[s.key()]
	if !ok || s.at.After(a.until) {
		return &Error{Reason: ReasonUnavailable, Address: s.cert.OCSPServer[0]}
	}
	return ofDepth(a.err, s.depth)
}

// ofDepth is the error with the certificate's position in this chain.
func ofDepth(err error, depth int) error {
	var said *RevokedError
	if !errors.As(err, &said) {
		return err
	}
	own := *said
	own.Depth = depth
	return &own
}

// askResponder asks the responders that the certificate names, or joins whoever does.
func (c *Checker) askResponder(ctx context.Context, s subject) error {
	if err := c.heldAnswer(s); err == nil || isRevoked(err) || reasonIs(err, ReasonNoAddress) {
		return err
	}
	key := s.key()
	c.answers.mu.Lock()
	q := c.answers.asking[key]
	if q == nil {
		q = &question{ended: make(chan struct{})}
		if !c.begin(func() { c.askAll(s, key, q) }) {
			c.answers.mu.Unlock()
			return &Error{Reason: ReasonClosed}
		}
		if c.answers.asking == nil {
			c.answers.asking = map[answerKey]*question{}
		}
		c.answers.asking[key] = q
	}
	c.answers.mu.Unlock()
	select {
	case <-q.ended:
		return ofDepth(q.err, s.depth)
	case <-ctx.Done():
		return &Error{ReasonTimeout, s.cert.OCSPServer[0], context.Cause(ctx)}
	}
}

// askAll asks one responder after the other, for Options.Wait in all.
func (c *Checker) askAll(s subject, key answerKey, q *question) {
	ctx, cancel := context.WithTimeout(c.ctx, c.o.Wait)
	defer cancel()
	unknown := &UnknownError{Depth: s.depth}
	var until time.Time
	for i, address := range s.cert.OCSPServer {
		end, _ := ctx.Deadline()
		one, ended := context.WithTimeout(ctx, time.Until(end)/time.Duration(len(s.cert.OCSPServer)-i))
		var err error
		until, err = c.askOCSP(one, address, s)
		ended()
		if q.err = err; err == nil || isRevoked(err) {
			break
		}
		unknown.Attempts = append(unknown.Attempts, at(address, err))
		q.err = unknown
	}
	c.answers.mu.Lock()
	delete(c.answers.asking, key)
	if q.err == nil || isRevoked(q.err) {
		c.remember(key, answer{until, q.err})
	}
	c.answers.mu.Unlock()
	close(q.ended)
}

// remember adds an answer, with c.answers.mu held. Where there are too many, those that
// have expired go, and else any.
func (c *Checker) remember(key answerKey, a answer) {
	if c.answers.held == nil {
		c.answers.held = map[answerKey]answer{}
	}
	if len(c.answers.held) >= maxAnswers {
		now := c.o.Now()
		for k, old := range c.answers.held {
			if now.After(old.until) {
				delete(c.answers.held, k)
			}
		}
		for k := range c.answers.held {
			if len(c.answers.held) < maxAnswers {
				break
			}
			delete(c.answers.held, k)
		}
	}
	c.answers.held[key] = a
}

// askOCSP asks one responder, and returns until when its answer holds.
func (c *Checker) askOCSP(ctx context.Context, address string, s subject) (time.Time, error) {
	if err := checkAddress(address); err != nil {
		return time.Time{}, err
	}
	request, err := ocsp.CreateRequest(s.cert, s.issuer, nil)
	if err != nil {
		return time.Time{}, refuse(ReasonNotAnAnswer, "no question can be made of the certificate: %w", err)
	}
	body, err := c.fetch.post(ctx, address, request)
	if err != nil {
		return time.Time{}, err
	}
	a, err := readAnswer(body, request, s.cert, s.issuer, c.o.Now(), c.o.Skew)
	if err != nil {
		return time.Time{}, err
	}
	if err := c.checkDelegate(ctx, a, s); err != nil {
		return time.Time{}, err
	}
	// Without nextUpdate there is always newer to be had (RFC 6960, 4.2.2.1). An answer is
	// remembered no longer than a list goes without being fetched.
	until := c.o.Now()
	if !a.NextUpdate.IsZero() {
		until = earlier(a.NextUpdate, until.Add(c.o.Refresh))
	}
	switch a.Status {
	case ocsp.Good:
		return until, nil
	case ocsp.Revoked:
		return until, &RevokedError{Since: a.RevokedAt.UTC(), Code: a.RevocationReason, Address: address}
	}
	return until, refuse(ReasonNotKnownThere, "the responder does not know the certificate")
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// readAnswer reads an answer and checks all of it but the status: that it is of the
// certificate that was asked for, recent, and signed by the issuer or whom it authorized
// (RFC 6960, 3.2).
func readAnswer(body, request []byte, cert, issuer *x509.Certificate, now time.Time, skew time.Duration) (*ocsp.Response, error) {
	if len(body) > maxAnswer {
		return nil, refuse(ReasonTooLarge, "%d bytes, at most %d", len(body), maxAnswer)
	}
	a, err := ocsp.ParseResponseForCert(body, cert, nil) // of several, which some responders send, the first of this number
	var said ocsp.ResponseError
	switch {
	case errors.As(err, &said):
		return nil, refuse(ReasonRefusedByServer, "the responder answered %s", said.Status)
	case err != nil:
		return nil, refuse(ReasonNotAnAnswer, "%w", err)
	}
	if err := checkIdentity(a, request); err != nil {
		return nil, err
	}
	if err := checkResponder(a, issuer, now); err != nil {
		return nil, err
	}
	switch {
	case a.ThisUpdate.After(now.Add(skew)):
		return nil, refuse(ReasonNotYetValid, "the answer is of %s: compare the clocks", a.ThisUpdate.UTC().Format(time.RFC3339))
	case !a.NextUpdate.IsZero() && now.After(a.NextUpdate):
		return nil, refuse(ReasonExpired, "the answer held until %s", a.NextUpdate.UTC().Format(time.RFC3339))
	case a.NextUpdate.IsZero() && now.After(a.ThisUpdate.Add(skew)):
		return nil, refuse(ReasonExpired, "the answer does not say until when it holds, and is of %s", a.ThisUpdate.UTC().Format(time.RFC3339))
	}
	return a, nil
}

// responseData is as much of ResponseData (RFC 6960, 4.2.1) as x/crypto/ocsp does not show:
// the whole CertID and the extensions.
type responseData struct {
	Version    int `asn1:"optional,default:0,explicit,tag:0"`
	Responder  asn1.RawValue
	ProducedAt time.Time `asn1:"generalized"`
	Responses  []struct {
		ID certID
	}
	Extensions []pkixExtension `asn1:"explicit,tag:1,optional"`
}

type certID struct {
	Algorithm asn1.RawValue
	Name, Key []byte
	Number    *big.Int
}

// checkIdentity compares the certificate that the answer is of with the one asked for: a
// responder may serve several issuers, which may number alike. An answer may be of several
// certificates, and of one number once.
func checkIdentity(a *ocsp.Response, request []byte) error {
	asked, err := ocsp.ParseRequest(request)
	if err != nil {
		return refuse(ReasonNotAnAnswer, "%w", err)
	}
	var data responseData
	if _, err := asn1.Unmarshal(a.TBSResponseData, &data); err != nil {
		return refuse(ReasonNotAnAnswer, "its certificates cannot be read")
	}
	for _, e := range data.Extensions {
		if e.Critical {
			return refuse(ReasonCriticalExtension, "the answer has %s, which is not understood", e.Id)
		}
	}
	numbered, same := 0, 0
	for _, one := range data.Responses {
		if one.ID.Number.Cmp(asked.SerialNumber) != 0 {
			continue
		}
		numbered++
		if bytes.Equal(one.ID.Name, asked.IssuerNameHash) && bytes.Equal(one.ID.Key, asked.IssuerKeyHash) {
			same++
		}
	}
	if numbered != 1 || same != 1 || a.IssuerHash != asked.HashAlgorithm || a.SerialNumber.Cmp(asked.SerialNumber) != 0 {
		return refuse(ReasonNotAnAnswer, "the answer is of another certificate")
	}
	return nil
}

// checkResponder checks who signed the answer: the issuer itself, or one whom it made a
// certificate for this (RFC 6960, 4.2.2.2).
func checkResponder(a *ocsp.Response, issuer *x509.Certificate, now time.Time) error {
	switch a.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA, x509.DSAWithSHA1:
		return refuse(ReasonWeakSignature, "signed with %s", a.SignatureAlgorithm)
	}
	signer := a.Certificate // whose signature of the answer was checked
	if signer == nil || bytes.Equal(signer.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo) {
		if err := checkKey(issuer); err != nil {
			return err
		}
		if err := a.CheckSignatureFrom(issuer); err != nil {
			return refuse(ReasonBadSignature, "%w", err)
		}
		return nil
	}
	if err := checkKey(signer); err != nil {
		return err
	}
	switch {
	case !bytes.Equal(signer.RawIssuer, issuer.RawSubject):
		return refuse(ReasonResponder, "signed by one whose certificate is of another issuer")
	case signer.SignatureAlgorithm == x509.SHA1WithRSA || signer.SignatureAlgorithm == x509.ECDSAWithSHA1:
		return refuse(ReasonWeakSignature, "its signer's certificate is signed with %s", signer.SignatureAlgorithm)
	case now.Before(signer.NotBefore) || now.After(signer.NotAfter):
		return refuse(ReasonResponder, "its signer's certificate is not valid now")
	case !allows(signer, x509.ExtKeyUsageOCSPSigning):
		return refuse(ReasonResponder, "its signer's certificate is not for OCSP")
	case signer.KeyUsage != 0 && signer.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return refuse(ReasonResponder, "its signer's certificate is not for signatures")
	case len(signer.UnhandledCriticalExtensions) > 0:
		return refuse(ReasonCriticalExtension, "its signer's certificate has %s, which is not understood", signer.UnhandledCriticalExtensions[0])
	}
	if err := signer.CheckSignatureFrom(issuer); err != nil {
		return refuse(ReasonResponder, "its signer's certificate: %w", err)
	}
	return nil
}

var oidNoCheck = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}

// checkDelegate asks the lists that a responder's certificate names whether it is revoked,
// unless its issuer says that there is no need (RFC 6960, 4.2.2.2.1). One that names no list
// is believed while it is valid.
func (c *Checker) checkDelegate(ctx context.Context, a *ocsp.Response, s subject) error {
	if a.Certificate == nil || bytes.Equal(a.Certificate.RawSubjectPublicKeyInfo, s.issuer.RawSubjectPublicKeyInfo) ||
		extension(a.Certificate, oidNoCheck) != nil || len(c.pointsOf(a.Certificate).addresses) == 0 {
		return nil
	}
	err := c.askLists(ctx, subject{cert: a.Certificate, issuer: s.issuer, chain: s.chain, depth: s.depth, at: s.at, nested: s.nested})
	if err != nil {
		return refuse(ReasonResponder, "its signer's certificate may be revoked: %v", err)
	}
	return nil
}

func allows(cert *x509.Certificate, usage x509.ExtKeyUsage) bool {
	for _, u := range cert.ExtKeyUsage {
		if u == usage {
			return true
		}
	}
	return false
}
