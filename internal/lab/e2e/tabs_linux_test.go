package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// TestFortyTabs: forty tabs of a portal in Chromium, where the person has logged in, all
// watch the card, as the portal's pages do. None is refused or left without its socket,
// and who logs out of one has gone from all, and logs in again.
func TestFortyTabs(t *testing.T) {
	s := prepare(t, stack.Options{AutoPIN: script("1234")})
	tab := openBrowser(t, s)
	for _, step := range stack.LoginSteps(s)[:4] {
		if err := step.Do(tab); err != nil {
			t.Fatalf("%s: %v\n%s", step.Name, err, browser.PageText(tab))
		}
	}
	tabs, more := []context.Context{tab}, 40
	if testing.Short() { // beyond the number of one site all the same
		more = 18
	}
	for n := range more {
		next, end := chromedp.NewContext(tab)
		t.Cleanup(end)
		if err := browser.Within(next, patient, chromedp.Navigate(s.Origin+"/"), browser.Visible("#attached-cards")); err != nil {
			t.Fatalf("tab %d: %v\n%s", n, err, browser.PageText(next))
		}
		tabs = append(tabs, next)
	}
	awaitSockets(t, s, len(tabs))
	for _, step := range stack.LoginSteps(s)[4:] {
		if err := step.Do(tab); err != nil {
			t.Fatalf("%s: %v\n%s", step.Name, err, browser.PageText(tab))
		}
	}
	awaitSockets(t, s, 1) // who logged out in one tab had gone from the others, and logged in again in that one
	log, err := os.ReadFile(s.Path("cpx-agent.log"))
	if err != nil || strings.Contains(string(log), "request refused") {
		t.Errorf("%v\n%s", err, log)
	}
}

// awaitSockets waits until so many sockets are open at the agent.
func awaitSockets(t testing.TB, s *stack.Stack, want int) {
	t.Helper()
	got := 0
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = connections(t, s.AgentAddress()); got == want {
			return
		}
	}
	t.Fatalf("%d sockets are open, want %d", got, want)
}

// connections is how many connections at an address the system has.
func connections(t testing.TB, address string) (n int) {
	t.Helper()
	_, digits, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) && fields[3] == "01" {
			n++
		}
	}
	return n
}
