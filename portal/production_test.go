package portal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/caservice"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/trust"
)

// ownTexts are an operator's, without the sample's marks.
const ownTexts = `services = ["Urgences"]
[support]
name = "Assistance"
mail = "assistance@portail.example"
phone = "00"
[default]
fr = "Voir le secrétariat."
[[region]]
id = "bretagne"
name = "Bretagne"
`

// production is a portal for cards that are not of a test PKI, as far as their names say,
// with the service by which their authorities say which they revoked.
type production struct {
	*site
	pki     *demopki.PKI
	service *caservice.Service
	cards   []testCard
	config  string
	lines   *lockedWriter
	fetched chan string // the paths of the lists that were asked for
}

// realPKI is shaped as demopki's, with names that do not begin with TEST.
func realPKI(t *testing.T, base string) *demopki.PKI {
	t.Helper()
	ofRoot, ofIntermediate := caservice.Addresses(base)
	ofRoot.OCSP, ofIntermediate.OCSP, ofIntermediate.Delta = nil, nil, nil // as the cards' PKI: lists
	authority := func(by *demopki.Authority, name string, number int64) *demopki.Authority {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(number), Subject: pkix.Name{Country: []string{"FR"}, Organization: []string{"EXEMPLE (TEST)"}, CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(7, 0, 0), IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		parent, signer := template, any(key)
		if by != nil {
			template.CRLDistributionPoints = ofRoot.CRL
			parent, signer = by.Cert, by.Key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return &demopki.Authority{Cert: cert, Key: key}
	}
	root := authority(nil, "AC RACINE EXEMPLE FORT", 1)
	root.Services = ofRoot
	intermediate := authority(root, "AC EXEMPLE FORT PERSONNES", 2)
	intermediate.Services = ofIntermediate
	return &demopki.PKI{Root: root, Intermediate: intermediate}
}

// newProduction makes the portal in the steps of an operator: settings without a trust
// group, then `trust add` with the authorities' files.
func newProduction(t *testing.T, options ...siteOption) *production {
	t.Helper()
	var service *caservice.Service
	fetched := make(chan string, 1000)
	ca := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		service.ServeHTTP(w, r)
		fetched <- r.URL.Path
	}))
	t.Cleanup(ca.Close)
	p := &production{pki: realPKI(t, ca.URL), fetched: fetched}
	var err error
	if service, err = caservice.New(caservice.Options{PKI: p.pki, Find: p.find}); err != nil {
		t.Fatal(err)
	}
	p.service = service

	server := httptest.NewUnstartedServer(nil)
	s := &site{clock: &clock{at: time.Now()}, origin: "http://" + server.Listener.Addr().String(), log: &bytes.Buffer{}}
	dir := t.TempDir()
	portallab.WriteFile(t, dir, "texts.toml", ownTexts)
	text := fmt.Sprintf(`name = "Portail"
origin = %q
listen = "127.0.0.1:0"
texts = "texts.toml"

[crl]
allow_private = ["127.0.0.1"]
refresh = "10s"

[kinds]
"2.999.20.0" = "CPS"
`, s.origin)
	for _, o := range options {
		text = o(text)
	}
	p.config = portallab.WriteFile(t, dir, "portal.toml", text)
	known := []trust.CA{
		{Name: "AC RACINE EXEMPLE FORT", SHA256: trust.Fingerprint(p.pki.Root.Cert), Cards: true},
		{Name: "AC EXEMPLE FORT PERSONNES", SHA256: trust.Fingerprint(p.pki.Intermediate.Cert), Issuer: "AC RACINE EXEMPLE FORT", Cards: true},
	}
	files, err := trust.ReadFile(portallab.WritePEM(t, dir, "bundle.pem", p.pki.Intermediate.Cert, p.pki.Root.Cert))
	if err != nil {
		t.Fatal(err)
	}
	added, err := trust.Add(trust.Addition{
		Request: trust.Request{Known: known, Now: time.Now()}, Settings: p.config, Group: trust.DefaultGroup,
		RequiredPolicies: []string{demopki.PolicyAuthentication}, RefusedPolicies: []string{demopki.PolicyTechnical},
		Check: settings.Check,
	}, files)
	if err != nil || len(added.Addresses()) != 1 {
		t.Fatalf("%+v, %v", added, err)
	}
	read, err := settings.Load(p.config)
	if err != nil {
		t.Fatal(err)
	}
	p.lines = &lockedWriter{w: s.log}
	log := slog.New(slog.NewTextHandler(p.lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if s.Portal, err = New(t.Context(), read, Options{Logger: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.account(t, testName, "Dr TEST Testeur")
	server.Config.Handler = s.Handler()
	server.Start()
	t.Cleanup(server.Close)
	p.site = s
	return p
}

// find finds the card whose number a command names.
func (p *production) find(word string) ([]*x509.Certificate, error) {
	for _, c := range p.cards {
		if fmt.Sprintf("%x", c.cert.SerialNumber) == word {
			return []*x509.Certificate{c.cert}, nil
		}
	}
	return nil, fmt.Errorf("no card %s", word)
}

// card issues a card.
func (p *production) card(t *testing.T, number int) testCard {
	t.Helper()
	c := issue(t, p.pki.Intermediate, demopki.NewHolder("CPS", number))
	p.cards = append(p.cards, c)
	return c
}

// logged is the log up to now, into which fetching lists goes on writing.
func (p *production) logged() string {
	p.lines.mu.Lock()
	defer p.lines.mu.Unlock()
	return p.log.String()
}

func (p *production) do(t *testing.T, command string) {
	t.Helper()
	if _, err := p.service.Do(command); err != nil {
		t.Fatal(err)
	}
}

// TestProduction: a portal whose trust group is none of test cards starts, lets a card in by
// its token, and refuses it once its authority says that it is revoked.
func TestProduction(t *testing.T) {
	p := newProduction(t)
	card := p.card(t, 1)
	other := p.card(t, 2)
	first := p.browser(t)
	first.attach(card, testName)
	if next, reason := p.browser(t).login(card); next != pathSpace {
		t.Fatalf("by an attached card: %q %q", next, reason)
	}
	p.do(t, fmt.Sprintf("revoke %x", card.cert.SerialNumber))
	for refused := false; !refused; { // once the list has been fetched anew
		select {
		case <-p.fetched:
		case <-time.After(2 * time.Minute):
			t.Fatal("no list was fetched")
		}
		for range 3 { // the answer is read a moment after it was sent
			next, reason := p.browser(t).login(card)
			if refused = reason == "revoked"; !refused && next != pathSpace {
				t.Fatalf("after its revocation: %q %q", next, reason)
			}
		}
	}
	if next, reason := p.browser(t).login(other); next != pathFirst {
		t.Errorf("another card: %q %q", next, reason)
	}
	for card, want := range map[*testCard]report{&card: {Reason: "revoked"}, &other: {Fit: true, Revocation: "good"}} {
		b := p.browser(t)
		_, said := b.selfTested(card.token(t, p.origin, b.challenge()))
		if said.Fit != want.Fit || said.Reason != want.Reason || said.Revocation != want.Revocation {
			t.Errorf("the self-test says %+v, want %+v", said, want)
		}
	}
	// A test card is refused here, whatever it says.
	if _, reason := p.browser(t).login(issue(t, portallab.PKI().Intermediate, demopki.NewHolder("CPS", 1))); reason == "" {
		t.Error("a test card was let in")
	}
	if log := p.logged(); strings.Contains(log, "revocation of certificates is not checked") {
		t.Error(log)
	}
}

// TestProductionUnreachable: where nobody knows whether a card is revoked, it is refused, and
// let in by the explicit setting alone, which the log says at each login.
func TestProductionUnreachable(t *testing.T) {
	for soft, want := range map[bool]string{false: "", true: pathFirst} {
		t.Run(fmt.Sprint(soft), func(t *testing.T) {
			p := newProduction(t, portallab.Replacing("[crl]", fmt.Sprintf("[crl]\nsoft = %t\nwait = \"1s\"", soft)))
			p.do(t, "unreachable")
			next, reason := p.browser(t).login(p.card(t, 1))
			if next != want || (reason == "") != soft {
				t.Errorf("%q %q", next, reason)
			}
			b := p.browser(t)
			if _, said := b.selfTested(p.card(t, 2).token(t, p.origin, b.challenge())); said.Fit != soft || said.Revocation != "" {
				t.Errorf("the self-test says %+v", said)
			}
			if log := p.logged(); strings.Contains(log, "crl.soft") != soft {
				t.Error(log)
			}
		})
	}
}

// TestProductionRefused: what keeps the portal for real cards from starting.
func TestProductionRefused(t *testing.T) {
	p := newProduction(t)
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, key, says string }{
		"revocation off":     {`revocation = "crl"`, `revocation = "off"`, "crl", "no effect"},
		"the sample's texts": {`texts = "texts.toml"`, "", "texts", "your own"},
		"no policies":        {`required_policies = ["2.999.10.1"]`, "", "trust_group.required_policies", "must be stated for real cards"},
		"a test PKI's root":  {`roots = [`, fmt.Sprintf("roots = [%q,", portallab.WritePEM(t, t.TempDir(), "test.pem", portallab.PKI().Root.Cert)), "trust_group.roots", "of a test PKI"},
		"another's issuer":   {"[kinds]", "[[crl.source]]\nissuer = \"none.pem\"\naddresses = [\"http://crl.example.fr/a.crl\"]\n[kinds]", "crl.source.issuer", "none.pem"},
	} {
		changed := filepath.Join(filepath.Dir(p.config), "changed.toml")
		if err := os.WriteFile(changed, []byte(portallab.Replacing(c.old, c.new)(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		read, err := settings.Load(changed)
		if err == nil {
			_, err = New(t.Context(), read, Options{})
		}
		bad, is := errors.AsType[*settings.Error](err)
		if !is || bad.Key != c.key || !strings.Contains(bad.Text, c.says) || bad.Line == 0 && c.key != "texts" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestListsAreInTheDatabase: the lists that were fetched are there for the next start and for
// other instances, which need no network for them.
func TestListsAreInTheDatabase(t *testing.T) {
	p := newProduction(t)
	card := p.card(t, 1)
	if next, reason := p.browser(t).login(card); next != pathFirst {
		t.Fatalf("%q %q", next, reason)
	}
	p.do(t, "unreachable")
	read, err := settings.Load(p.config)
	if err != nil {
		t.Fatal(err)
	}
	second, err := New(t.Context(), read, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.checker.Check(t.Context(), []*x509.Certificate{card.cert, p.pki.Intermediate.Cert, p.pki.Root.Cert}, time.Now()); err != nil {
		t.Error(err)
	}
}

// TestReadinessOfLists: an instance is ready as long as the list that it fetched counts, and not
// once that is out of date.
func TestReadinessOfLists(t *testing.T) {
	p := newProduction(t)
	if next, reason := p.browser(t).login(p.card(t, 1)); next != pathFirst { // which waits for the list
		t.Fatalf("%q %q", next, reason)
	}
	if err := p.ready["revocation lists"](t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.listsCount(time.Now().Add(2 * time.Hour)); err == nil || !strings.Contains(err.Error(), "out of date") {
		t.Errorf("%v", err)
	}
}
