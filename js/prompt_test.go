package js

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// stalled ends after the shortest time in which a person dismisses a prompt: by
// that time the library recognises a dismissal.
func stalled() <-chan time.Time { return time.After(2 * time.Second) }

func setPublic(t *testing.T, to browser.PermissionSetting) {
	t.Helper()
	_, err := chromedp.CallBrowser(tab, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "loopback-network"}, Setting: to, Origin: publicSite,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// handed is a listener whose connections are handed to it.
type handed struct {
	net.Listener
	conns chan net.Conn
}

func (h *handed) Accept() (net.Conn, error) {
	c, ok := <-h.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

// promptCase is one way to answer the browser's question.
type promptCase struct {
	name string
	// onProgress is what the person does, as a function of the state.
	onProgress string
	// agent listens, and returns the ports to search.
	agent func(t *testing.T, e *events) (first, count int)
	want  string
}

// What a page gets when a person answers the prompt. The permission's state is
// simulated, because a browser without a window asks nobody; dials and ports are
// real.
func TestPromptAnswers(t *testing.T) {
	for _, c := range []promptCase{
		{"allowed", `s === "waiting-for-permission" && decide("granted")`, agentOnceAsked,
			"searching permission-prompt waiting-for-permission searching found"},
		{"allowed late", `s === "searching" ? hasten() : s === "permission-overdue" && decide("granted")`, agentOnceAsked,
			"searching permission-prompt waiting-for-permission permission-overdue searching found"},
		{"allowed when the socket has gone", `s === "waiting-for-permission" && decide("granted")`, agentAfterTheFirst,
			"searching permission-prompt waiting-for-permission searching found"},
		{"blocked", `s === "waiting-for-permission" && decide("denied")`, closesOnceAsked(1, 1),
			"searching permission-prompt waiting-for-permission searching permission_denied"},
		{"dismissed", ``, closesOnceAsked(3, 1), "searching permission-prompt waiting-for-permission permission_dismissed"},
		{"dismissed, two ports listen", ``, closesOnceAsked(3, 2), "searching permission-prompt waiting-for-permission permission_dismissed"},
		{"nobody to ask about", ``, closesOnceAsked(2, 0), "searching permission-prompt no_agent"},
	} {
		t.Run(c.name, c.run)
	}
}

const overdue = "permission-overdue "

func (c promptCase) run(t *testing.T) {
	e := newEvents()
	open(t, e, "", nil)
	first, count := c.agent(t, e)
	// The library expects a question only on a page that is not on loopback; the
	// browser itself permits it.
	setPublic(t, browser.PermissionSettingGranted)
	visit(t, publicSite+"/")
	got := inPage(t, `
		// Shortens the time that a person has to find the question.
		const real = window.setTimeout;
		const hasten = () => { window.setTimeout = (f, ms) => real(f, ms === 8000 ? 1500 : ms); };
		let state = "prompt";
		const status = { get state() { return state; } };
		navigator.permissions.query = async () => status;
		const decide = (s) => { state = s; status.onchange?.(); fetch(%q, { mode: "no-cors" }); };
		const seen = [];
		const onProgress = (s) => { seen.push(s); %s };
		try { await cpx.status({ ports: { first: %d, count: %d }, onProgress }); seen.push("found"); }
		catch (e) { seen.push(e.reason); }
		return seen.join(" ");`, decided(t, e), c.onProgress, first, count)
	var seen string
	err := json.Unmarshal(got.Value, &seen)
	if !strings.Contains(c.want, overdue) {
		seen = strings.Replace(seen, overdue, "", 1) // on a slow machine
	}
	if err != nil || seen != c.want {
		t.Errorf("%q, want %q (%v)", seen, c.want, e.all())
	}
}

// decided is an address that the page requests once the person has answered: only
// then do the connections that the browser held go on.
func decided(t *testing.T, e *events) string {
	t.Helper()
	return site(t, e, nil) + "auth/challenge"
}

// agentOnceAsked is an agent whose connections stay silent until the person has
// answered, because the browser holds them.
func agentOnceAsked(t *testing.T, e *events) (first, count int) {
	return held(t, e, func(c net.Conn, _ int) net.Conn { return c })
}

// agentAfterTheFirst is an agent that has closed the first connection meanwhile.
func agentAfterTheFirst(t *testing.T, e *events) (first, count int) {
	return held(t, e, func(c net.Conn, n int) net.Conn {
		if n > 1 {
			return c
		}
		c.Close()
		return nil
	})
}

func held(t *testing.T, e *events, pass func(c net.Conn, n int) net.Conn) (first, count int) {
	first, l := freePorts(t, 1)
	conns := make(chan net.Conn)
	go func() {
		defer close(conns)
		for n := 1; ; n++ {
			c, err := l[0].Accept()
			if err != nil {
				return
			}
			if !e.happened(t.Context(), "challenge") {
				return
			}
			if c = pass(c, n); c != nil {
				conns <- c
			}
		}
	}()
	agentOn(t, &handed{Listener: l[0], conns: conns}, "agent", e, goodStatus, none)
	return first, 1
}

// closesOnceAsked has count ports, of which listening listen and close all their
// connections at once, as the browser does when the person has answered.
func closesOnceAsked(count, listening int) func(t *testing.T, e *events) (int, int) {
	return func(t *testing.T, _ *events) (int, int) {
		first, l := freePorts(t, count)
		asked := make(chan net.Conn, listening)
		for _, l := range l[listening:] {
			l.Close()
		}
		for _, l := range l[:listening] {
			go func() {
				if c, err := l.Accept(); err == nil {
					asked <- c
				}
			}()
		}
		go func() {
			var all []net.Conn
			for range listening {
				all = append(all, <-asked)
			}
			<-stalled()
			for _, c := range all {
				c.Close()
			}
		}()
		return first, count
	}
}
