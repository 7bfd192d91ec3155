package revocation

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// responder answers at /ocsp for one authority.
type responder struct {
	w       *world
	issuer  *demopki.Authority
	signer  *demopki.Authority // nil is the issuer itself
	embeds  bool               // the signer's certificate is in the answer
	change  func(*ocsp.Response)
	answers []byte // in place of all this
	several func(asked *big.Int) []byte
}

func (r *responder) ServeHTTP(rw http.ResponseWriter, q *http.Request) {
	question, err := io.ReadAll(q.Body)
	if err != nil {
		r.w.t.Error(err)
	}
	asked, err := ocsp.ParseRequest(question)
	if err != nil {
		r.w.t.Error(err)
		return
	}
	if r.several != nil {
		_, _ = rw.Write(r.several(asked.SerialNumber))
		return
	}
	if r.answers != nil {
		_, _ = rw.Write(r.answers)
		return
	}
	signer := r.signer
	if signer == nil {
		signer = r.issuer
	}
	template := ocsp.Response{Status: ocsp.Good, SerialNumber: asked.SerialNumber, IssuerHash: asked.HashAlgorithm,
		ThisUpdate: r.w.now.Add(-time.Minute), NextUpdate: r.w.now.Add(time.Hour)}
	if r.embeds {
		template.Certificate = signer.Cert
	}
	if r.change != nil {
		r.change(&template)
	}
	answer, err := ocsp.CreateResponse(r.issuer.Cert, signer.Cert, template, signer.Key)
	if err != nil {
		r.w.t.Error(err)
	}
	_, _ = rw.Write(answer)
}

// delegate makes a responder's certificate under the intermediate.
func (w *world) delegate(change func(*x509.Certificate)) *demopki.Authority {
	w.t.Helper()
	return w.delegateOf(w.pki.Intermediate, change)
}

func (w *world) delegateOf(by *demopki.Authority, change func(*x509.Certificate)) *demopki.Authority {
	w.t.Helper()
	key := w.key()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(4242), Subject: pkix.Name{CommonName: "TEST OCSP"}, NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, by.Cert, key.Public(), by.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return &demopki.Authority{Cert: cert, Key: key}
}

// ocspWorld is one whose cards name a responder, and no list.
func ocspWorld(t testing.TB) (*world, *responder) {
	t.Helper()
	w := newWorld(t)
	w.pki.Intermediate.Services = demopki.Services{OCSP: []string{w.at("/ocsp")}}
	r := &responder{w: w, issuer: w.pki.Intermediate}
	w.set("/ocsp", func(rw http.ResponseWriter, q *http.Request) { r.ServeHTTP(rw, q) })
	return w, r
}

// TestOCSP: answers that count, and those that do not, by name.
func TestOCSP(t *testing.T) {
	w, r := ocspWorld(t)
	plain := func(*x509.Certificate) {}
	other := newWorld(t)
	lookalike := w.delegateOf(other.pki.Intermediate, plain)
	for name, c := range map[string]struct {
		reason    Reason
		responder responder
	}{
		"by the issuer":            {"", responder{}},
		"by the issuer, with it":   {"", responder{embeds: true}},
		"by a delegate":            {"", responder{signer: w.delegate(plain), embeds: true}},
		"by the hour":              {"", responder{change: func(r *ocsp.Response) { r.NextUpdate = time.Time{} }}},
		"clock a bit off":          {"", responder{change: func(r *ocsp.Response) { r.ThisUpdate = time.Now().Add(4 * time.Minute) }}},
		"unknown":                  {ReasonNotKnownThere, responder{change: func(r *ocsp.Response) { r.Status = ocsp.Unknown }}},
		"of yesterday":             {ReasonExpired, responder{change: func(r *ocsp.Response) { r.NextUpdate = w.now.Add(-time.Second) }}},
		"old, without an end":      {ReasonExpired, responder{change: func(r *ocsp.Response) { r.ThisUpdate, r.NextUpdate = w.now.Add(-time.Hour), time.Time{} }}},
		"of tomorrow":              {ReasonNotYetValid, responder{change: func(r *ocsp.Response) { r.ThisUpdate = w.now.Add(20 * time.Minute) }}},
		"of another card":          {ReasonNotAnAnswer, responder{change: func(r *ocsp.Response) { r.SerialNumber = big.NewInt(7) }}},
		"of another hash":          {ReasonNotAnAnswer, responder{change: func(r *ocsp.Response) { r.IssuerHash = crypto.SHA256 }}},
		"of another issuer's card": {ReasonNotAnAnswer, responder{issuer: w.pki.Root, signer: w.pki.Intermediate}},
		"a critical extension": {ReasonNotAnAnswer, responder{change: func(r *ocsp.Response) {
			r.ExtraExtensions = []pkix.Extension{extra([]int{2, 999, 1}, true, []byte{5, 0})}
		}}},
		"by another key":          {ReasonBadSignature, responder{signer: &demopki.Authority{Cert: w.pki.Intermediate.Cert, Key: other.pki.Intermediate.Key}}},
		"not for OCSP":            {ReasonResponder, responder{signer: w.delegate(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), embeds: true}},
		"for clients":             {ReasonResponder, responder{signer: w.delegate(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), embeds: true}},
		"not for signatures":      {ReasonResponder, responder{signer: w.delegate(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), embeds: true}},
		"a delegate of yesterday": {ReasonResponder, responder{signer: w.delegate(func(c *x509.Certificate) { c.NotAfter = w.now.Add(-time.Second) }), embeds: true}},
		"another PKI's delegate":  {ReasonResponder, responder{signer: lookalike, embeds: true}},
		"the root's delegate":     {ReasonResponder, responder{signer: w.delegateOf(w.pki.Root, plain), embeds: true}},
		"tryLater":                {ReasonRefusedByServer, responder{answers: ocsp.TryLaterErrorResponse}},
		"unauthorized":            {ReasonRefusedByServer, responder{answers: ocsp.UnauthorizedErrorResponse}},
		"no answer":               {ReasonNotAnAnswer, responder{answers: []byte("TEST")}},
		"too large":               {ReasonTooLarge, responder{answers: make([]byte, maxAnswer+1)}},
	} {
		use := c.responder
		use.w = w
		if use.issuer == nil {
			use.issuer = w.pki.Intermediate
		}
		*r = use
		err := w.checker().Check(t.Context(), w.card(), w.now)
		if c.reason == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.reason != "" && (!slices.Contains(Reasons(err), c.reason) || errors.Is(err, authtoken.ErrRevoked)) {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
}

// answerOf is an answer by the intermediate, of several certificates.
func (w *world) answerOf(status map[*demopki.Authority][]ocsp.Response) []byte {
	w.t.Helper()
	var data struct {
		Responder, ProducedAt asn1.RawValue
		Responses             []asn1.RawValue
	}
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type asn1.ObjectIdentifier
			DER  []byte
		} `asn1:"explicit,tag:0"`
	}
	var all []asn1.RawValue
	for issuer, responses := range status {
		for _, r := range responses {
			r.ThisUpdate, r.NextUpdate = w.now.Add(-time.Minute), w.now.Add(time.Hour)
			der, err := ocsp.CreateResponse(issuer.Cert, issuer.Cert, r, issuer.Key)
			if err != nil {
				w.t.Fatal(err)
			}
			read, err := ocsp.ParseResponse(der, issuer.Cert)
			if err != nil {
				w.t.Fatal(err)
			}
			if _, err := asn1.Unmarshal(der, &outer); err != nil {
				w.t.Fatal(err)
			}
			if _, err := asn1.Unmarshal(read.TBSResponseData, &data); err != nil {
				w.t.Fatal(err)
			}
			all = append(all, data.Responses...)
		}
	}
	data.Responses = all
	tbs, err := asn1.Marshal(data)
	if err != nil {
		w.t.Fatal(err)
	}
	var basic struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	if _, err := asn1.Unmarshal(outer.Bytes.DER, &basic); err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(tbs)
	signature, err := w.pki.Intermediate.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		w.t.Fatal(err)
	}
	basic.TBS, basic.Signature = asn1.RawValue{FullBytes: tbs}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	if outer.Bytes.DER, err = asn1.Marshal(basic); err != nil {
		w.t.Fatal(err)
	}
	der, err := asn1.Marshal(outer)
	if err != nil {
		w.t.Fatal(err)
	}
	return der
}

// TestSeveralAnswersInOne: some responders answer for more than was asked. What is of the
// card counts; where its number is there twice, as of another issuer too, nothing does.
func TestSeveralAnswersInOne(t *testing.T) {
	w, r := ocspWorld(t)
	good := func(n *big.Int) ocsp.Response { return ocsp.Response{Status: ocsp.Good, SerialNumber: n} }
	revoked := func(n *big.Int) ocsp.Response {
		return ocsp.Response{Status: ocsp.Revoked, SerialNumber: n, RevokedAt: w.now}
	}
	by := w.pki.Intermediate
	for name, c := range map[string]struct {
		answer  func(n *big.Int) map[*demopki.Authority][]ocsp.Response
		known   bool
		revoked bool
	}{
		"another's first": {func(n *big.Int) map[*demopki.Authority][]ocsp.Response {
			return map[*demopki.Authority][]ocsp.Response{by: {revoked(big.NewInt(7)), good(n)}}
		}, true, false},
		"revoked": {func(n *big.Int) map[*demopki.Authority][]ocsp.Response {
			return map[*demopki.Authority][]ocsp.Response{by: {good(big.NewInt(7)), revoked(n)}}
		}, false, true},
		"its number twice": {func(n *big.Int) map[*demopki.Authority][]ocsp.Response {
			return map[*demopki.Authority][]ocsp.Response{by: {good(n)}, w.pki.Root: {revoked(n)}}
		}, false, false},
		"others alone": {func(*big.Int) map[*demopki.Authority][]ocsp.Response {
			return map[*demopki.Authority][]ocsp.Response{by: {good(big.NewInt(7)), good(big.NewInt(8))}}
		}, false, false},
	} {
		r.several = func(asked *big.Int) []byte { return w.answerOf(c.answer(asked)) }
		err := w.checker().Check(t.Context(), w.card(), w.now)
		if (err == nil) != c.known || errors.Is(err, authtoken.ErrRevoked) != c.revoked {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOCSPRevoked: with reason and time; and each card is asked for once while its answer
// holds, also by ten logins at once.
func TestOCSPRevoked(t *testing.T) {
	w, r := ocspWorld(t)
	since := w.now.Add(-time.Hour).UTC()
	r.change = func(a *ocsp.Response) {
		a.Status, a.RevokedAt, a.RevocationReason = ocsp.Revoked, since, ocsp.CertificateHold
	}
	lost := w.card()
	c := w.checker()
	var logins sync.WaitGroup
	for range 10 {
		logins.Go(func() {
			var said *RevokedError
			if err := c.Check(t.Context(), lost, w.now); !errors.As(err, &said) || said.Code != ocsp.CertificateHold || !said.Since.Equal(since) || said.Depth != 0 {
				t.Error(err)
			}
		})
	}
	logins.Wait()
	if n := w.count("/ocsp"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	r.change = nil
	if err := c.Check(t.Context(), w.card(), w.now); err != nil {
		t.Errorf("another card: %v", err)
	}
	if err := c.Check(t.Context(), lost, w.now.Add(2*time.Hour)); errors.Is(err, authtoken.ErrRevoked) {
		t.Errorf("after the answer's end: %v", err)
	}
}

// TestOCSPIsAskedAnew: an answer that holds for days is remembered for Refresh, and no longer.
func TestOCSPIsAskedAnew(t *testing.T) {
	w, r := ocspWorld(t)
	r.change = func(a *ocsp.Response) { a.NextUpdate = w.now.Add(48 * time.Hour) }
	chain := w.card()
	now := &clock{now: w.now}
	c := w.checker(func(o *Options) { o.Now, o.Refresh, o.Methods = now.Now, 10*time.Minute, []Method{OCSP} })
	check := func(after time.Duration) error {
		now.set(w.now.Add(after))
		return c.Check(t.Context(), chain[:2], now.Now())
	}
	if err := errors.Join(check(0), check(10*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n := w.count("/ocsp"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	r.change = func(a *ocsp.Response) { a.Status, a.RevokedAt = ocsp.Revoked, w.now }
	if err := check(10*time.Minute + time.Second); !errors.Is(err, authtoken.ErrRevoked) {
		t.Errorf("after Refresh: %v", err)
	}
}

// TestMethods: by default the list says it, and OCSP where no list counts; each can be alone
// or first.
func TestMethods(t *testing.T) {
	w, r := ocspWorld(t)
	w.pki.Intermediate.Services = demopki.Services{CRL: []string{w.at("/ca.crl")}, OCSP: []string{w.at("/ocsp")}}
	good := w.list(w.pki.Intermediate, listOf())
	revoked := func(a *ocsp.Response) { a.Status, a.RevokedAt = ocsp.Revoked, w.now }
	for name, c := range map[string]struct {
		methods []Method
		list    http.HandlerFunc
		change  func(*ocsp.Response)
		revoked bool
		known   bool
	}{
		"the list":                    {nil, body(good), revoked, false, true},
		"no list":                     {nil, http.NotFound, revoked, true, false},
		"no list, good":               {nil, http.NotFound, nil, false, true},
		"the list alone":              {[]Method{CRL}, http.NotFound, nil, false, false},
		"OCSP alone":                  {[]Method{OCSP}, body(good), revoked, true, false},
		"OCSP first":                  {[]Method{OCSP, CRL}, body(good), revoked, true, false},
		"OCSP first, which knows not": {[]Method{OCSP, CRL}, body(good), func(a *ocsp.Response) { a.Status = ocsp.Unknown }, false, true},
	} {
		w.set("/ca.crl", c.list)
		r.change = c.change
		chain := w.card()
		// The intermediate's own certificate names a list alone.
		err := w.checker(func(o *Options) { o.Methods = c.methods }).Check(t.Context(), chain[:2], w.now)
		if errors.Is(err, authtoken.ErrRevoked) != c.revoked || (err == nil) != c.known {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDelegateIsChecked: a responder whose certificate names a list, and does not say that
// there is no need, is looked up there.
func TestDelegateIsChecked(t *testing.T) {
	w, r := ocspWorld(t)
	names := func(c *x509.Certificate) { c.CRLDistributionPoints = []string{w.at("/ca.crl")} }
	r.signer, r.embeds = w.delegate(names), true
	if err := w.checker().Check(t.Context(), w.card(), w.now); err != nil {
		t.Fatal(err)
	}
	w.set("/ca.crl", body(w.list(w.pki.Intermediate, listOf(r.signer.Cert))))
	if err := w.checker().Check(t.Context(), w.card(), w.now); !slices.Contains(Reasons(err), ReasonResponder) || errors.Is(err, authtoken.ErrRevoked) {
		t.Errorf("a delegate that is revoked: %v", err)
	}
	r.signer = w.delegate(func(c *x509.Certificate) {
		names(c)
		c.ExtraExtensions = []pkix.Extension{extra(oidNoCheck, false, asn1.NullBytes)}
	})
	if err := w.checker().Check(t.Context(), w.card(), w.now); err != nil {
		t.Errorf("a delegate that needs no check: %v", err)
	}
}

// TestCriticalResponseExtension: of the whole answer, which x/crypto/ocsp does not read.
func TestCriticalResponseExtension(t *testing.T) {
	w := newWorld(t)
	chain := w.card()
	question, err := ocsp.CreateRequest(chain[0], chain[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := ocsp.CreateResponse(chain[1], chain[1], ocsp.Response{Status: ocsp.Good, SerialNumber: chain[0].SerialNumber, ThisUpdate: w.now}, w.pki.Intermediate.Key)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ocsp.ParseResponse(answer, chain[1])
	if err != nil {
		t.Fatal(err)
	}
	var data struct {
		Responder, ProducedAt, Responses asn1.RawValue
		Extensions                       []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	if _, err := asn1.Unmarshal(read.TBSResponseData, &data); err != nil {
		t.Fatal(err)
	}
	for critical, want := range map[bool]Reason{true: ReasonCriticalExtension, false: ""} {
		data.Extensions = []pkix.Extension{extra([]int{2, 999, 1}, critical, []byte{5, 0})}
		if read.TBSResponseData, err = asn1.Marshal(data); err != nil {
			t.Fatal(err)
		}
		if err := checkIdentity(read, question); (err == nil) != (want == "") || want != "" && !reasonIs(err, want) {
			t.Errorf("critical %v: %v", critical, err)
		}
	}
}
