package terminalserver

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

const portalHost = "portail.cpx.test"

// portal starts the one portal of the machine, until the test ends, and gives the machine's
// agents a policy that allows it, with a range of so many ports.
func portal(t *testing.T, m *Machine, ports int) *stack.Stack {
	t.Helper()
	s, err := stack.Prepare(t.Context(), stack.Options{Dir: t.TempDir(), Bin: m.bin, Host: portalHost, AgentPorts: firstPort, AgentPortCount: ports})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	running, err := s.StartPortal(ctx)
	t.Cleanup(func() {
		cancel()
		if running != nil {
			_ = running.Wait()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Policy(policyOf(t, m, s, ports)); err != nil {
		t.Fatal(err)
	}
	return s
}

// policyOf is a policy for the machine that allows the portal.
func policyOf(t *testing.T, m *Machine, s *stack.Stack, ports int) string {
	t.Helper()
	answers, err := m.Answers()
	if err != nil {
		t.Fatal(err)
	}
	module, err := democard.Module()
	if err != nil {
		t.Fatal(err)
	}
	policy := fmt.Sprintf("modules = [%q]\npinentry = %q\nnotifications = false\n[origins]\nmode = \"listed\"\nallow = [%q]\n", module, answers, s.Origin)
	if ports != usualPorts {
		policy += fmt.Sprintf("[ports]\ncount = %d\n", ports)
	}
	return policy
}

// The usual range.
const (
	firstPort  = 27720
	usualPorts = 10
)

// at calls do for each account at the same time.
func at(all []*Account, do func(i int, a *Account)) {
	var running sync.WaitGroup
	for i, a := range all {
		running.Go(func() { do(i, a) })
	}
	running.Wait()
}

// TestThreeAccounts: three people of one machine, each with an account of the system, agent,
// card and Chromium of their own, log in at the same portal at once, for the first time and
// then by one click. The portal names to each the holder of their own card. What reached
// another's agent was closed before a byte, and stands in its log as another user's.
func TestThreeAccounts(t *testing.T) {
	m := Here(t)
	if m == nil {
		return
	}
	s := portal(t, m, usualPorts)
	var all []*Account
	var agents []*Agent
	for i, card := range []string{"cps", "cpf", "cpe"} {
		a := m.NewAccount(t, "test"+strconv.Itoa(i+1))
		a.Gets(s.Path("card/ca"), card)
		if err := s.AddAccount(t.Context(), a.Name+".test", display(a)); err != nil {
			t.Fatal(err)
		}
		all, agents = append(all, a), append(agents, a.Start())
	}
	ports := map[int]bool{}
	for _, g := range agents {
		g.Serves(t)
		ports[g.Port] = true
	}
	if len(ports) != len(all) {
		t.Fatalf("ports: %v", ports)
	}
	tabs := make([]context.Context, len(all))
	for i, a := range all {
		tabs[i] = a.Browse(s)
	}
	steps := make([][]stack.Step, len(all))
	for i, a := range all {
		steps[i] = stack.StepsOf(s, a.Card, a.Name+".test", display(a))
	}
	for n := range steps[0] { // together, one step after the other
		at(all, func(i int, a *Account) {
			if err := steps[i][n].Do(tabs[i]); err != nil {
				t.Errorf("%s: %s: %v\n%s", a.Name, steps[i][n].Name, err, browser.PageText(tabs[i]))
			}
		})
		if t.Failed() {
			return
		}
	}
	for i, a := range all {
		for j, g := range agents {
			want := "got:"
			if i == j {
				want = "got: HTTP/1.1 101 Switching Protocols"
			}
			if got := a.Dials(g.Port, s.Origin); strings.TrimSpace(got) != want {
				t.Errorf("%s at the agent of %s: %q, want %q", a.Name, all[j].Name, got, want)
			}
		}
	}
	for _, a := range all {
		onlyOthersRefused(t, a, all)
	}
}

func display(a *Account) string { return "Compte TEST " + a.Name }

var refusal = regexp.MustCompile(`reason=(\S+)(?: uid=(\d+))?`)

// onlyOthersRefused: each line of an account's log that is a warning or worse is the refusal of
// another account of the machine, and there is one of each.
func onlyOthersRefused(t *testing.T, a *Account, all []*Account) {
	t.Helper()
	of := map[string]bool{}
	for _, other := range all {
		if other != a {
			of[strconv.Itoa(int(other.UID))] = false
		}
	}
	for line := range strings.Lines(a.Log()) {
		if !strings.Contains(line, "level=WARN") && !strings.Contains(line, "level=ERROR") && !strings.Contains(line, "refused") {
			continue
		}
		found := refusal.FindStringSubmatch(line)
		if found == nil || found[1] != "peer_other_user" {
			t.Errorf("%s's agent says %s", a.Name, line)
			continue
		}
		if _, known := of[found[2]]; !known {
			t.Errorf("%s's agent refused uid %s: %s", a.Name, found[2], line)
		}
		of[found[2]] = true
	}
	for uid, refused := range of {
		if !refused {
			t.Errorf("%s's agent has no line of uid %s:\n%s", a.Name, uid, a.Log())
		}
	}
}

// patience bounds what a slow machine may take.
const patience = time.Minute
