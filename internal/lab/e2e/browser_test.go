package e2e

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// TestLoginInBrowser does the main job as a person does, in Chromium, on plain
// http://localhost as `make run` serves it; `make demo` does it on https.
func TestLoginInBrowser(t *testing.T) {
	s := prepare(t, stack.Options{AutoPIN: script("1234")})
	tab := openBrowser(t, s)
	for _, step := range stack.LoginSteps(s) {
		if err := step.Do(tab); err != nil {
			log, _ := os.ReadFile(s.Path("cpx-portal.log"))
			t.Fatalf("%s: %v\n%s\n%s", step.Name, err, browser.PageText(tab), log)
		}
	}
	if n := asked(t, s); n != 2 {
		t.Errorf("the PIN was asked %d times, want 2: once for each login", n)
	}
}

// TestAgentStartedAfterFourClicks: four clicks find no agent, and each time the
// page explains why that may be; then the agent starts, and one click logs in,
// although the browser delays dials after that many failures.
func TestAgentStartedAfterFourClicks(t *testing.T) {
	s := prepare(t, stack.Options{AutoPIN: script("1234")})
	tab := openPortal(t, s)
	if err := browser.Within(tab, patient, chromedp.Navigate(s.Origin+"/"), browser.Visible("#card-login")); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		reason, err := failingClick(tab)
		if err != nil || reason != "no_agent" {
			t.Fatalf("%q, %v\n%s", reason, err, browser.PageText(tab))
		}
	}
	start(t, s)
	if err := browser.Within(tab, patient, browser.Click("#card-login"), browser.Visible("#attach-form")); err != nil {
		t.Fatalf("%v\n%s", err, browser.PageText(tab))
	}
}

// TestDoubleClickAttaches: a second click on the button that attaches the card, while
// the first is under way, attaches nothing more and leads on.
func TestDoubleClickAttaches(t *testing.T) {
	s := prepare(t, stack.Options{AutoPIN: script("1234")})
	tab := openBrowser(t, s)
	for _, step := range stack.LoginSteps(s)[:3] {
		if err := step.Do(tab); err != nil {
			t.Fatalf("%s: %v\n%s", step.Name, err, browser.PageText(tab))
		}
	}
	const twice = `(() => { const b = document.querySelector("#confirm-attach"); b.click(); setTimeout(() => b.click(), 5); return true; })()`
	// The browser shows the answer to its last request; the first's session may be lost with its answer.
	const space, already = "#attached-cards", `main a.primary[href="/espace"]`
	ctx, cancel := context.WithTimeout(tab, patient)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](twice)); err != nil {
		t.Fatal(err)
	}
	if err := browser.Within(tab, patient, browser.Visible(space+", "+already)); err != nil {
		t.Fatalf("%v\n%s", err, browser.PageText(tab))
	}
	if there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!document.querySelector("`+space+`")`)); err != nil {
		t.Fatal(err)
	} else if there {
		err := browser.Within(tab, patient, browser.Shows("main", "Votre carte est rattachée"), browser.Click(already), browser.Visible(space+", #card-login"))
		if err != nil {
			t.Fatalf("%v\n%s", err, browser.PageText(tab))
		}
	}
	log, err := os.ReadFile(s.Path("cpx-portal.log"))
	if n := strings.Count(string(log), `msg="card attached"`); err != nil || n != 1 {
		t.Errorf("attached %d times, %v\n%s", n, err, log)
	}
	if strings.Contains(string(log), "level=ERROR") {
		t.Errorf("%s", log)
	}
}

// patient is how long a page may take to show what the test waits for.
const patient = 30 * time.Second

// failingClick clicks on the card button and returns the failure's reason.
func failingClick(tab context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(tab, patient)
	defer cancel()
	const listen = `window.failure = new Promise((r) => addEventListener("cpx-error", (e) => r(e.detail.reason), { once: true })); true`
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](listen)); err != nil {
		return "", err
	}
	if err := chromedp.Do(ctx, browser.Click("#card-login")); err != nil {
		return "", err
	}
	return chromedp.Run(ctx, chromedp.Evaluate[string]("window.failure", chromedp.EvalAwaitPromise))
}

// openBrowser starts portal, agent and Chromium, and ends them with the test.
func openBrowser(t testing.TB, s *stack.Stack) context.Context {
	t.Helper()
	tab := openPortal(t, s)
	start(t, s)
	return tab
}

// openPortal is openBrowser without an agent.
func openPortal(t testing.TB, s *stack.Stack) context.Context {
	t.Helper()
	ctx := startPortal(t, s)
	tab, end, err := browser.Start(ctx, browser.Options{Home: s.Path("browser"), Origin: s.Origin, Lang: "fr"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return tab
}

// startPortal starts the portal, and ends it with the test, and the context too.
func startPortal(t testing.TB, s *stack.Stack) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	portal, err := s.StartPortal(ctx)
	t.Cleanup(func() {
		cancel()
		if portal != nil {
			_ = portal.Wait()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}
