package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/axe"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	chromium "github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
)

// eyes are a real Chromium on the site, with the person in front of it. Its card is proved
// by the test in the agent's place: there is no agent here.
type eyes struct {
	t    *testing.T
	site *site
	tab  context.Context
}

const patient = 45 * time.Second

func (s *site) chromium(t *testing.T, lang string) *eyes {
	t.Helper()
	program, err := chromium.Find()
	if err != nil {
		need.Lacks(t, "chromium")
	}
	need.File(t, program)
	tab, end, err := chromium.Start(t.Context(), chromium.Options{Home: t.TempDir(), Origin: s.origin, Lang: lang})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return &eyes{t, s, tab}
}

func (e *eyes) do(steps ...chromedp.Action[chromedp.Void]) {
	e.t.Helper()
	if err := chromium.Within(e.tab, patient, steps...); err != nil {
		e.t.Fatalf("%v\n%s", err, chromium.PageText(e.tab))
	}
}

func (e *eyes) open(path string) {
	e.t.Helper()
	e.do(chromedp.Navigate(e.site.origin + path))
}

// value is an expression's value in the page, as JSON.
func (e *eyes) value(expression string, into any) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.tab, patient)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("Promise.resolve("+expression+").then((v) => JSON.stringify(v ?? null))", chromedp.EvalAwaitPromise))
	if err == nil {
		err = json.Unmarshal([]byte(text), into)
	}
	if err != nil {
		e.t.Fatalf("%s: %v", expression, err)
	}
}

func (e *eyes) text(expression string) (s string) {
	e.t.Helper()
	e.value("String("+expression+")", &s)
	return s
}

// forget is another person's browser: no session, no chosen language.
func (e *eyes) forget() {
	e.t.Helper()
	e.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{})
		return err
	}))
}

// login proves the card in a browser that has no session, and goes where the site sends the page.
func (e *eyes) login(c testCard) {
	e.t.Helper()
	e.forget()
	e.open("/assistance")
	var got struct{ Nonce, Next, Reason string }
	e.value(`fetch("/auth/challenge").then((r) => r.json())`, &got)
	body, err := json.Marshal(`{"auth-token":` + string(c.token(e.t, e.site.origin, got.Nonce)) + `}`)
	if err != nil {
		e.t.Fatal(err)
	}
	e.value(`fetch("/auth/login", {method: "POST", headers: {"Content-Type": "application/json"}, body: `+string(body)+`}).then((r) => r.json())`, &got)
	if got.Next == "" {
		e.t.Fatalf("login: %+v", got)
	}
	e.open(got.Next)
}

// first fills in the form of the first connection and sends it.
func (e *eyes) first(name, password string) {
	e.t.Helper()
	e.do(chromium.Fill("#username", name), chromium.Fill("#password", password), chromium.Click("#attach-form button[type=submit]"))
}

func (e *eyes) attach(c testCard, name string) {
	e.t.Helper()
	e.login(c)
	e.first(name, testPassword)
	e.do(chromium.Click("#confirm-attach"), chromium.Visible("#attached-cards"))
}

// state is a page as a person may have it before them.
type state struct {
	name string
	show func(e *eyes)
}

func states() []state {
	path := func(path string) func(e *eyes) { return func(e *eyes) { e.forget(); e.open(path) } }
	card := func(t *testing.T, n int) testCard { return issue(t, pki().Intermediate, demopki.NewHolder("CPS", n)) }
	return []state{
		{"home", path("/")},
		{"home-logged-out", path("/?session=fermee")},
		{"home-removed", path("/?carte=retiree")},
		{"home-no-agent", func(e *eyes) {
			e.forget()
			e.open("/")
			e.do(chromium.Click("#card-login"), chromium.Visible("#test-workstation"))
		}},
		{"support", path("/assistance")},
		{"help", path("/aide")},
		{"selftest", path("/poste")},
		{"selftest-no-agent", func(e *eyes) {
			e.forget()
			e.open("/poste")
			e.do(chromium.Click("cpx-selftest", "[part=start]"), until(leads("cpx-selftest")))
		}},
		{"not-found", path("/rien")},
		{"expired", path(pathFirst)},
		{"first", func(e *eyes) { e.login(card(e.t, 1)) }},
		{"first-unnamed", func(e *eyes) { e.login(issue(e.t, pki().Intermediate, demopki.NewUnnamedHolder(1))) }},
		{"first-missing", func(e *eyes) {
			e.login(card(e.t, 1))
			e.value(`document.querySelector("#attach-form").noValidate = true`, new(any))
			e.first("dtest", "")
			e.do(chromium.Visible("main .error"))
		}},
		{"first-wrong", func(e *eyes) {
			e.login(card(e.t, 1))
			e.first("dtest", "TEST faux")
			e.do(chromium.Visible("main .error"))
		}},
		{"first-throttled", func(e *eyes) {
			e.login(card(e.t, 1))
			for range passwords.FreeFailures + 1 {
				e.first("dtest", "TEST faux")
				e.do(chromium.Visible("main .error"))
			}
		}},
		{"confirmation", func(e *eyes) {
			e.login(card(e.t, 2))
			e.first(testName, testPassword)
			e.do(chromium.Visible("#confirm-attach"))
		}},
		{"space-attached", func(e *eyes) { e.attach(card(e.t, 3), testName) }},
		{"space", func(e *eyes) {
			long := demopki.NewHolder("CPE", 4)
			long.Surname, long.GivenName = "TEST-DE LA ROCHEFOUCAULD-MONTMORENCY", "MARIE-CHRISTINE ÉLISABETH"
			long.Profession = "Masseur-kinésithérapeute spécialisé en rééducation fonctionnelle TEST"
			e.attach(issue(e.t, pki().Intermediate, long), testName)
			e.login(card(e.t, 3))
		}},
		{"space-sessions", func(e *eyes) {
			c := card(e.t, 3)
			for range 2 {
				e.site.browser(e.t).entered(c, "Dr TEST Testeur")
			}
			e.open("/espace")
		}},
		{"confirmation-other-name", func(e *eyes) {
			e.site.account(e.t, "autre-nom", "Mme Claire AUTRE-NOM")
			e.login(card(e.t, 5))
			e.first("autre-nom", testPassword)
			e.do(chromium.Visible("#confirm-attach"))
		}},
		{"attached-elsewhere", func(e *eyes) {
			c := card(e.t, 6)
			e.site.account(e.t, "premier", "Dr TEST Premier")
			e.login(c)
			e.first(testName, testPassword)
			e.do(chromium.Visible("#confirm-attach"))
			e.site.browser(e.t).attach(c, "premier")
			e.do(chromium.Click("#confirm-attach"), chromium.Visible("main .error"))
		}},
		{"home-ended", path("/?session=finie")},
		{"home-everywhere", path("/?session=partout")},
		{"home-detached", path("/?carte=detachee")},
		{"detach", func(e *eyes) {
			e.attach(card(e.t, 8), testName)
			e.do(chromium.Click("#attached-cards a"), chromium.Visible("#confirm-detach"))
		}},
	}
}

// overflow are the elements that stick out of the window, or of a part that scrolls.
const overflow = `(() => {
  const out = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) out.push("the page is " + document.documentElement.scrollWidth + " wide");
  for (const e of document.querySelectorAll("body *")) {
    const r = e.getBoundingClientRect();
    if (!r.width || e.closest(".hidden, .skip")) continue;
    if (r.right > width + 1 || r.left < -1) out.push(e.tagName + "." + e.className + "#" + e.id + " " + Math.round(r.left) + "–" + Math.round(r.right) + ": " + e.innerText?.slice(0, 40));
    if (e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX)) out.push(e.tagName + "." + e.className + " scrolls sideways");
  }
  return out.slice(0, 5);
})()`

// TestPagesAsSeen: every page in every state can be used by a person with a screen reader or a
// keyboard, as far as axe finds, and has everything in sight on windows from 320 to 1366 px, in
// both languages. PICTURES names a folder for a picture of each.
func TestPagesAsSeen(t *testing.T) {
	script := axe.Install(t, filepath.Join("..", "build"))
	widths := map[string][]int64{french: {320, 768, 1366}, english: {320, 768, 1366}}
	if testing.Short() {
		widths = map[string][]int64{french: {320, 1366}, english: {768}}
	}
	for lang := range widths {
		t.Run(lang, func(t *testing.T) {
			e := newSite(t).chromium(t, lang)
			for _, st := range states() {
				e.do(chromedp.EmulateViewport(1366, 768))
				st.show(e)
				for _, width := range widths[lang] {
					e.do(chromedp.EmulateViewport(width, 768))
					e.inspect(script, fmt.Sprintf("%s-%s-%d", st.name, lang, width))
				}
			}
		})
	}
}

// inspect holds what is on the screen against axe's rules and the window.
func (e *eyes) inspect(script, name string) {
	e.t.Helper()
	var out []string
	e.value(overflow, &out)
	for _, o := range out {
		e.t.Errorf("%s: %s", name, o)
	}
	broken, rules, err := axe.Check(e.tab, script)
	if err != nil || rules < 10 {
		e.t.Fatalf("%s: %d rules, %v", name, rules, err)
	}
	for _, b := range broken {
		e.t.Errorf("%s: %s", name, b)
	}
	if title := e.text("document.title"); strings.HasPrefix(title, " ·") {
		e.t.Errorf("%s: title %q", name, title)
	}
	if dir := os.Getenv("PICTURES"); dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			e.t.Fatal(err)
		}
		if err := chromium.Picture(e.tab, filepath.Join(dir, name+".png")); err != nil {
			e.t.Fatal(err)
		}
	}
}

// leads is a script for whether the element's own tree has a link to the help with an absent agent.
func leads(element string) string {
	return `[...document.querySelector("` + element + `").shadowRoot.querySelectorAll("a")].some((a) => a.pathname === "/aide" && a.hash === "#no_agent") || null`
}

// until waits for a script's value that is not null.
func until(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for {
			if got, err := chromedp.Evaluate[*bool](script)(ctx, t); err == nil && got != nil {
				return nil
			}
			if err := chromedp.Do(ctx, chromedp.Sleep(20*time.Millisecond)); err != nil {
				return fmt.Errorf("never true: %s", script)
			}
		}
	})
}

// TestNoAgentLeadsOn: where no agent answers, the login and the test of the workstation lead to
// the help's part about it, also where the operator names where to get one.
func TestNoAgentLeadsOn(t *testing.T) {
	e := newSite(t, func(text string) string { return text + "\n[card_login]\ninstall_url = \"/assistance#agent\"\n" }).chromium(t, french)
	e.open("/")
	e.do(chromium.Click("#card-login"), until(leads("cpx-login")))
	e.open("/poste")
	e.do(chromium.Click("cpx-selftest", "[part=start]"), until(leads("cpx-selftest")))
	e.open("/aide#no_agent")
	e.do(chromium.Visible("#no_agent"))
}

// TestFirstConnectionAsUsed: the user name comes first and has the focus; after a wrong
// password that field has it, is marked, and its message is tied to it; a change of language
// keeps what was typed, but for the password.
func TestFirstConnectionAsUsed(t *testing.T) {
	e := newSite(t).chromium(t, french)
	e.login(issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)))
	const focus, fields = `document.activeElement.id`, `[...document.querySelectorAll("#attach-form input:not([type=hidden]), #attach-form select")].map((f) => f.id)`
	if got := e.text(focus); got != "username" {
		t.Errorf("%q has the focus", got)
	}
	if got := e.text(fields); got != "username,password,region,service" {
		t.Errorf("the fields are %s", got)
	}
	e.first("dtest", "TEST faux")
	e.do(chromium.Visible("main .error"))
	const marked = `(() => { const p = document.activeElement; return [p.id, p.getAttribute("aria-invalid"), document.getElementById(p.getAttribute("aria-describedby"))?.innerText.slice(0, 17)]; })()`
	if got := e.text(marked); got != "password,true,Nom d’utilisateur" {
		t.Errorf("after a wrong password: %s", got)
	}
	if got := e.text("document.title"); !strings.HasPrefix(got, "Erreur") {
		t.Errorf("the title is %q", got)
	}
	e.do(chromium.Fill("#username", "autre"), chromium.Fill("#password", "TEST secret"), chromium.Fill("#service", "URGENCES TEST"), chromium.Fill("#region", "corse"),
		chromium.Click("#language button"), chromium.Shows("h1", "First login"), chromium.Visible("#username"))
	const typed = `(() => { const f = document.querySelector("#attach-form").elements; return [f.username.value, f.password.value, f.service.value, f.region.value, document.activeElement.id, JSON.stringify(sessionStorage)]; })()`
	if got := e.text(typed); got != "autre,,URGENCES TEST,corse,password,{}" {
		t.Errorf("after a change of language: %s", got)
	}
	// What was typed for one card is nothing for the next.
	e.value(`sessionStorage.setItem("typed", JSON.stringify({card: document.querySelector("#attach-form").dataset.keep + "0", username: "encore"}))`, new(any))
	e.open(pathFirst)
	e.do(chromium.Visible("#username"))
	if got := e.text(typed); got != ",,,,username,{}" {
		t.Errorf("for another card: %s", got)
	}
}

// TestTwoClicks: a form that is sent twice, on a page whose script does not hold the second one
// back, ends in a real browser as one that is sent once.
func TestTwoClicks(t *testing.T) {
	s := newSite(t)
	e := s.chromium(t, french)
	one, two := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	twice := func(button, ends, says string) {
		t.Helper()
		e.do(chromium.Visible(button))
		e.value(`((f) => { f.submit(); setTimeout(() => f.submit(), 3); return true; })(document.querySelector("`+button+`").form)`, new(any))
		e.do(chromium.Shows(ends, says))
	}
	for _, card := range []testCard{two, one} {
		e.login(card)
		e.do(chromium.Fill("#username", testName), chromium.Fill("#password", testPassword))
		twice("#attach-form button[type=submit]", "h1", "Confirmez")
		twice("#confirm-attach", "main", "Votre carte est rattach")
		e.do(chromium.Visible("#attached-cards"))
	}
	s.browser(t).entered(one, "Dr TEST Testeur")
	s.browser(t).entered(one, "Dr TEST Testeur")
	e.open("/espace")
	twice("#sessions button", "main", "La session est ferm")
	twice("#end-others", "main", "Toutes les autres sessions sont ferm")
	id := cardIDs(t, answer{raw: e.text("document.body.innerHTML")})
	e.open("/cartes/" + id[0] + "/detacher")
	twice("#confirm-detach", "main", "La carte est d")
	e.do(chromium.Visible("#attached-cards"))
	twice("#end-all", "main", "partout")
	e.do(chromium.Visible("#card-login"))
	e.login(one)
	e.open("/cartes/" + id[1] + "/detacher")
	twice("#confirm-detach", "main", "La carte est d")
	e.do(chromium.Visible("#card-login"))
	e.attach(one, testName)
	twice("#logout", "main", "Vous êtes déconnecté")
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Error(s.log)
	}
}
