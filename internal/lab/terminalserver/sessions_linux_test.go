package terminalserver

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

const signed = `msg="login signed"`

// TestTwoSessionsOfOneAccount: a ward's account is logged in twice on one server, each time with
// a screen, an agent and a Chromium. Both log in at once, each through the agent whose questions
// appear on the same screen. What comes from the other screen is closed before a byte; a
// program without a screen, as over ssh, is answered.
func TestTwoSessionsOfOneAccount(t *testing.T) {
	m := Here(t)
	if m == nil {
		return
	}
	s := portal(t, m, usualPorts)
	ward := m.NewAccount(t, "ward")
	ward.Gets(s.Path("card/ca"), "cps")
	if err := s.AddAccount(t.Context(), "ward.test", display(ward)); err != nil {
		t.Fatal(err)
	}
	screens := []*testdesktop.XServer{testdesktop.NewXServer(t), testdesktop.NewXServer(t)}
	var sessions []*Account
	var agents []*Agent
	for _, x := range screens { // in the account's one runtime folder, as with systemd
		a := ward.Session(x.Display, "")
		g := a.Start()
		g.Serves(t)
		sessions, agents = append(sessions, a), append(agents, g)
	}
	tabs := make([]context.Context, len(sessions))
	for i, a := range sessions {
		tabs[i] = a.Browse(s)
	}
	at(sessions, func(i int, a *Account) {
		for _, step := range stack.StepsOf(s, a.Card, "ward.test", display(a))[:2] {
			if err := step.Do(tabs[i]); err != nil {
				t.Errorf("session %d: %s: %v\n%s", i+1, step.Name, err, browser.PageText(tabs[i]))
			}
		}
	})
	for i, g := range agents {
		if n := strings.Count(g.Said.String(), signed); n != 1 {
			t.Errorf("the agent of session %d signed %d times", i+1, n)
		}
	}
	const answers = "got: HTTP/1.1 101 Switching Protocols"
	unknown := *sessions[1]
	unknown.login = false
	for name, c := range map[string]struct {
		from *Account
		to   *Agent
		want string
	}{
		"its own session":        {sessions[1], agents[1], answers},
		"the other session":      {sessions[1], agents[0], "got:"},
		"over ssh":               {ward.Afar(), agents[0], answers},
		"another, without login": {&unknown, agents[0], "got:"},
	} {
		if got := c.from.Dials(c.to.Port, s.Origin); strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for i, g := range agents {
		want := "got:"
		if i == 1 {
			want = answers
		}
		if got := sessions[1].DialsSandboxed(g.Port, s.Origin); strings.TrimSpace(got) != want {
			t.Errorf("from a sandbox in session 2, the agent of session %d: %q", i+1, got)
		}
	}
	elsewhere := ward.Session(testdesktop.NewXServer(t).Display, "another") // a runtime folder for each session, as some have
	third := elsewhere.Start()
	third.Serves(t)
	if got := sessions[0].Dials(third.Port, s.Origin); got != "got:" {
		t.Errorf("by a runtime folder of its own: %q", got)
	}
	if said := agents[0].Said.String(); !strings.Contains(said, "reason=peer_other_session") || strings.Contains(said, "peer_other_user") || strings.Contains(said, "peer_unknown") {
		t.Errorf("the first session's agent says\n%s", said)
	}
}

// TestCommandsOfASession: each of an account's sessions has commands for its own agent: a second
// start finds that one, and quit ends that one. When a session is over, its agent ends for
// the next one.
func TestCommandsOfASession(t *testing.T) {
	m := Here(t)
	if m == nil {
		return
	}
	portal(t, m, usualPorts)
	ward := m.NewAccount(t, "ward")
	screen := testdesktop.NewXServer(t)
	one, two := ward.Session(screen.Display, ""), ward.Session(testdesktop.NewXServer(t).Display, "")
	first := one.Start()
	first.Serves(t)
	second := two.Start()
	second.Serves(t)

	for _, c := range []struct {
		from  *Account
		agent *Agent
	}{{one, first}, {two, second}, {ward.Afar(), first}, {ward.Forwarded(), first}} {
		out, err := c.from.Command(t.Context(), "cpx-agent", "run", "--quiet", "--no-tray").Output()
		if want := fmt.Sprintf("127.0.0.1:%d", c.agent.Port); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("a second start: %v, %q, want %s", err, out, want)
		}
	}
	for _, c := range []struct {
		from          *Account
		agent, others *Agent
	}{{one, first, second}, {two, second, first}, {ward.Afar(), first, second}, {ward.Forwarded(), first, second}} {
		found := c.from.doctor(t)
		if f := found["agent_runs"]; f.Outcome != doctor.Good || f.Subject != strconv.Itoa(c.agent.Port) {
			t.Errorf("doctor: %+v, want %d", f, c.agent.Port)
		}
		if f := found["port_other_agent"]; f.Outcome != doctor.Good || f.Subject != strconv.Itoa(c.others.Port) {
			t.Errorf("doctor of the other session's agent: %+v, want %d", f, c.others.Port)
		}
	}
	folders := ward.screenFolders(t)
	strange := ward.Session(":"+strings.Repeat("9", 300), "")
	if out, err := strange.Command(t.Context(), "cpx-agent", "quit").CombinedOutput(); err != nil {
		t.Errorf("quit on a screen that has no agent: %v, %s", err, out)
	}
	strange.doctor(t)
	if now := ward.screenFolders(t); !slices.Equal(now, folders) {
		t.Errorf("what only looked left %q, want %q", now, folders)
	}
	if out, err := two.Command(t.Context(), "cpx-agent", "quit").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	second.Ends(t)
	if got := one.Dials(first.Port, "https://"+portalHost); strings.Contains(got, "no connection") {
		t.Error("the first session's agent has ended too")
	}
	if f := two.doctor(t)["no_agent"]; f.Outcome != doctor.Problem {
		t.Errorf("doctor where this session has no agent: %+v", f)
	}
	if f := two.doctor(t)["port_other_agent"]; f.Outcome != doctor.Good || !strings.Contains(f.Text, strconv.Itoa(first.Port)) {
		t.Errorf("doctor of the other session's agent: %+v", f)
	}
	screen.Kill()
	second = two.Start()
	second.Serves(t)
	first.Ends(t) // its session is over
}

// screenFolders are the folders of further sessions' agents.
func (a *Account) screenFolders(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(a.Runtime, "cpx-bridge", "screen-*"))
	if err != nil || len(list) == 0 {
		t.Fatalf("%v, %q, want the second session's", err, list)
	}
	return list
}
