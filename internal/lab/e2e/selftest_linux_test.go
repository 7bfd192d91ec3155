package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/browserlab"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// TestSelfTest is the page as a person has it who has no account: without an agent, with
// one, and with a trial login; and that no dialog opens before the person asks for one.
func TestSelfTest(t *testing.T) {
	s := prepare(t, stack.Options{Host: selfTestHost, AutoPIN: script("1234", "1234")})
	startPortal(t, s)
	chromium, firefox := atSelfTest(t, s, "Chromium"), atSelfTest(t, s, "Firefox")
	both := map[string]*tester{"chromium": chromium, "firefox": firefox}
	for name, p := range both {
		p.pictured(name + "-before")
		p.click("start")
		if got, want := p.steps(), "good, not_applicable, failed no_agent, pending, pending"; got != want {
			t.Errorf("%s without an agent: %s, want %s", name, got, want)
		}
		p.pictured(name + "-no-agent")
		p.namesNobody(p.report())
	}
	start(t, s)
	for name, p := range both {
		p.click("start")
		if got, want := p.steps(), "good, not_applicable, good, good, pending"; got != want {
			t.Errorf("%s with an agent: %s, want %s", name, got, want)
		}
		p.pictured(name + "-agent")
	}
	if n := strings.Count(dialogs(t, s), "\n"); n != 0 {
		t.Errorf("dialogs before the person asked for a login:\n%s", dialogs(t, s))
	}
	for name, p := range both {
		p.click("login")
		if got, want := p.steps(), "good, not_applicable, good, good, good"; got != want {
			t.Errorf("%s, the login: %s, want %s", name, got, want)
		}
		p.pictured(name + "-good")
		text := p.report()
		p.namesNobody(text)
		if !strings.Contains(text, "Type de carte\u00a0: CPS.") || !strings.Contains(text, "encore 1095\u00a0jours") && !strings.Contains(text, "encore 1094\u00a0jours") {
			t.Errorf("%s: %s", name, text)
		}
		p.visit("/espace")
		var path string
		p.await(`document.readyState === "complete" ? location.pathname : null`, &path)
		if path != "/" {
			t.Errorf("%s: the trial logged somebody in: %s", name, path)
		}
	}
	if n := asked(t, s); n != 2 {
		t.Errorf("the PIN was asked for %d times, want once for each trial", n)
	}
}

// TestSelfTestTextHoldsNobody: whatever goes wrong, the text for the hotline holds the reason, and
// nothing of a person.
func TestSelfTestTextHoldsNobody(t *testing.T) {
	for name, c := range map[string]struct {
		options stack.Options
		want    string
	}{
		"no-card":      {stack.Options{Extra: noTokens(t), AutoPIN: script("1234")}, "good, not_applicable, good, failed no_reader, pending"},
		"expired":      {stack.Options{Cards: []string{"expired"}, AutoPIN: script("1234")}, "good, not_applicable, good, good, failed no_certificate expired"},
		"cancelled":    {stack.Options{AutoPIN: script("cancel")}, "good, not_applicable, good, good, cancelled cancelled"},
		"wrong-pin":    {stack.Options{AutoPIN: script("0000", "cancel")}, "good, not_applicable, good, good, failed pin_incorrect"},
		"unnamed-card": {stack.Options{Cards: []string{"cpe-unnamed"}, AutoPIN: script("1234")}, "good, not_applicable, good, good, good"},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Host = selfTestHost
			s := prepare(t, c.options)
			startPortal(t, s)
			start(t, s)
			p := atSelfTest(t, s, "Chromium")
			p.click("start")
			got := p.steps()
			if !strings.Contains(got, "failed") {
				p.click("login")
				got = p.steps()
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			text := p.report()
			p.namesNobody(text)
			if _, reason, failed := strings.Cut(c.want, "failed "); failed && !strings.Contains(text, "["+strings.ReplaceAll(strings.TrimSuffix(reason, ", pending"), " ", ".")) {
				t.Errorf("the text does not name the reason:\n%s", text)
			}
			// What the person reads out finds the failure in the log of this workstation, once.
			var code string
			p.await(`document.querySelector("cpx-selftest").steps[4].error?.reference ?? ""`, &code)
			log, err := os.ReadFile(s.Path("cpx-agent.log"))
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(string(log), reference.Key+"="+code); strings.Contains(c.want, "failed no_cert") || strings.Contains(c.want, "failed pin") {
				if !reference.Is(code) || lines != 1 || !strings.Contains(text, ", "+code+"]") {
					t.Errorf("the reference %q is in %d lines of the log, and the text is\n%s", code, lines, text)
				}
			}
			p.pictured(name)
		})
	}
}

// recording records what goes over the page's sockets.
const recording = `(() => {
	const Real = WebSocket;
	window.frames_ = [];
	window.WebSocket = class extends Real {
		constructor(...how) { super(...how); this.addEventListener("message", (e) => frames_.push("< " + e.data)); }
		send(data) { frames_.push("> " + data); super.send(data); }
	};
	return true;
})()`

// own are the values that differ from call to call.
var own = regexp.MustCompile(`"(challengeNonce|unverifiedCertificate|signature)":"[^"]*"`)

// frames are the frames so far, without values that are new each time.
func (p *tester) frames() (list []string) {
	p.t.Helper()
	p.await(`window.frames_`, &list)
	for i, f := range list {
		list[i] = own.ReplaceAllString(f, `"$1":"…"`)
	}
	return list
}

// TestSelfTestOfAForeignSite: a site that is not allowed learns from the self-test what the
// library's own calls tell it, frame by frame, and no more: before a login that there is an
// agent, and then the token.
func TestSelfTestOfAForeignSite(t *testing.T) {
	s := prepare(t, stack.Options{Ask: true, Host: selfTestHost, AutoPIN: map[string]any{"pin": []string{"1234", "1234", "1234"}, "confirm": []string{"ok", "ok", "ok"}}})
	startPortal(t, s)
	start(t, s)
	p := atSelfTest(t, s, "Chromium")
	p.await(recording, new(bool))
	p.click("start")
	if got, want := p.steps(), "good, not_applicable, good, not_applicable, pending"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	p.pictured("foreign-site")
	before := p.frames()
	for _, f := range before {
		if answer, is := strings.CutPrefix(f, "< "); is && !regexp.MustCompile(`^\{"jsonrpc":"2.0","id":\d+,"result":\{"protocol":1\}\}$`).MatchString(answer) {
			t.Errorf("before the login the page got %s", answer)
		}
	}
	if text := dialogs(t, s); text != "" {
		t.Errorf("dialogs before the person asked for a login:\n%s", text)
	}
	p.click("login")
	if got, want := p.steps(), "good, not_applicable, good, not_applicable, good"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	with := p.frames()
	p.namesNobody(p.report())
	p.visit("/aide")
	p.await(`document.readyState === "complete" || null`, new(bool))
	p.await(recording, new(bool))
	const ordinary = `((window.ordinary ??= (async () => {
		const cpx = await import("/static/js/cpx-bridge.mjs");
		const [first] = [%d];
		const ports = { first, count: 10 };
		await cpx.status({ ports });
		const status = frames_.length;
		await cpx.authenticate({ ports, challengeUrl: "/auth/challenge", loginUrl: "/auth/login" });
		return status;
	})().then((n) => (window.counted = n), (e) => (window.counted = String(e)))), window.counted ?? null)`
	_, port, _ := strings.Cut(s.AgentAddress(), ":")
	var status int
	p.await(strings.Replace(ordinary, "%d", port, 1), &status)
	plain := p.frames()
	if !slices.Equal(before, plain[:status]) || len(before) == 0 {
		t.Errorf("the test: %q\nthe library's status: %q", before, plain[:status])
	}
	if !slices.Equal(with, plain) {
		t.Errorf("the trial: %q\nthe library's login: %q", with, plain)
	}
	// However often a person repeats the test, nobody is worn down by it: the next login is asked about.
	p.visit("/poste")
	p.ready()
	for range 12 {
		p.click("start")
		if got, want := p.steps(), "good, not_applicable, good, not_applicable, pending"; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	p.click("login")
	if got := p.steps(); !strings.HasSuffix(got, ", good") {
		t.Errorf("after twelve tests: %s", got)
	}
}

// A click of a real mouse begins the test, in the page's own element.
func TestSelfTestByMouse(t *testing.T) {
	s := prepare(t, stack.Options{AutoPIN: script("1234")})
	tab := openPortal(t, s)
	err := browser.Within(tab, patient, chromedp.Navigate(s.Origin+"/"), browser.Click("#card-login"), browser.Visible("#test-workstation"),
		browser.Click("#test-workstation a"), browser.Visible("cpx-selftest"), browser.Click("cpx-selftest", "[part=start]"))
	if err != nil {
		t.Fatalf("%v\n%s", err, browser.PageText(tab))
	}
	p := &tester{chromiumTab{tab}, t, s}
	if got := p.steps(); !strings.Contains(got, "failed no_agent") {
		t.Error(got)
	}
}

// The page is whole in English, at 320 pixels, with everything at twice its size, and in print:
// nothing stands beyond its edge, and its colours can be read.
func TestSelfTestInAllSizes(t *testing.T) {
	s := prepare(t, stack.Options{AutoPIN: script("0000", "cancel", "0000", "cancel")})
	tab := openPortal(t, s)
	start(t, s)
	p := &tester{chromiumTab{tab}, t, s}
	p.visit("/poste")
	for _, lang := range []string{"fr", "en"} {
		if lang == "en" {
			if err := p.Click(t.Context(), `form[action="/langue"] button`); err != nil {
				t.Fatal(err)
			}
		}
		p.await(fmt.Sprintf(`document.readyState === "complete" && document.documentElement.lang === %q && document.querySelector("cpx-selftest")?.shadowRoot?.querySelector("[part=start]").textContent || null`, lang), new(string))
		p.click("start")
		p.steps()
		p.click("login")
		if got := p.steps(); !strings.Contains(got, "pin_incorrect") {
			t.Errorf("%s: %s", lang, got)
		}
		for _, size := range []struct {
			name  string
			width int64
			scale float64
		}{{"wide", 1280, 1}, {"narrow", 320, 1}, {"zoomed", 640, 2}} {
			err := browser.Within(tab, patient, chromedp.EmulateViewport(size.width, 900, chromedp.EmulateScale(size.scale)))
			if err != nil {
				t.Fatal(err)
			}
			p.pictured("all-" + lang + "-" + size.name)
			var beyond string
			p.await(fmt.Sprintf(`innerWidth === %d ? [...document.querySelectorAll("main *"), ...document.querySelector("cpx-selftest").shadowRoot.querySelectorAll("*")]
				.filter((x) => x.getBoundingClientRect().right > document.documentElement.clientWidth && !x.matches("[part=announcement]")).map((x) => x.tagName + " " + x.part + " " + x.id).join(", ") : null`, size.width), &beyond)
			if beyond != "" {
				t.Errorf("%s, %s: beyond the edge: %s", lang, size.name, beyond)
			}
		}
		p.namesNobody(p.report())
	}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		t.Fatal(err)
	}
	p.await(`matchMedia("print").matches && dispatchEvent(new Event("beforeprint")) || null`, new(bool))
	p.pictured("all-print")
	var cut string
	p.await(`[...document.querySelector("cpx-selftest").shadowRoot.querySelectorAll("button, textarea")]
		.filter((x) => x.tagName === "BUTTON" ? x.getBoundingClientRect().height : x.scrollHeight > x.clientHeight).map((x) => x.part.value).join(", ")`, &cut)
	if cut != "" {
		t.Errorf("in print: %s", cut)
	}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}); err != nil {
		t.Fatal(err)
	}
	var faint string
	if p.await(contrast, &faint); faint != "" {
		t.Errorf("too faint to read: %s", faint)
	}
}

// contrast names the texts whose colour has less than 4.5:1 on what is behind them (WCAG 1.4.3).
const contrast = `(() => {
	const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const numbers = (c) => c.match(/[\d.]+/g).map(Number);
	const behind = (x) => { for (; x; x = x.parentElement ?? x.getRootNode().host) { const c = numbers(getComputedStyle(x).backgroundColor); if (c[3] !== 0) return c.slice(0, 3); } return [255, 255, 255]; };
	const faint = [];
	for (const x of document.querySelector("cpx-selftest").shadowRoot.querySelectorAll("p, span, li, a, button, textarea, label")) {
		if (!x.getBoundingClientRect().width || !x.textContent.trim() && x.tagName !== "TEXTAREA") continue;
		const [a, b] = [light(numbers(getComputedStyle(x).color).slice(0, 3)), light(behind(x))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) faint.push(x.tagName + " " + x.part + " " + ratio.toFixed(1));
	}
	return faint.join(", ");
})()`

// TestSelfTestWhileThingsFail: one page that stays open says each time what is so now: no card, a
// card, an agent that is stopped and goes on, a portal that has gone.
func TestSelfTestWhileThingsFail(t *testing.T) {
	s, station := virtualStack(t, stack.Options{Host: selfTestHost, AutoPIN: script("1234")}, virtual.CardOptions{}, virtual.StationOptions{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	portal, err := s.StartPortal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	agent := startAgent(t, s, "--no-tray")
	for _, name := range []string{"Chromium", "Firefox"} {
		t.Run(name, func(t *testing.T) {
			p := atSelfTest(t, s, name)
			tested := func(what, want, says string) {
				t.Helper()
				p.click("start")
				if got := p.steps(); got != want {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
				if text := p.report(); !strings.Contains(text, says) {
					t.Errorf("%s: %q is not in\n%s", what, says, text)
				}
				p.namesNobody(p.report())
				p.pictured(strings.ToLower(name) + "-" + strings.ReplaceAll(what, " ", "-"))
			}
			station.Remove()
			tested("card out", "good, not_applicable, good, failed no_card, pending", "Aucune carte n’a été trouvée dans le lecteur.")
			station.Put(newCard(t, s, virtual.CardOptions{}))
			tested("card in", "good, not_applicable, good, good, pending", "Une carte est dans le lecteur.")
			if err := agent.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			tested("agent hangs", "good, not_applicable, failed no_agent known, pending, pending", "redémarrez la session")
			// A page that has never reached an agent cannot tell a question of the browser's that
			// stands from an agent that hangs, and says so while it waits.
			if name == "Chromium" {
				p.visit("/poste")
				p.ready()
				p.click("start")
				p.await(`document.querySelector("cpx-selftest").shadowRoot.querySelector("[part=progress]")?.textContent.startsWith("Si votre navigateur pose une question") || null`, new(bool))
				p.click("cancel")
				if got, text := p.steps(), p.report(); got != "good, cancelled, pending, pending, pending" || !strings.Contains(text, "[permission-overdue]") {
					t.Errorf("stopped while the agent hangs: %s\n%s", got, text)
				}
				p.pictured("chromium-stopped")
			}
			if err := agent.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			tested("agent goes on", "good, not_applicable, good, good, pending", "Un agent a répondu")
		})
	}
	p := atSelfTest(t, s, "Chromium")
	p.click("start")
	p.steps()
	stop()
	_ = portal.Wait()
	p.click("login")
	if got, want := p.steps(), "good, not_applicable, good, good, failed challenge_failed unreachable"; got != want {
		t.Errorf("the portal has gone: %s, want %s", got, want)
	}
	p.pictured("portal-gone")
	p.namesNobody(p.report())
}

// TestSelfTestUnderAPolicy: where an administrator's policy of Chromium forbids the site, or allows
// it, on a public address, the test says which, and nobody is asked.
func TestSelfTestUnderAPolicy(t *testing.T) {
	s := prepare(t, stack.Options{Host: selfTestHost, AutoPIN: script("1234")})
	startPortal(t, s)
	start(t, s)
	etc, err := browserlab.CopyEtc(t.Context(), t.TempDir())
	if errors.Is(err, browserlab.ErrNoNamespace) && os.Geteuid() != 0 {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	managed := filepath.Join(etc, "chromium", "policies", "managed")
	if err := os.MkdirAll(managed, 0o755); err != nil {
		t.Fatal(err)
	}
	for policy, want := range map[string]string{
		"LoopbackNetworkBlockedForUrls": "good, failed permission_denied, pending, pending, pending",
		"LoopbackNetworkAllowedForUrls": "good, good, good, good, pending",
	} {
		t.Run(policy, func(t *testing.T) {
			text := fmt.Sprintf(`{%q: [%q]}`, policy, s.Origin)
			if err := os.WriteFile(filepath.Join(managed, "test.json"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			tab, end, err := browser.Start(t.Context(), browser.Options{
				Home: t.TempDir(), Origin: s.Origin, CAFile: s.Path("tls-ca.pem"), Lang: "fr", Public: true, Etc: etc,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(end)
			p := &tester{chromiumTab{tab}, t, s}
			p.visit("/poste")
			p.ready()
			p.click("start")
			if got := p.steps(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			p.namesNobody(p.report())
			p.pictured(policy)
		})
	}
}
