package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/stack/browser"
)

// TestLoginInBrowser is the main job as a person does it, in Chromium, on plain
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

// openBrowser starts portal, agent and Chromium, and ends them with the test.
func openBrowser(t *testing.T, s *stack.Stack) context.Context {
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
	start(t, s)
	tab, end, err := browser.Start(ctx, browser.Options{Home: s.Path("browser"), Origin: s.Origin, Lang: "fr"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return tab
}
