package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

// clock is one that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// saved waits until what the checker fetches is in its store too: a check that looks late sees
// the list before that, and answers.
func (w *world) saved(c *Checker) { _ = c.Ready(w.t.Context()) }

// refreshed has the checker fetch a path anew now, and waits for the end of it.
func (w *world) refreshed(c *Checker, path string, delta bool) {
	w.t.Helper()
	w.saved(c) // or the fetch before would be joined
	s, err := c.source(sourceKey{w.at(path), delta})
	if err != nil {
		w.t.Fatal(err)
	}
	s.mu.Lock()
	s.retry, s.stored.Fetched = time.Time{}, time.Time{}
	s.mu.Unlock()
	flight, err := c.refresh(s, true)
	if flight == nil {
		w.t.Fatal(err)
	}
	<-flight.ended
}

// TestTenLoginsFetchOnce: whoever needs a list joins the fetch that is under way.
func TestTenLoginsFetchOnce(t *testing.T) {
	w := newWorld(t)
	chain := w.card()
	all := make(chan struct{})
	good := w.list(w.pki.Intermediate, listOf())
	w.set("/ca.crl", func(rw http.ResponseWriter, _ *http.Request) { <-all; _, _ = rw.Write(good) })
	c := w.checker()
	var logins, begun sync.WaitGroup
	for range 10 {
		begun.Add(1)
		logins.Go(func() {
			begun.Done()
			if err := c.Check(t.Context(), chain, w.now); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	close(all)
	logins.Wait()
	if w.count("/ca.crl") != 1 || w.count("/root.crl") != 1 {
		t.Errorf("fetched %d and %d times", w.count("/ca.crl"), w.count("/root.crl"))
	}
}

// TestSlowServer: nobody waits longer than Wait; logins of other issuers do not wait at all,
// and the fetch goes on for those who come later.
func TestSlowServer(t *testing.T) {
	w := newWorld(t)
	chain := w.card()
	release := make(chan struct{})
	good := w.list(w.pki.Intermediate, listOf())
	w.set("/ca.crl", func(rw http.ResponseWriter, _ *http.Request) { <-release; _, _ = rw.Write(good) })
	c := w.checker(func(o *Options) { o.Wait = 50 * time.Millisecond })
	err := c.Check(t.Context(), chain, w.now)
	if got := Reasons(err); !slices.Contains(got, ReasonTimeout) {
		t.Fatalf("%v: %v", got, err)
	}
	other, err := w.pki.NewIntermediate(w.now)
	if err != nil {
		t.Fatal(err)
	}
	other.Services.CRL = []string{w.at("/other.crl")}
	w.set("/other.crl", body(w.list(other, listOf())))
	if err := w.withWait(c, time.Minute).Check(t.Context(), w.cardOf(other), w.now); err != nil {
		t.Errorf("another issuer's card: %v", err)
	}
	close(release)
	if err := w.withWait(c, time.Minute).Check(t.Context(), chain, w.now); err != nil {
		t.Error(err)
	}
	if n := w.count("/ca.crl"); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

// withWait is the checker with another Wait.
func (w *world) withWait(c *Checker, wait time.Duration) *Checker {
	c.o.Wait = wait
	return c
}

// TestFailuresArePaced: after a failure logins are answered at once, without another try,
// until the next one is due.
func TestFailuresArePaced(t *testing.T) {
	w := newWorld(t)
	chain := w.card()
	w.set("/ca.crl", http.NotFound)
	now := &clock{now: w.now}
	c := w.checker(func(o *Options) { o.Now = now.Now })
	for range 3 {
		if err := c.Check(t.Context(), chain, w.now); !slices.Contains(Reasons(err), ReasonUnavailable) || !strings.Contains(err.Error(), "404") {
			t.Error(err)
		}
	}
	if n := w.count("/ca.crl"); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	w.set("/ca.crl", body(w.list(w.pki.Intermediate, listOf())))
	now.set(w.now.Add(firstRetry))
	if err := c.Check(t.Context(), chain, w.now); err != nil {
		t.Error(err)
	}
}

// TestServedUntilItsEnd: the last good list counts until its nextUpdate while the server is
// gone or sends what does not count, and no longer. Whoever it has revoked stays revoked,
// also in soft mode.
func TestServedUntilItsEnd(t *testing.T) {
	w := newWorld(t)
	chain, lost := w.card(), w.card()
	w.set("/ca.crl", body(w.list(w.pki.Intermediate, listOf(lost[0]))))
	now := &clock{now: w.now}
	var log bytes.Buffer
	for _, soft := range []bool{false, true} {
		now.set(w.now)
		w.set("/ca.crl", body(w.list(w.pki.Intermediate, listOf(lost[0]))))
		c := w.checker(func(o *Options) {
			o.Now, o.Soft, o.Methods = now.Now, soft, []Method{CRL}
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
		})
		if err := c.Check(t.Context(), chain, w.now); err != nil {
			t.Fatal(err)
		}
		log.Reset()
		w.set("/ca.crl", body([]byte("<html>")))
		w.refreshed(c, "/ca.crl", false)
		end := w.now.Add(24 * time.Hour)
		for _, at := range []time.Time{w.now.Add(time.Hour), end} {
			now.set(at)
			if err := c.Check(t.Context(), chain, at); err != nil {
				t.Errorf("at %s: %v", at, err)
			}
		}
		after := end.Add(time.Second)
		now.set(after)
		err := c.Check(t.Context(), chain, after)
		switch {
		case !soft && !slices.Contains(Reasons(err), ReasonNotAList):
			t.Errorf("after its end: %v", err)
		case soft && (err != nil || !strings.Contains(log.String(), "SOFT MODE: a certificate was accepted")):
			t.Errorf("soft, after its end: %v\n%s", err, log.String())
		}
		if strings.Contains(log.String(), chain[0].SerialNumber.String()) || strings.Contains(log.String(), chain[0].SerialNumber.Text(16)) {
			t.Errorf("the log has the card's number:\n%s", log.String())
		}
		if err := c.Check(t.Context(), lost, after); !errors.Is(err, authtoken.ErrRevoked) {
			t.Errorf("soft %v: a card that was revoked: %v", soft, err)
		}
	}
}

// TestSoftLogsEachUse: one line for each login that soft mode lets in.
func TestSoftLogsEachUse(t *testing.T) {
	w := newWorld(t)
	w.set("/ca.crl", http.NotFound)
	var log bytes.Buffer
	c := w.checker(func(o *Options) { o.Soft, o.Log = true, slog.New(slog.NewTextHandler(&log, nil)) })
	for range 3 {
		if err := c.Check(t.Context(), w.card(), w.now); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "a certificate was accepted of which nothing is known"); n != 3 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
}

// TestRollback: a list that is older than the one that is held does not replace it, by its
// number or by its time.
func TestRollback(t *testing.T) {
	for name, older := range map[string]*x509.RevocationList{
		"number":         {Number: big.NewInt(9)},
		"time":           {Number: big.NewInt(11), ThisUpdate: time.Now().Add(-time.Hour)},
		"without number": nil,
	} {
		w := newWorld(t)
		lost := w.card()
		held := listOf(lost[0])
		held.Number = big.NewInt(10)
		first := w.list(w.pki.Intermediate, held)
		w.set("/ca.crl", body(first))
		c := w.checker()
		if err := c.Check(t.Context(), lost, w.now); !errors.Is(err, authtoken.ErrRevoked) {
			t.Fatal(err)
		}
		var second []byte
		if older != nil {
			second = w.list(w.pki.Intermediate, older)
		} else {
			second = w.changed(w.pki.Intermediate, w.list(w.pki.Intermediate, listOf()), func(l *tbsList) {
				l.Extensions = slices.DeleteFunc(l.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNumber) })
			})
		}
		w.set("/ca.crl", body(second))
		w.refreshed(c, "/ca.crl", false)
		if err := c.Check(t.Context(), lost, w.now); !errors.Is(err, authtoken.ErrRevoked) {
			t.Errorf("%s: the older list counts: %v", name, err)
		}
		if s := c.Status(); !slices.ContainsFunc(s, func(s ListStatus) bool { return reasonIs(s.Failure, ReasonRollback) && s.Number == "10" }) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestRolledKey: an issuer with a new key signs the lists of those whom it issued with the
// old one too. They count where the new key's certificate is known and leads to the same
// root, and is not revoked itself.
func TestRolledKey(t *testing.T) {
	w := newWorld(t)
	chain := w.card()
	rolled, err := w.pki.NewIntermediate(w.now)
	if err != nil {
		t.Fatal(err)
	}
	authorities := func(certs ...*x509.Certificate) func(*Options) { return func(o *Options) { o.Authorities = certs } }
	w.set("/ca.crl", body(w.list(rolled, listOf())))
	if err := w.checker().Check(t.Context(), chain, w.now); !slices.Contains(Reasons(err), ReasonUnknownSigner) {
		t.Errorf("an unknown key: %v", err)
	}
	known := authorities(rolled.Cert, w.pki.Intermediate.Cert, w.pki.Root.Cert)
	if err := w.checker(known).Check(t.Context(), chain, w.now); err != nil {
		t.Errorf("a known key: %v", err)
	}
	w.set("/ca.crl", body(w.list(rolled, listOf(chain[0]))))
	if err := w.checker(known).Check(t.Context(), chain, w.now); !errors.Is(err, authtoken.ErrRevoked) {
		t.Errorf("revoked by the new key: %v", err)
	}
	w.set("/ca.crl", body(w.list(rolled, listOf())))
	w.set("/root.crl", body(w.list(w.pki.Root, listOf(rolled.Cert))))
	if err := w.checker(known).Check(t.Context(), chain, w.now); !slices.Contains(Reasons(err), ReasonUnknownSigner) || errors.Is(err, authtoken.ErrRevoked) {
		t.Errorf("a key that is revoked: %v", err)
	}
	// Another root's authority of the same name is trusted for something else.
	other := newWorld(t)
	w.set("/root.crl", body(w.list(w.pki.Root, listOf())))
	w.set("/ca.crl", body(w.list(other.pki.Intermediate, listOf())))
	foreign := authorities(other.pki.Intermediate.Cert, other.pki.Root.Cert, w.pki.Root.Cert)
	if err := w.checker(foreign).Check(t.Context(), chain, w.now); !slices.Contains(Reasons(err), ReasonUnknownSigner) {
		t.Errorf("another root's: %v", err)
	}
}

// TestNewIssuerIsLearned: a list that was refused because its signer was unknown is tried
// anew at once when a login brings the signer's certificate.
func TestNewIssuerIsLearned(t *testing.T) {
	w := newWorld(t)
	rolled, err := w.pki.NewIntermediate(w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.set("/ca.crl", body(w.list(rolled, listOf())))
	c := w.checker()
	if err := c.Check(t.Context(), w.card(), w.now); err == nil {
		t.Fatal("the old key's card is good")
	}
	if err := c.Check(t.Context(), w.cardOf(rolled), w.now); err != nil {
		t.Error(err)
	}
}

// TestSeveralPoints: LDAP is passed over; a point whose server is slow or wrong leaves time
// for the next one; and a card is revoked where one of the lists that are held says so.
func TestSeveralPoints(t *testing.T) {
	w := newWorld(t)
	w.pki.Intermediate.Services.CRL = []string{"ldap://annuaire.example.fr/cn=ca?certificaterevocationlist", w.at("/slow.crl"), w.at("/page.crl"), w.at("/ca.crl")}
	chain := w.card()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	w.set("/slow.crl", func(http.ResponseWriter, *http.Request) { <-hang })
	w.set("/page.crl", body([]byte("<html>")))
	c := w.checker(func(o *Options) { o.Wait = 9 * time.Second })
	if err := c.Check(t.Context(), chain, w.now); err != nil {
		t.Fatal(err)
	}
	s, err := c.source(sourceKey{w.at("/page.crl"), false})
	if err != nil {
		t.Fatal(err)
	}
	s.addSigner(w.pki.Intermediate.Cert)
	w.set("/page.crl", body(w.list(w.pki.Intermediate, listOf(chain[0]))))
	w.refreshed(c, "/page.crl", false)
	if err := c.Check(t.Context(), chain, w.now); !errors.Is(err, authtoken.ErrRevoked) {
		t.Errorf("one of two lists has the card: %v", err)
	}
}

// TestNoPoints: certificates that name nothing that can be asked, each with its reason.
func TestNoPoints(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		addresses []string
		reason    Reason
	}{
		"none":      {nil, ReasonNoAddress},
		"LDAP":      {[]string{"ldap://annuaire.example.fr/cn=ca"}, ReasonNoAddress},
		"a file":    {[]string{"file:///etc/ca.crl"}, ReasonAddressRefused},
		"a user":    {[]string{"http://user:secret@crl.example.fr/ca.crl"}, ReasonAddressRefused},
		"no server": {[]string{"http:///ca.crl"}, ReasonAddressRefused},
		"no URL":    {[]string{"http://%zz/"}, ReasonAddressRefused},
	} {
		w.pki.Intermediate.Services.CRL = c.addresses
		err := w.checker().Check(t.Context(), w.card(), w.now)
		if got := Reasons(err); len(got) == 0 || !slices.Contains(got, c.reason) {
			t.Errorf("%s: %v: %v", name, got, err)
		}
	}
}

// TestPointsForSomeReasons: a point with cRLIssuer, or for some reasons alone, is no source.
func TestPointsForSomeReasons(t *testing.T) {
	full := pointName{Full: []asn1.RawValue{uri("http://crl.example.fr/ca.crl")}}
	for reason, p := range map[Reason]distributionPoint{
		ReasonSomeReasons: {Name: full, Reasons: asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}},
		ReasonIndirect:    {Name: full, Issuer: []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: []byte{0x30, 0}}}},
		ReasonNoAddress:   {Name: pointName{Relative: []asn1.RawValue{{Tag: 16, IsCompound: true}}}},
	} {
		value, err := asn1.Marshal([]distributionPoint{p})
		if err != nil {
			t.Fatal(err)
		}
		addresses, names, passed := readPoint(value)
		if len(addresses)+len(names) != 0 || len(passed) != 1 || !reasonIs(passed[0], reason) {
			t.Errorf("%s: %v, %v, %v", reason, addresses, names, passed)
		}
	}
	if _, _, passed := readPoint([]byte{0x30, 1}); len(passed) != 1 {
		t.Error(passed)
	}
}

// TestSources: addresses of the settings come in place of the certificate's; a list in parts
// still has to be of the certificate's part.
func TestSources(t *testing.T) {
	w := newWorld(t)
	chain := w.card()
	w.set("/ca.crl", http.NotFound)
	w.set("/mirror.crl", body(w.with(point(t, issuingPoint{Name: pointName{Full: []asn1.RawValue{uri(w.at("/ca.crl"))}}}))))
	c := w.checker(func(o *Options) { o.Sources = []Source{{w.pki.Intermediate.Cert, []string{w.at("/mirror.crl")}}} })
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Check(t.Context(), chain, w.now); err != nil {
		t.Error(err)
	}
	if n := w.count("/mirror.crl"); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Check(t.Context(), chain, w.now); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// TestTooManyLists: the list that was not used for longest goes.
func TestTooManyLists(t *testing.T) {
	w := newWorld(t)
	c := w.checker(func(o *Options) { o.MaxLists = 2 })
	if err := c.Check(t.Context(), w.card(), w.now); err != nil {
		t.Fatal(err)
	}
	w.pki.Intermediate.Services.CRL = []string{w.at("/part2.crl")}
	w.set("/part2.crl", body(w.list(w.pki.Intermediate, listOf())))
	if err := c.Check(t.Context(), w.card(), w.now); err != nil {
		t.Error(err)
	}
	if s := c.Status(); len(s) != 2 || s[0].Address != w.at("/part2.crl") && s[1].Address != w.at("/part2.crl") {
		t.Errorf("%+v", s)
	}
}

// TestBadOptions: what cannot be is said.
func TestBadOptions(t *testing.T) {
	w := newWorld(t)
	for want, o := range map[string]Options{
		"negative duration":    {Wait: -1},
		"negative bound":       {MaxEntries: -1},
		"at least 10s":         {Refresh: time.Second},
		"method 2":             {Methods: []Method{2}},
		"twice":                {Methods: []Method{CRL, CRL}},
		"nil certificate":      {Authorities: []*x509.Certificate{nil}},
		"without issuer":       {Sources: []Source{{nil, []string{"http://crl.example.fr/"}}}},
		"neither http nor":     {Sources: []Source{{w.pki.Root.Cert, []string{"ftp://crl.example.fr/"}}}},
		"not fetched by LDAP":  {Sources: []Source{{w.pki.Root.Cert, []string{"ldap://crl.example.fr/"}}}},
		"no address of a serv": {Sources: []Source{{w.pki.Root.Cert, []string{"http:/ca.crl"}}}},
	} {
		if c, err := New(o); c != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := w.checker().Check(context.Background(), nil, w.now); err == nil {
		t.Error("an empty chain is good")
	}
	if err := w.checker().Check(context.Background(), []*x509.Certificate{w.pki.Root.Cert}, w.now); err != nil {
		t.Errorf("a root alone: %v", err)
	}
}
