package terminalserver

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// TestFortyAgents: forty people have an agent each on a server whose range has forty ports. The
// page of the one who came last finds theirs behind the thirty-nine of others. For one more
// there is no port: the agent ends and says so, doctor says which setting it takes, and with
// that set the agent serves.
func TestFortyAgents(t *testing.T) {
	m := Here(t)
	if m == nil {
		return
	}
	const people = 40
	s := portal(t, m, people)
	var all []*Account
	for i := range people {
		all = append(all, m.NewAccount(t, "test"+strconv.Itoa(i+1)))
	}
	first, last := all[0], all[people-1]
	first.Gets(s.Path("card/ca"), "cps")
	last.Gets(s.Path("card/ca"), "cpe")
	ports := map[int]bool{}
	serves := func(a *Account) {
		g := a.Start()
		g.Serves(t)
		ports[g.Port] = true
	}
	serves(first)
	var agents []*Agent
	for _, a := range all[1 : people-1] { // at the same moment, as in the morning
		agents = append(agents, a.Start())
	}
	for _, g := range agents {
		g.Serves(t)
		ports[g.Port] = true
	}
	serves(last)
	for port := firstPort; port < firstPort+people; port++ {
		if !ports[port] {
			t.Errorf("nobody has port %d", port)
		}
	}
	took := [2]time.Duration{arrives(t, s, first), arrives(t, s, last)}
	t.Logf("from click to the portal's answer, PIN and signature included: the first %v, the last %v", took[0], took[1])

	oneTooMany(t, m, s, people)
}

// arrives is a first login, to where the portal has the card, and how long that took.
func arrives(t *testing.T, s *stack.Stack, a *Account) time.Duration {
	t.Helper()
	tab := a.Browse(s)
	steps := stack.StepsOf(s, a.Card, "", "")[:2]
	var begun time.Time
	for _, step := range steps {
		begun = time.Now()
		if err := step.Do(tab); err != nil {
			t.Fatalf("%s: %s: %v\n%s", a.Name, step.Name, err, browser.PageText(tab))
		}
	}
	return time.Since(begun)
}

// oneTooMany is the person for whom the range has no port.
func oneTooMany(t *testing.T, m *Machine, s *stack.Stack, people int) {
	t.Helper()
	a := m.NewAccount(t, "toomany")
	refused := a.Command(t.Context(), "cpx-agent", "run", "--no-tray")
	text, err := refused.CombinedOutput()
	said := string(text)
	t.Logf("the agent: %v\n%s", err, said)
	if refused.ProcessState.ExitCode() != 1 || !strings.Contains(said, "Aucun port n’est libre de 27720 à 27759") || !strings.Contains(said, "ports.count") {
		t.Errorf("%v: %s", err, said)
	}
	found := a.doctor(t)
	if f := found["no_free_port"]; f.Outcome != doctor.Problem || !strings.Contains(f.Next, "ports.count") {
		t.Errorf("doctor: %+v", f)
	}
	if f := found["port_other_agent"]; f.Outcome != doctor.Good || f.Subject != "27720-27759" || !strings.Contains(f.Text, "40 ports") {
		t.Errorf("doctor of the others' agents: %+v", f)
	}
	if err := m.Policy(policyOf(t, m, s, people+1)); err != nil {
		t.Fatal(err)
	}
	g := a.Start()
	g.Serves(t)
	if g.Port != firstPort+people {
		t.Errorf("port %d", g.Port)
	}
}

// doctor is what doctor finds for the account, by code: of several the last.
func (a *Account) doctor(t *testing.T) map[string]doctor.Finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	text, err := a.Command(ctx, "cpx-agent", "doctor", "--json", "--lang", "en").Output()
	var r doctor.Report
	if badJSON := json.Unmarshal(text, &r); badJSON != nil {
		t.Fatalf("doctor: %v, %v in %s", err, badJSON, text)
	}
	found := map[string]doctor.Finding{}
	for _, f := range r.Findings {
		found[f.Code] = f
	}
	return found
}
