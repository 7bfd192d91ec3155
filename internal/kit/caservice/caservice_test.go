package caservice

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// client is a service with one card's certificate, and openssl to ask it.
type client struct {
	t       *testing.T
	service *Service
	url     string
	dir     string
	openssl string
}

func newClient(t *testing.T) *client {
	t.Helper()
	p := &client{t: t, dir: t.TempDir(), openssl: need.Program(t, "openssl")}
	var service http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { service.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	server.Config.ErrorLog = nil
	p.url = server.URL
	now := time.Now()
	ofRoot, ofIntermediate := Addresses(server.URL)
	pki, err := demopki.NewServed(now, ofRoot, ofIntermediate)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	card, err := pki.Intermediate.Issue(demopki.Leaf{Holder: demopki.NewHolder("CPS", 1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), PublicKey: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	p.service, err = New(Options{PKI: pki, Find: func(word string) ([]*x509.Certificate, error) {
		switch word {
		case "cps":
			return []*x509.Certificate{card}, nil
		case "intermediate":
			return []*x509.Certificate{pki.Intermediate.Cert}, nil
		}
		return nil, errors.New("no such card")
	}})
	if err != nil {
		t.Fatal(err)
	}
	service = p.service
	for name, cert := range map[string]*x509.Certificate{"card": card, "intermediate": pki.Intermediate.Cert, "root": pki.Root.Cert} {
		if err := os.WriteFile(p.path(name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *client) path(name string) string { return filepath.Join(p.dir, name+".pem") }

func (p *client) do(line string) string {
	p.t.Helper()
	state, err := p.service.Do(line)
	if err != nil {
		p.t.Fatalf("%s: %v", line, err)
	}
	return state
}

func (p *client) run(args ...string) string {
	out, _ := exec.CommandContext(p.t.Context(), p.openssl, args...).CombinedOutput()
	return string(out)
}

const bothGood = "both are good"

// byLists is what openssl says of card and intermediate, by the lists that their
// certificates name.
func (p *client) byLists() string {
	verify := []string{"verify", "-crl_check", "-crl_download", "-CAfile", p.path("root"), "-untrusted", p.path("intermediate")}
	said := p.run(append(verify, p.path("card"))...) + p.run(append(verify, p.path("intermediate"))...)
	if strings.Contains(said, "card.pem: OK") && strings.Contains(said, "intermediate.pem: OK") {
		return bothGood
	}
	return said
}

func (p *client) byOCSP() string {
	return p.run("ocsp", "-issuer", p.path("intermediate"), "-cert", p.path("card"), "-url", p.url+intermediateOCSP, "-CAfile", p.path("root"), "-verify_other", p.path("intermediate"))
}

// TestBehaviours: openssl, which is not ours, sees each behaviour for what it is.
func TestBehaviours(t *testing.T) {
	p := newClient(t)
	const good = "card.pem: good"
	for _, c := range []struct{ line, lists, ocsp string }{
		{"state", bothGood, good},
		{"revoke cps", "certificate revoked", "card.pem: revoked"},
		{"hold cps", "certificate revoked", "Reason: certificateHold"},
		{"restore cps", bothGood, good},
		{"revoke intermediate", "intermediate.pem: verification failed", good},
		{"good", bothGood, good},
		{"crl expired", "CRL has expired", good},
		{"ocsp expired", "CRL has expired", "Status times invalid"},
		{"wrong-signer", "CRL signature failure", "Response Verify Failure"},
		{"unreachable", "unable to get certificate CRL", "Error querying OCSP responder"},
		{"page", "unable to get certificate CRL", "Error querying OCSP responder"},
		{"crl well", bothGood, "Error querying OCSP responder"},
		{"huge 1000", bothGood, ""},
		{"well", bothGood, good},
	} {
		p.do(c.line)
		if out := p.byLists(); !strings.Contains(out, c.lists) {
			t.Errorf("%s: by lists: want %q:\n%s", c.line, c.lists, out)
		}
		if out := p.byOCSP(); !strings.Contains(out, c.ocsp) {
			t.Errorf("%s: by OCSP: want %q:\n%s", c.line, c.ocsp, out)
		}
	}
}

// TestDelta: a delta has those that were revoked, and says of those that are no more that
// they are none, which a complete list need not.
func TestDelta(t *testing.T) {
	p := newClient(t)
	p.do("revoke cps")
	fetch := func(path string) string {
		return p.run("crl", "-noout", "-text", "-inform", "DER", "-in", p.fetch(path))
	}
	if out := fetch(deltaList); !strings.Contains(out, "Delta CRL Indicator: critical") || !strings.Contains(out, "Key Compromise") {
		t.Error(out)
	}
	p.do("restore cps")
	if out := fetch(deltaList); !strings.Contains(out, "Remove From CRL") {
		t.Error(out)
	}
	if out := fetch(intermediateList); !strings.Contains(out, "No Revoked Certificates") {
		t.Error(out)
	}
}

// fetch stores an answer of the service in a file.
func (p *client) fetch(path string) string {
	p.t.Helper()
	answer := httptest.NewRecorder()
	p.service.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	if answer.Code != http.StatusOK {
		p.t.Fatalf("%s: %d", path, answer.Code)
	}
	file := filepath.Join(p.dir, "answer")
	if err := os.WriteFile(file, answer.Body.Bytes(), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// TestCommands: what is not understood is said, and changes nothing; the state says what is
// so, and how often it was asked.
func TestCommands(t *testing.T) {
	p := newClient(t)
	for line, want := range map[string]string{
		"": "no such command", "revok cps": "no such command", "crl": "no such command", "revoke": "has 1 words", "revoke nobody": "no such card",
		"slow": "a duration", "slow fast": "not a duration", "slow -1s": "not a duration", "huge many": "not a number", "huge 9999999999": "not a number",
		"crl revoke cps": "is for both", "expired now": "nothing comes after", "good morning": "has 0 words",
	} {
		if _, err := p.service.Do(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
	p.fetch(rootList)
	p.do("revoke cps")
	p.do("crl slow 2s")
	if got, want := p.do("ocsp huge 7"), "crl slow 2s, asked 1 times; ocsp huge 7, asked 0 times; 1 certificates revoked"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := p.do("good"), "crl well, asked 1 times; ocsp well, asked 0 times; 0 certificates revoked"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSlow: a slow service answers whoever waits long enough, and is not held up by who
// does not.
func TestSlow(t *testing.T) {
	p := newClient(t)
	p.do("slow 1h")
	impatient := &http.Client{Timeout: 50 * time.Millisecond}
	if _, err := impatient.Get(p.url + rootList); err == nil {
		t.Error("an answer at once")
	}
	p.do("slow 1ms")
	answer, err := http.Get(p.url + rootList)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
		t.Error(answer.Status, err)
	}
}

// TestHuge: so many entries, and no more than can be told.
func TestHuge(t *testing.T) {
	p := newClient(t)
	p.do("crl huge 5000")
	der, err := os.ReadFile(p.fetch(intermediateList))
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil || len(list.RevokedCertificateEntries) != 5000 {
		t.Error(fmt.Sprint(err, list != nil && len(list.RevokedCertificateEntries) > 0))
	}
}
