package js

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
)

// allowedStatus is what an agent answers to a site that it allows.
const allowedStatus = `{"jsonrpc":"2.0","id":%d,"result":{"protocol":1,"agent":{"name":"CPx Bridge","version":"0.1.0"},"readers":1,"card":"present"}}`

// goodReport is a portal's answer about a card that would do, with more in it than the
// page may show.
const goodReport = `{"fit":true,"validFrom":"2026-01-01T12:00:00Z","validTo":"2099-01-01T12:00:00Z","now":%q,"kind":"CPS","revocation":"off","holder":"Dr NOMDEFAMILLE TEST"}`

// ownTest is an address on which the browser asks nobody anything.
func ownTest(port, count int, more string) (query string) {
	body := fmt.Sprintf(`<p><a href="#" id="before">avant</a></p><cpx-selftest ports-first="%d" ports-count="%d" %s></cpx-selftest>`, port, count, more)
	return "?csp=" + url.QueryEscape(strict) + "&body=" + url.QueryEscape(body)
}

const trial = `challenge-url="/auth/challenge" report-url="/auth/login"`

// selfTestPage shows a page with the self-test, whose trial login gets the answer of login.
func selfTestPage(t *testing.T, e *events, port, count int, attributes string, login http.HandlerFunc) {
	t.Helper()
	visit(t, site(t, e, login)+ownTest(port, count, attributes))
	inPage(t, ready)
}

// ready loads the element, and defines what these tests do with it.
const ready = `
	window.told = [];
	document.addEventListener("securitypolicyviolation", (e) => told.push("violation " + e.violatedDirective));
	await import("/static/selftest.mjs");
	const e = document.querySelector("cpx-selftest");
	window.part = (name) => e.shadowRoot.querySelector("[part=" + name + "]");
	window.until = async (f) => { while (!f()) await new Promise((r) => setTimeout(r, 10)); };
	window.ended = async () => {
		await until(() => part("cancel").hidden && !part("result").hidden);
		return e.steps.map((s) => [s.state, s.error?.reason, s.error?.detail].filter((x) => x).join(" ")).join(", ");
	};
	await until(() => part("start").textContent);`

// text is a value that a script gave, which is a text.
func (o outcome) text(t *testing.T) (text string) {
	t.Helper()
	if err := json.Unmarshal(o.Value, &text); err != nil {
		t.Fatal(err, o.reason())
	}
	return text
}

func answers(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

// Each step ends as what is there says, and says what to do.
func TestSelfTest(t *testing.T) {
	agent := func(status string, reply answer) func(*testing.T, net.Listener, *events) {
		return func(t *testing.T, l net.Listener, e *events) { agentOn(t, l, "agent", e, status, reply) }
	}
	says := func(result string) string {
		return `{"jsonrpc":"2.0","id":%d,"result":{"protocol":1,"agent":{"name":"CPx Bridge","version":"0.1.0"},` + result + `}}`
	}
	silent := func(t *testing.T, l net.Listener, e *events) { squatOn(t, l, "silent", e) }
	foreign := func(t *testing.T, l net.Listener, _ *events) {
		serve(t, l, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "TEST") })
	}
	absent := func(_ *testing.T, l net.Listener, _ *events) { l.Close() }
	nonsense := agent("hello %d", none)
	type port = func(*testing.T, net.Listener, *events)
	for name, c := range map[string]struct {
		ports []port
		want  string
		shows string // in what the page shows, and in the text for the hotline
	}{
		"good":                {[]port{agent(allowedStatus, none)}, "good, not_applicable, good, good", "Une carte est dans le lecteur."},
		"not allowed":         {[]port{agent(goodStatus, none)}, "good, not_applicable, good, not_applicable", "Diagnostic"},
		"no reader":           {[]port{agent(says(`"readers":0,"card":"absent"`), none)}, "good, not_applicable, good, failed no_reader", "Aucun lecteur"},
		"no card":             {[]port{agent(says(`"readers":1,"card":"absent"`), none)}, "good, not_applicable, good, failed no_card", "Aucune carte"},
		"not read yet":        {[]port{agent(says(`"readers":1,"card":"unknown"`), none)}, "good, not_applicable, good, not_applicable", "n’a pas fini de lire"},
		"nobody":              {[]port{absent, absent}, "good, not_applicable, failed no_agent, pending", "Aucun agent"},
		"hangs":               {[]port{absent, agent("", none)}, "good, not_applicable, failed no_agent, pending", "rien n’y répond comme un agent"},
		"silent program":      {[]port{silent}, "good, not_applicable, failed no_agent, pending", "prend la connexion et ne dit rien"},
		"foreign service":     {[]port{foreign}, "good, not_applicable, failed no_agent, pending", "Aucun agent"},
		"speaks otherwise":    {[]port{nonsense}, "good, not_applicable, failed no_agent, pending", "rien n’y répond comme un agent"},
		"another program too": {[]port{nonsense, agent(allowedStatus, none)}, "good, not_applicable, good, good", "Un agent a répondu sur le port"},
		"too old":             {[]port{agent(`{"jsonrpc":"2.0","id":%d,"result":{"protocol":0}}`, none)}, "good, not_applicable, failed agent_too_old, pending", "trop ancien"},
		"odd version":         {[]port{agent(strings.Replace(allowedStatus, "0.1.0", `<b>NOMDEFAMILLE</b>`, 1), none)}, "good, not_applicable, good, good", "Version de l’agent\u00a0: ?."},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			e := newEvents()
			open(t, e, "", nil)
			first, listeners := freePorts(t, len(c.ports))
			for i, p := range c.ports {
				p(t, listeners[i], e)
			}
			selfTestPage(t, e, first, len(c.ports), "", nil)
			got := inPage(t, `part("start").click(); return ended()`).text(t)
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			shown := inPage(t, `return part("steps").innerText`).text(t)
			report := inPage(t, `return document.querySelector("cpx-selftest").report`).text(t)
			if !strings.Contains(shown, c.shows) || !strings.Contains(report, c.shows) {
				t.Errorf("%q is not in\n%s\n%s", c.shows, shown, report)
			}
			if strings.Contains(report, "NOMDEFAMILLE") {
				t.Errorf("the text has what an agent said:\n%s", report)
			}
			if got := inPage(t, `return told.join(", ")`).text(t); got != "" {
				t.Error(got)
			}
			for _, x := range e.all() {
				if strings.HasPrefix(x, "agent ") && x != "agent dialled" && x != "agent status" && x != "agent closed" {
					t.Errorf("the test made a %s", x)
				}
			}
		})
	}
}

// The trial login: what the portal says of the card, and each way in which it ends otherwise.
func TestSelfTestTrial(t *testing.T) {
	fails := func(code int, reason, more string) answer {
		return func(send func(string, ...any), r request) {
			send(`{"jsonrpc":"2.0","id":%d,"error":{"code":%d,"message":"Dr NOMDEFAMILLE","data":{"reason":%q%s}}}`, r.ID, code, reason, more)
		}
	}
	problem := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	now := "2098-12-01T12:00:00Z"
	for name, c := range map[string]struct {
		reply  answer
		portal http.HandlerFunc
		want   string
		shows  string
	}{
		"good":              {signs, answers(fmt.Sprintf(goodReport, now)), "good", "encore 31\u00a0jours"},
		"clock":             {signs, answers(fmt.Sprintf(goodReport, now)), "good", "L’horloge de ce poste diffère"},
		"expired":           {signs, answers(`{"fit":false,"reason":"expired","validFrom":"2020-01-01T12:00:00Z","validTo":"2023-01-01T12:00:00Z","now":"2023-01-04T12:00:00Z","reference":"K7M4PX"}`), "failed login_refused expired", "[login_refused.expired, K7M4PX]"},
		"not yet":           {signs, answers(`{"fit":false,"reason":"not_yet_valid","validFrom":"2030-01-01T12:00:00Z","validTo":"2033-01-01T12:00:00Z","now":"2029-01-04T12:00:00Z"}`), "failed login_refused not_yet_valid", "pas encore aujourd’hui"},
		"odd reason":        {signs, answers(`{"fit":false,"reason":"Dr NOMDEFAMILLE","reference":"Dr NOMDEFAMILLE"}`), "failed login_refused ?", "refusé l’identification"},
		"odd dates":         {signs, answers(`{"fit":true,"validFrom":"NOMDEFAMILLE","validTo":7,"kind":"NOMDEFAMILLE"}`), "good", "authentification"},
		"another answer":    {signs, answers(`{"next":"/espace"}`), "failed login_refused unexpected_answer", "répondu comme prévu"},
		"a problem":         {signs, problem(403, `{"reason":"bad_signature","detail":"Dr NOMDEFAMILLE"}`), "failed login_refused bad_signature", "n’a pas pu être vérifiée"},
		"an own reason":     {signs, problem(403, `{"reason":"closed","detail":"Dr NOMDEFAMILLE"}`), "failed login_refused closed", "refusé l’identification"},
		"too many":          {signs, problem(429, ``), "failed login_refused too_many_requests", "trop d’essais"},
		"portal down":       {signs, func(w http.ResponseWriter, _ *http.Request) { hangUp(w) }, "failed login_refused unreachable", "n’a pas pu être joint"},
		"cancelled":         {fails(1001, "cancelled", ""), nil, "cancelled cancelled", "annulée"},
		"refused":           {fails(1002, "consent_denied", ""), nil, "cancelled consent_denied", "Vous n’avez pas autorisé"},
		"busy":              {fails(1004, "busy", `,"retryAfter":299`), nil, "failed busy", "Trop de demandes"},
		"one try":           {fails(1202, "pin_incorrect", `,"triesLeft":1,"reference":"K7M4PX"`), nil, "failed pin_incorrect", "[pin_incorrect, 1202, triesLeft 1, K7M4PX]"},
		"locked":            {fails(1201, "pin_locked", ""), nil, "failed pin_locked", "bloqué"},
		"an unheard reason": {fails(1999, "Dr NOMDEFAMILLE", `,"detail":"Dr NOMDEFAMILLE"`), nil, "failed Dr NOMDEFAMILLE Dr NOMDEFAMILLE", "n’a pas abouti"},
		"agent gone":        {func(send func(string, ...any), _ request) { send("close") }, nil, "failed agent_lost", "perdue"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			e := newEvents()
			open(t, e, "", nil)
			port, l := freePorts(t, 1)
			agentOn(t, l[0], "agent", e, allowedStatus, c.reply)
			if c.portal == nil {
				c.portal = accepts
			}
			selfTestPage(t, e, port, 1, trial, c.portal)
			inPage(t, `part("start").click(); return ended()`)
			got := inPage(t, `part("login").click(); return ended()`).text(t)
			if want := "good, not_applicable, good, good, " + c.want; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			report := inPage(t, `return document.querySelector("cpx-selftest").report`).text(t)
			if !strings.Contains(report, c.shows) {
				t.Errorf("%q is not in\n%s", c.shows, report)
			}
			if strings.Contains(report, "NOMDEFAMILLE") {
				t.Errorf("the text has what portal or agent said:\n%s", report)
			}
			if got := inPage(t, `return told.join(", ")`).text(t); got != "" {
				t.Error(got)
			}
		})
	}
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
}

// What the browser's permission says, on a site about which it would ask; also where the
// browser throws or never answers, and where the page or the frame around it forbids.
func TestSelfTestPermission(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, allowedStatus, none)
	show := func(t *testing.T, to cdpbrowser.PermissionSetting, headers, before string) string {
		t.Helper()
		setPublic(t, to)
		visit(t, publicSite+"/"+ownTest(first, 1, "")+headers)
		inPage(t, "%s", before+ready)
		return inPage(t, `part("start").click(); return ended()`).text(t)
	}
	for name, c := range map[string]struct {
		to              cdpbrowser.PermissionSetting
		headers, before string
		want            string
	}{
		"granted": {cdpbrowser.PermissionSettingGranted, "", "", "good, good, good, good"},
		"denied":  {cdpbrowser.PermissionSettingDenied, "", "", "good, failed permission_denied, pending, pending"},
		"policy":  {cdpbrowser.PermissionSettingPrompt, "&policy=" + url.QueryEscape("loopback-network=()"), "", "good, failed policy_blocked, pending, pending"},
		"throws":  {cdpbrowser.PermissionSettingGranted, "", `navigator.permissions.query = () => { throw new TypeError("TEST"); };`, "good, not_applicable, good, good"},
		"rejects": {cdpbrowser.PermissionSettingGranted, "", `navigator.permissions.query = async () => { throw new TypeError("TEST"); };`, "good, not_applicable, good, good"},
		"absent":  {cdpbrowser.PermissionSettingGranted, "", `Object.defineProperty(navigator, "permissions", { value: undefined });`, "good, not_applicable, good, good"},
		"silent":  {cdpbrowser.PermissionSettingGranted, "", `navigator.permissions.query = () => new Promise(() => {});`, "good, not_applicable, good, good"},
		// A browser that reports that it would ask, and asks nothing.
		"idle prompt": {cdpbrowser.PermissionSettingGranted, "", `navigator.permissions.query = async () => ({ state: "prompt" });`, "good, not_applicable, good, good"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			if got := show(t, c.to, c.headers, c.before); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	t.Run("csp", func(t *testing.T) {
		visit(t, site(t, e, nil)+strings.Replace(ownTest(first, 1, ""), url.QueryEscape(" ws://127.0.0.1:*"), "", 1))
		inPage(t, ready)
		if got := inPage(t, `part("start").click(); return ended()`).text(t); got != "good, failed csp_blocked, pending, pending" {
			t.Error(got)
		}
	})
}

// While the browser's question stands, the second step says what to answer, its answer is
// taken, and Escape, which answers that question, ends nothing.
func TestSelfTestAsks(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	setPublic(t, cdpbrowser.PermissionSettingGranted)
	first, _ := agentOnceAsked(t, e)
	_, body, _ := strings.Cut(ownTest(first, 1, ""), "&")
	visit(t, publicSite+"/?"+body)
	inPage(t, ready+`
		window.state = "prompt";
		window.answered = { get state() { return state; } };
		navigator.permissions.query = async () => answered;
		part("start").click();
		await until(() => /Autoriser/.test(part("progress")?.textContent ?? ""));`)
	press(t, "\x1b")
	got := inPage(t, `
		const shown = part("steps").innerText;
		state = "granted";
		answered.onchange?.();
		void fetch(%q, { mode: "no-cors" });
		return (await ended()) + "\n" + shown`, decided(t, e)).text(t)
	if !strings.HasPrefix(got, "good, good, good, not_applicable\n") || !strings.Contains(got, "en cours") {
		t.Error(got)
	}
}

// Where the page may not use the clipboard the text is copied by the older way, and where
// that fails too it is selected and the keys are named.
func TestSelfTestCopies(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	for name, c := range map[string]struct{ before, want string }{
		"clipboard": {`navigator.clipboard.writeText = async (text) => { window.copied = text; };`, "Le texte est copié."},
		"refused":   {`navigator.clipboard.writeText = async () => { throw new DOMException("TEST", "NotAllowedError"); }; document.execCommand = () => { window.copied = selected(); return true; };`, "Le texte est copié."},
		"no way":    {`Object.defineProperty(navigator, "clipboard", { value: undefined }); document.execCommand = () => { window.copied = selected(); return false; };`, "Ctrl+C"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			selfTestPage(t, e, gone(t, 1), 1, "", nil)
			got := inPage(t, `
				window.selected = () => { const x = part("text"); return x.value.slice(x.selectionStart, x.selectionEnd); };
				%s
				part("start").click();
				await ended();
				part("copy").click();
				await until(() => part("copied").textContent);
				return [part("copied").textContent, copied === document.querySelector("cpx-selftest").report && copied.length > 100]`, c.before)
			var said []any
			if err := json.Unmarshal(got.Value, &said); err != nil || len(said) != 2 {
				t.Fatal(err, got.reason())
			}
			if !strings.Contains(fmt.Sprint(said[0]), c.want) || said[1] != true {
				t.Error(said)
			}
		})
	}
}

// Leaving the page, and a second click, do what one expects; nothing begins by itself.
func TestSelfTestBeginsByAClick(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	port, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, allowedStatus, untilCancelled)
	selfTestPage(t, e, port, 1, trial, accepts)
	inPage(t, `document.querySelector("cpx-selftest").login(); await new Promise((r) => setTimeout(r, 300))`)
	if len(e.all()) != 0 {
		t.Errorf("before a click: %v", e.all())
	}
	inPage(t, `part("start").click(); part("start").click(); await ended(); part("login").click(); part("login").click()`)
	e.await(t, "agent authenticate")
	inPage(t, `window.removed = document.querySelector("cpx-selftest"); removed.remove()`)
	e.await(t, "agent cancel")
	for what, n := range map[string]int{"agent dialled": 1, "agent authenticate": 1} {
		if got := strings.Count(strings.Join(e.all(), "\n"), what); got != n {
			t.Errorf("%s: %d times, want %d: %v", what, got, n, e.all())
		}
	}
}

// A tab that stayed open while the portal's files changed says what to do.
func TestSelfTestWithoutTexts(t *testing.T) {
	open(t, newEvents(), "", nil)
	got := inPage(t, `
		const { CpxSelfTest } = await import("/old/selftest.mjs");
		const e = new CpxSelfTest();
		document.body.append(e);
		const intro = e.shadowRoot.querySelector("[part=intro]");
		while (!intro.textContent) await new Promise((r) => setTimeout(r, 10));
		return intro.textContent`).text(t)
	if !strings.Contains(got, "Rechargez la page") || !strings.Contains(got, "Reload the page") {
		t.Error(got)
	}
}

// In Firefox from release 154 on, with its real question and its real buttons: a refusal fails the
// second step, and once it is taken back the test goes through.
func TestSelfTestFirefoxAsks(t *testing.T) {
	asFirefox(t, 154, true)
	e := newEvents()
	first, l := freePorts(t, 2)
	l[0].Close()
	agentOn(t, l[1], "agent", e, goodStatus, none)
	for _, c := range []struct{ button, want string }{
		{"secondaryButton", "good, failed permission_denied, pending, pending"},
		{"button", "good, good, good, not_applicable"},
	} {
		_, body, _ := strings.Cut(ownTest(first, 2, ""), "&")
		fox(t, "/?"+body)
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		if err := firefox.Evaluate(ctx, ready+`part("start").click(); await until(() => part("progress")?.textContent.startsWith("Répondez"))`, nil); err != nil {
			t.Fatal(err)
		}
		inFirefox(t, fmt.Sprintf(`const w = Services.wm.getMostRecentWindow("navigator:browser");
			const { panel } = w.PopupNotifications;
			while (panel.state !== "open" || panel.firstElementChild?.id !== "loopback-network-notification") await new Promise((r) => w.setTimeout(r, 20));
			panel.firstElementChild.%s.click();`, c.button))
		var got string
		if err := firefox.Evaluate(ctx, "return window.ended()", &got); err != nil || got != c.want {
			t.Errorf("%s: %q, want %q: %v", c.button, got, c.want, err)
		}
		forgetsAnswer(t)
	}
}

// In a frame that its page does not let reach the agent, the test says that it is the frame.
func TestSelfTestInAFrame(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, l := freePorts(t, 1)
	agentOn(t, l[0], "agent", e, goodStatus, none)
	// A frame of a site of its own, with what the two allow each other.
	setPublic(t, cdpbrowser.PermissionSettingPrompt)
	_, body, _ := strings.Cut(ownTest(first, 1, ""), "&")
	visit(t, site(t, e, nil))
	got := inPage(t, `
		const frame = document.createElement("iframe");
		frame.src = %q;
		document.body.append(frame);
		await new Promise((r) => (frame.onload = r));
		return new Promise((done) => {
			addEventListener("message", ({ data }) => done(data));
			frame.contentWindow.postMessage({ selftest: true }, "*");
		})`, publicSite+"/?"+body).text(t)
	if got != "good, failed policy_blocked frame, pending, pending" {
		t.Error(got)
	}
}
