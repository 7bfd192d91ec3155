package portal

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/portallab"
	"github.com/cpx-bridge/cpx-bridge/portal/administration"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/sessions"
)

const credentialsText = "Nom d’utilisateur ou mot de passe incorrect"

// A professional attaches the card once, and from then on logs in with one click.
func TestAttachOnceThenOneClick(t *testing.T) {
	s := newSite(t)
	holder := demopki.NewHolder("CPS", 1)
	card := issue(t, pki().Intermediate, holder)
	b := s.browser(t)
	b.shows(b.get("/"), http.StatusOK, "S’identifier par carte CPS")
	if next, reason := b.login(card); next != pathFirst {
		t.Fatalf("%q %q", next, reason)
	}
	b.shows(b.get(pathFirst), http.StatusOK, holder.Identifier, holder.Surname, "Ce n’est pas ma carte",
		"Ces informations sont à renseigner dans le cadre de la première connexion uniquement.",
		"Bretagne", "Mayotte", "France métropolitaine", "Outre-mer", "Comment obtenir un compte")
	b.loggedOut() // the card alone opens nothing

	b.shows(b.password(testName, "TEST autre mot de passe"), http.StatusForbidden, credentialsText)
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	b.loggedOut() // and neither does the password, before the person confirms
	b.shows(b.get(pathFirst+"/confirmation"), http.StatusOK, holder.Identifier, "Dr TEST Testeur", testName, "SERVICE TEST")
	b.redirected(b.confirm(), pathAttached)
	b.shows(b.get(pathSpace), http.StatusOK, "Dr TEST Testeur", holder.Identifier, holder.Surname, "CPS", holder.Profession, "utilisée maintenant")
	b.redirected(b.get("/"), pathSpace)
	b.redirected(b.mine("/deconnexion"), pathLoggedOut)
	b.shows(b.get(pathLoggedOut), http.StatusOK, "Vous êtes déconnecté. N’oubliez pas votre carte")
	b.loggedOut()

	b.entered(card, "Dr TEST Testeur")
	s.browser(t).entered(card, "Dr TEST Testeur") // and on another workstation
}

// A renewed card has another key, another certificate and, years later, another
// intermediate CA: only the trust group and the national identifier stay the same.
func TestRenewedCardStillLogsIn(t *testing.T) {
	next, err := pki().NewIntermediate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := newSiteUnder(t, []*x509.Certificate{next.Cert})
	b := s.browser(t)
	holder := demopki.NewHolder("CPS", 1)
	b.attach(issue(t, pki().Intermediate, holder), testName)
	b.entered(issue(t, pki().Intermediate, holder), "Dr TEST Testeur")
	b.entered(issue(t, next, holder), "Dr TEST Testeur")

	// The space shows what the renewed card says.
	holder.Profession = "TEST Sage-femme"
	b.entered(issue(t, next, holder), "Dr TEST Testeur")
	b.shows(b.get(pathSpace), http.StatusOK, "TEST Sage-femme")

	// An identifier that differs by one digit is another person's card.
	other := holder
	other.Identifier = holder.Identifier[:len(holder.Identifier)-1] + "x"
	if next, _ := b.login(issue(t, next, other)); next != pathFirst {
		t.Errorf("another identifier was sent to %q", next)
	}
}

// One identifier in two trust groups means two cards: each group issues its own
// identifiers.
func TestTrustGroupIsPartOfTheCard(t *testing.T) {
	elsewhere, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root, intermediate := portallab.WritePEM(t, dir, "r.pem", elsewhere.Root.Cert), portallab.WritePEM(t, dir, "i.pem", elsewhere.Intermediate.Cert)
	s := newSite(t, portallab.Replacing("[kinds]", "[[trust_group]]\nname = \"other\"\ntest = true\nroots = [\""+root+"\"]\nintermediates = [\""+intermediate+"\"]\n\n[kinds]"))
	b := s.browser(t)
	holder := demopki.NewHolder("CPS", 1)
	b.attach(issue(t, pki().Intermediate, holder), testName)
	if next, reason := b.login(issue(t, elsewhere.Intermediate, holder)); next != pathFirst {
		t.Errorf("the other group's card: %q %q, want the first connection", next, reason)
	}
}

func TestKindOfTheCard(t *testing.T) {
	for name, c := range map[string]struct {
		first, then string
		want        string
	}{
		"the same":           {"CPS", "CPS", pathSpace},
		"another":            {"CPF", "CPS", pathFirst},
		"stated before only": {"CPS", "", pathSpace},
		"stated now only":    {"", "CPS", pathSpace},
		"never stated":       {"", "", pathSpace},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(t)
			holder := demopki.NewHolder("CPS", 1)
			holder.Kind = c.first
			b.attach(issue(t, pki().Intermediate, holder), testName)
			holder.Kind = c.then
			next, reason := b.login(issue(t, pki().Intermediate, holder))
			if next != c.want {
				t.Fatalf("%q %q, want %s", next, reason, c.want)
			}
			if next == pathSpace {
				return
			}
			b.shows(b.get(pathFirst), http.StatusOK, "Le type de cette carte a changé")
			b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
			b.redirected(b.confirm(), pathAttached)
			b.entered(issue(t, pki().Intermediate, holder), "Dr TEST Testeur")
			if n := strings.Count(b.get(pathSpace).raw, "/detacher"); n != 1 {
				t.Errorf("%d cards attached, want the one card, updated", n)
			}
		})
	}
}

// A certificate that states no kind does not erase the one stated before: a later
// certificate of another kind must still be attached anew.
func TestKindIsRetained(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	holder := demopki.NewHolder("CPS", 1)
	b.attach(issue(t, pki().Intermediate, holder), testName)
	holder.Kind = ""
	b.entered(issue(t, pki().Intermediate, holder), "Dr TEST Testeur")
	holder.Kind = "CPA"
	if next, _ := b.login(issue(t, pki().Intermediate, holder)); next != pathFirst {
		t.Errorf("sent to %q, want to be asked to attach again", next)
	}
}

// A service card passes from hand to hand: it is known by its certificate only.
func TestUnnamedCard(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	holder := demopki.NewUnnamedHolder(1)
	card := issue(t, pki().Intermediate, holder)
	if next, _ := b.login(card); next != pathFirst {
		t.Fatal(next)
	}
	b.shows(b.get(pathFirst), http.StatusOK, holder.Pseudonym, "Cette carte ne désigne pas une personne")
	b.attach(card, testName)
	b.entered(card, "Dr TEST Testeur")
	if next, _ := b.login(issue(t, pki().Intermediate, holder)); next != pathFirst {
		t.Errorf("after renewal: %q, want to be asked again", next)
	}
	// A card of a named person with the same identifier is another card too.
	named := demopki.NewHolder("CPE", 1)
	named.Identifier = holder.Identifier
	if next, _ := b.login(issue(t, pki().Intermediate, named)); next != pathFirst {
		t.Errorf("a named card with its identifier: %q", next)
	}
}

func TestCardAttachedElsewhere(t *testing.T) {
	s := newSite(t)
	s.account(t, "autre", "Mme TEST Autre")
	b, other := s.browser(t), s.browser(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	// Both first connections begin before either ends: the database decides.
	for _, each := range []*browser{b, other} {
		if next, _ := each.login(card); next != pathFirst {
			t.Fatal(next)
		}
	}
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	other.redirected(other.password("autre", testPassword), pathFirst+"/confirmation")
	b.redirected(b.confirm(), pathAttached)
	refused := other.confirm()
	other.shows(refused, http.StatusConflict, "Cette carte est déjà rattachée à un autre compte")
	if strings.Contains(refused.raw, "confirm-attach") {
		t.Error("the page still offers to attach")
	}
	if strings.Contains(refused.text, "Dr TEST Testeur") {
		t.Error("the page names the other account")
	}
	other.loggedOut()
	other.entered(card, "Dr TEST Testeur")
}

func TestSeveralCards(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	first, second := demopki.NewHolder("CPS", 1), demopki.NewHolder("CPE", 2)
	one, two := issue(t, pki().Intermediate, first), issue(t, pki().Intermediate, second)
	b.attach(one, testName)
	b.attach(two, testName)
	b.shows(b.get(pathSpace), http.StatusOK, first.Identifier, second.Identifier)
	b.entered(one, "Dr TEST Testeur")

	// Detaching another card leaves the session alone; detaching this login's ends it.
	page := b.get(pathSpace)
	ids := cardIDs(t, page)
	if len(ids) != 2 {
		t.Fatalf("cards %v", ids)
	}
	b.shows(b.get("/cartes/"+ids[1]+"/detacher"), http.StatusOK, "Détacher cette carte\u00a0?", second.Identifier)
	b.redirected(b.post("/cartes/"+ids[1]+"/detacher"), spaceDetached)
	b.redirected(b.post("/cartes/"+ids[1]+"/detacher"), spaceDetached) // a second click
	if next, _ := s.browser(t).login(two); next != pathFirst {
		t.Errorf("the detached card: %q", next)
	}
	b.shows(b.get("/cartes/"+ids[0]+"/detacher"), http.StatusOK, "vous serez déconnecté")
	b.redirected(b.post("/cartes/"+ids[0]+"/detacher"), pathDetached)
	b.redirected(b.post("/cartes/"+ids[0]+"/detacher"), pathDetached) // a second click
	b.loggedOut()
	if next, _ := b.login(one); next != pathFirst {
		t.Errorf("the card of the login, detached: %q", next)
	}
}

func cardIDs(t *testing.T, page answer) []string {
	t.Helper()
	var ids []string
	for _, part := range strings.Split(page.raw, `href="/cartes/`)[1:] {
		id, _, ok := strings.Cut(part, "/")
		if !ok {
			t.Fatal(part)
		}
		ids = append(ids, id)
	}
	return ids
}

// Nobody detaches another account's card, or learns that it exists.
func TestDetachOnlyOnesOwn(t *testing.T) {
	s := newSite(t)
	s.account(t, "autre", "Mme TEST Autre")
	mine, theirs := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	b, other := s.browser(t), s.browser(t)
	b.attach(mine, testName)
	other.attach(theirs, "autre")
	id := cardIDs(t, other.get(pathSpace))[0]
	for _, path := range []string{"/cartes/" + id + "/detacher", "/cartes/999/detacher", "/cartes/x/detacher"} {
		b.shows(b.get(path), http.StatusNotFound, "Cette page n’existe pas.")
		if a := b.post(path); path == "/cartes/x/detacher" {
			b.shows(a, http.StatusNotFound, "Cette page n’existe pas.")
		} else {
			b.redirected(a, spaceDetached) // as after a second click on one's own
		}
		nobody := s.browser(t)
		nobody.redirected(nobody.get(path), "/")
		nobody.redirected(nobody.post(path), "/")
	}
	other.entered(theirs, "Mme TEST Autre")
}

// The pending card is dropped at once, with the session that held it.
func TestNotMyCard(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Fatal(next)
	}
	old := b.cookie()
	b.redirected(b.mine(pathFirst+"/pas-ma-carte"), "/")
	if b.cookie().Value != "" {
		t.Error("the cookie is still there")
	}
	thief := s.browser(t)
	thief.header.Set("Cookie", old.String())
	thief.shows(thief.get(pathFirst), http.StatusForbidden, "Aucune carte n’attend")
}

// A card is pending for five minutes, only in the session that presented it.
func TestPendingCard(t *testing.T) {
	s := newSite(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	b := s.browser(t)
	if next, _ := b.login(card); next != pathFirst {
		t.Fatal(next)
	}
	other := s.browser(t)
	other.challenge()
	for _, a := range []answer{other.get(pathFirst), other.password(testName, testPassword), other.get(pathFirst + "/confirmation"), other.post(pathFirst + "/confirmation")} {
		other.shows(a, http.StatusForbidden, "Aucune carte n’attend")
	}
	// Confirming without the password step leads nowhere.
	b.shows(b.post(pathFirst+"/confirmation"), http.StatusForbidden, "Aucune carte n’attend")

	s.clock.pass(sessions.PendingLife - 2*time.Second)
	b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
	s.clock.pass(2 * time.Second)
	for _, a := range []answer{b.get(pathFirst), b.password(testName, testPassword), b.get(pathFirst + "/confirmation"), b.post(pathFirst + "/confirmation")} {
		b.shows(a, http.StatusForbidden, "Aucune carte n’attend")
	}
	b.loggedOut()
	if next, _ := s.browser(t).login(card); next != pathFirst {
		t.Errorf("the card is attached nevertheless: %q", next)
	}
}

// An unknown name and a wrong password get the same answer, byte for byte apart
// from the name typed; nothing reveals which accounts exist.
func TestNoEnumeration(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	if next, _ := b.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Fatal(next)
	}
	wrong, unknown := b.password(testName, "TEST autre mot de passe"), b.password("inconnu", testPassword)
	decoyed := b.mine(pathFirst, "username", "inconnu", "password", "no account has this password") // what the decoy hashes
	elsewhere := b.mine(pathFirst, "region", "corse", "service", "SERVICE TEST", "username", testName, "password", testPassword)
	for name, a := range map[string]answer{"wrong": wrong, "unknown": unknown, "decoy": decoyed, "other region": elsewhere} {
		b.shows(a, http.StatusForbidden, credentialsText)
		if name == "other region" || name == "decoy" { // another form filled in
			continue
		}
		if got, want := strings.ReplaceAll(a.raw, "inconnu", testName), wrong.raw; got != want {
			t.Errorf("%s: the page differs from a wrong password's", name)
		}
	}
	// The same work, too: both wait in the line for the same hash.
	if mine, err := passwords.Hash(testPassword); err != nil || cost(mine) != cost(passwords.Decoy) {
		t.Errorf("an account's hash is %s, the decoy's %s, %v", mine, passwords.Decoy, err)
	}
	other := s.browser(t)
	if next, _ := other.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))); next != pathFirst {
		t.Fatal(next)
	}
	empty := s.fillLine(t)
	for _, name := range []string{testName, "inconnu"} {
		other.shows(other.password(name, testPassword), http.StatusServiceUnavailable)
	}
	empty()
	b.shows(b.password("", testPassword), http.StatusUnprocessableEntity, "Indiquez votre nom d’utilisateur")
	b.shows(b.password(strings.Repeat("x", 201), testPassword), http.StatusUnprocessableEntity)
	if strings.Contains(s.log.String(), testPassword) || strings.Contains(s.log.String(), "TEST autre mot de passe") {
		t.Error("a password is in the log")
	}
}

// Region and service are compared where both sides state them; the name may be in
// any letter case, with spaces around it.
func TestFormFitsTheAccount(t *testing.T) {
	s := newSite(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	for name, c := range map[string]struct {
		fields []string
		good   bool
	}{
		"neither":         {[]string{"username", testName}, true},
		"any case":        {[]string{"username", " DTest ", "service", " service test "}, true},
		"another service": {[]string{"username", testName, "service", "AUTRE TEST"}, false},
		"another region":  {[]string{"username", testName, "region", "corse"}, false},
		"unknown region":  {[]string{"username", testName, "region", "<script>"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.browser(t)
			if next, _ := b.login(card); next != pathFirst {
				t.Fatal(next)
			}
			a := b.mine(pathFirst, append(c.fields, "password", testPassword)...)
			if good := a.StatusCode == http.StatusSeeOther; good != c.good {
				t.Errorf("%d, want to pass: %v", a.StatusCode, c.good)
			}
		})
	}
}

func TestAccounts(t *testing.T) {
	s := newSite(t)
	good := administration.NewAccount{Name: "autre", Display: "Mme TEST", Service: "SERVICE TEST", Region: "corse", Password: testPassword}
	for name, change := range map[string]func(*administration.NewAccount){
		"no name":        func(n *administration.NewAccount) { n.Name = " " },
		"long name":      func(n *administration.NewAccount) { n.Name = strings.Repeat("x", 201) },
		"no display":     func(n *administration.NewAccount) { n.Display = "" },
		"no service":     func(n *administration.NewAccount) { n.Service = "" },
		"no such region": func(n *administration.NewAccount) { n.Region = "atlantide" },
		"short password": func(n *administration.NewAccount) { n.Password = "court" },
		"long password":  func(n *administration.NewAccount) { n.Password = strings.Repeat("x", passwords.MaxLength+1) },
		"taken":          func(n *administration.NewAccount) { n.Name = testName },
		"taken, by case": func(n *administration.NewAccount) { n.Name = strings.ToUpper(testName) },
	} {
		n := good
		change(&n)
		if err := s.Administration().AddAccount(t.Context(), n); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := s.Administration().AddAccount(t.Context(), good); err != nil {
		t.Error(err)
	}
}

// cost is what a hash says of its cost.
func cost(hash string) string { return strings.Join(strings.Split(hash, "$")[:4], "$") }

// fillLine has as many others wait for their password's turn as the site admits, until empty.
func (s *site) fillLine(t *testing.T) (empty func()) {
	t.Helper()
	release := s.hold(t)
	ctx, end := context.WithCancel(t.Context())
	var queued sync.WaitGroup
	for range passwords.MaxQueued {
		queued.Go(func() {
			if _, err := s.hashing.Acquire(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for _, n := s.hashing.Load(); n < passwords.MaxQueued; _, n = s.hashing.Load() {
		runtime.Gosched()
	}
	return func() {
		end()
		queued.Wait()
		release()
	}
}

// hold has all turns to hash a password, until release.
func (s *site) hold(t *testing.T) (release func()) {
	t.Helper()
	var all []func()
	for range passwords.MaxRunning {
		one, err := s.hashing.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return func() {
		for _, one := range all {
			one()
		}
	}
}

// TestPasswordReplacedMeanwhile: a password that waits its turn to be hashed while an operator
// replaces it is as wrong as one that comes later.
func TestPasswordReplacedMeanwhile(t *testing.T) {
	s := newSite(t)
	release := s.hold(t)
	b := s.browser(t)
	if next, reason := b.login(issue(t, portallab.PKI().Intermediate, demopki.NewHolder("CPS", 1))); next != pathFirst {
		t.Fatal(next, reason)
	}
	answered := make(chan answer)
	go func() { answered <- b.password(testName, testPassword) }()
	for _, queued := s.hashing.Load(); queued == 0; _, queued = s.hashing.Load() {
		runtime.Gosched()
	}
	if err := s.Administration().ResetPassword(t.Context(), testName, "another TEST password"); err != nil {
		t.Fatal(err)
	}
	release()
	b.shows(<-answered, http.StatusForbidden, credentialsText)
	b.redirected(b.password(testName, "another TEST password"), pathFirst+"/confirmation")
}
