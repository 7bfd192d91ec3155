package revocation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// world is a PKI with a server of its lists, of which tests say what each path answers.
type world struct {
	t      testing.TB
	server *httptest.Server
	pki    *demopki.PKI
	now    time.Time

	mu      sync.Mutex
	answer  map[string]http.HandlerFunc
	asked   map[string]int
	numbers atomic.Int64
}

// newWorld has the root's list at /root.crl and the intermediate's at /ca.crl, both empty
// and good for a day.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().Truncate(time.Second), answer: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.server.Close)
	var err error
	w.pki, err = demopki.NewServed(w.now, demopki.Services{CRL: []string{w.at("/root.crl")}}, demopki.Services{CRL: []string{w.at("/ca.crl")}})
	if err != nil {
		t.Fatal(err)
	}
	w.set("/root.crl", body(w.list(w.pki.Root, listOf())))
	w.set("/ca.crl", body(w.list(w.pki.Intermediate, listOf())))
	return w
}

func (w *world) at(path string) string { return w.server.URL + path }

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.asked[r.URL.Path]++
	answer := w.answer[r.URL.Path]
	w.mu.Unlock()
	if answer == nil {
		http.NotFound(rw, r)
		return
	}
	answer(rw, r)
}

func (w *world) set(path string, answer http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer[path] = answer
}

func (w *world) count(path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[path]
}

func body(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }
}

// listOf is a list to be made, of these certificates.
func listOf(revoked ...*x509.Certificate) *x509.RevocationList {
	l := &x509.RevocationList{}
	for _, cert := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: time.Now().Add(-time.Hour), ReasonCode: 1})
	}
	return l
}

// list signs a list: of now and for a day, with the next number, where nothing else is said.
func (w *world) list(by *demopki.Authority, l *x509.RevocationList) []byte {
	w.t.Helper()
	if l.Number == nil {
		l.Number = big.NewInt(w.numbers.Add(1))
	}
	if l.ThisUpdate.IsZero() {
		l.ThisUpdate = w.now.Add(-time.Minute)
	}
	if l.NextUpdate.IsZero() {
		l.NextUpdate = w.now.Add(24 * time.Hour)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, by.Cert, by.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	return der
}

// card issues a card's certificate and returns its chain.
func (w *world) card() []*x509.Certificate { return w.cardOf(w.pki.Intermediate) }

func (w *world) cardOf(by *demopki.Authority) []*x509.Certificate {
	w.t.Helper()
	cert, err := by.Issue(demopki.Leaf{
		Holder: demopki.NewHolder("CPS", 1), NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.AddDate(1, 0, 0), PublicKey: w.key().Public(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return []*x509.Certificate{cert, by.Cert, w.pki.Root.Cert}
}

func (w *world) key() crypto.Signer {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}

// checker makes one that may use this machine's addresses, and closes it at the end.
func (w *world) checker(change ...func(*Options)) *Checker {
	w.t.Helper()
	o := Options{AllowPrivate: loopback, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// extra is an extension for a list.
func extra(id []int, critical bool, value []byte) pkix.Extension {
	return pkix.Extension{Id: id, Critical: critical, Value: value}
}

// newWorldOf puts a world's lists back as they were.
func newWorldOf(w *world) *world {
	w.set("/root.crl", body(w.list(w.pki.Root, listOf())))
	w.set("/ca.crl", body(w.list(w.pki.Intermediate, listOf())))
	return w
}
