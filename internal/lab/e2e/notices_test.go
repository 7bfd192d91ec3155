package e2e

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// counting keeps in the session, over the pages, what is still said of an earlier action
// when the next begins, and how many forms are sent.
const counting = `(() => {
	const said = () => (sessionStorage.said = document.querySelectorAll("main [role=status], main [role=alert]").length);
	delete sessionStorage.said;
	sessionStorage.sent = 0;
	addEventListener("cpx-progress", said, { once: true });
	addEventListener("submit", (e) => {
		said();
		if (!e.defaultPrevented) sessionStorage.sent++;
	});
	return true;
})()`

// TestNoticesGo: what the portal's pages say of an earlier action goes with the click that
// begins the next, and is not said anew by a reload; a form clicked on twice, or with a key
// that is held down, is sent once.
func TestNoticesGo(t *testing.T) {
	s := prepare(t, stack.Options{AutoPIN: script("1234")})
	tab := openBrowser(t, s)
	value := func(expression string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(tab, patient)
		defer cancel()
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := browser.Within(tab, patient, steps...); err != nil {
			t.Fatalf("%v\n%s", err, browser.PageText(tab))
		}
	}
	do(chromedp.Navigate(s.Origin+"/?carte=retiree"), browser.Visible("main p.notice"))
	if got := value("location.href"); got != s.Origin+"/" {
		t.Errorf("a reload of %s says it anew", got)
	}
	value(counting)
	do(browser.Click("#card-login"), browser.Visible("#attach-form"))
	if got := value("sessionStorage.said"); got != "0" {
		t.Errorf("%s notices beside a login that begins", got)
	}
	wrong := []chromedp.Action[chromedp.Void]{browser.Fill("#attach-form [name=username]", stack.Username), browser.Fill("#attach-form [name=password]", "un mot de passe TEST faux")}
	do(append(wrong, browser.Click("#attach-form button[type=submit]"), browser.Visible("main p.error"))...)
	do(wrong...)
	value(counting)
	value(`document.querySelector("#password").focus()`)
	for range 3 {
		repeats := true
		if _, err := chromedp.Call(tab, input.DispatchKeyEvent, input.DispatchKeyEventParams{
			Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13, AutoRepeat: &repeats,
		}); err != nil {
			t.Fatal(err)
		}
	}
	if got := value("sessionStorage.sent"); got != "0" {
		t.Errorf("a key that is held down sent %s forms", got)
	}
	value(`(() => { const b = document.querySelector("#attach-form button[type=submit]"); window.here = true; b.click(); b.click(); })()`)
	for end := 0; value("window.here") == "true"; end++ {
		if end > 10_000 {
			t.Fatal("no answer to the form")
		}
	}
	do(browser.Visible("main p.error"))
	if said, sent := value("sessionStorage.said"), value("sessionStorage.sent"); said != "0" || sent != "1" {
		t.Errorf("%s alarms of the last password, %s forms sent", said, sent)
	}
}
