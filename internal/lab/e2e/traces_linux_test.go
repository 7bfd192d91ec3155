package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/model"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

const debugLog = "[log]\nlevel = \"debug\"\n"

// recorder plays on one running agent and cuts its trace into parts, each of which
// begins and ends with nothing going on.
type recorder struct {
	t       *testing.T
	s       *stack.Stack
	station *virtual.Station
	agent   *stack.Process
	from    int // the events before the part that is played
	traces  []model.Trace
}

func record(t *testing.T, card virtual.CardOptions) *recorder {
	s, station := virtualStack(t, stack.Options{AgentOnly: true, Ask: true, AutoPIN: script("1234"), Settings: debugLog}, card, virtual.StationOptions{})
	file := s.Path("agent.toml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	allowing := strings.Replace(string(text), "mode = \"ask\"\n", fmt.Sprintf("mode = \"ask\"\nallow = [%q]\n", s.Origin), 1)
	if err := os.WriteFile(file, []byte(allowing), 0o600); err != nil {
		t.Fatal(err)
	}
	return &recorder{t: t, s: s, station: station, agent: startAgent(t, s, "--no-tray")}
}

func (r *recorder) events() []model.Event {
	r.t.Helper()
	events, err := model.Events(agentLog(r.t, r.s))
	if err != nil {
		r.t.Fatal(err)
	}
	return events
}

// atRest reports whether nothing goes on after these events.
func atRest(events []model.Event) bool {
	open := 0
	for _, e := range events {
		switch e.Step {
		case "sent", "leased", "job_begun":
			open++
		case "token_sent", "error_sent", "released", "job_ended":
			open--
		}
	}
	return open == 0
}

// play has something happen, with a person who answers so, and keeps its trace.
func (r *recorder) play(name string, person map[string]any, happen func()) {
	r.t.Helper()
	if err := r.s.Person(person); err != nil {
		r.t.Fatal(err)
	}
	happen()
	for end := time.Now().Add(testdesktop.Patience); ; time.Sleep(10 * time.Millisecond) {
		if all := r.events(); len(all) > r.from && atRest(all) {
			r.traces = append(r.traces, model.Trace{Name: name, Events: all[r.from:]})
			r.from = len(all)
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s: the agent does not come to rest\n%s", name, agentLog(r.t, r.s))
		}
	}
}

// goOn is play of what only what went before makes possible: its trace begins with that.
func (r *recorder) goOn(name string, person map[string]any, happen func()) {
	r.t.Helper()
	r.play(name, person, happen)
	r.traces[len(r.traces)-1].Events = r.events()[:r.from]
}

// stepped waits for a step of the part that is played.
func (r *recorder) stepped(step string) {
	for end := time.Now().Add(testdesktop.Patience); ; time.Sleep(5 * time.Millisecond) {
		if slices.ContainsFunc(r.events()[r.from:], func(e model.Event) bool { return e.Step == step }) {
			return
		}
		if time.Now().After(end) {
			r.t.Errorf("no step %s", step)
			return
		}
	}
}

// page opens a page of an origin; it may be used from another goroutine than the
// test's.
func (r *recorder) page(origin string) *page {
	socket, _, err := dial(r.s, origin)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = socket.Close() })
	return &page{t: r.t, socket: socket}
}

func (p *page) authenticate() string {
	a := p.call("authenticate", map[string]any{"challengeNonce": nonce(p.t), "lang": "fr"})
	if a.Error != nil {
		return a.Error.Data.Reason
	}
	return "ok"
}

// login is one login of a page of its own, with what is done at a state.
func (r *recorder) login(origin, want, state string, do func(p *page)) {
	r.t.Helper()
	p := r.page(origin)
	defer p.socket.Close()
	if do != nil {
		p.at = map[string]func(){state: func() { p.at = nil; do(p) }}
	}
	if got := p.authenticate(); got != want {
		r.t.Errorf("%s, want %s", got, want)
	}
}

// cancelling takes the page's request back.
func cancelling(p *page) {
	if err := p.socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": "cancel", "method": "cancel"}); err != nil {
		p.t.Error(err)
	}
}

// killModules ends the processes of the agent's modules.
func (r *recorder) killModules() {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", r.agent.PID()))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(text)) {
			if line, _ := os.ReadFile("/proc/" + field + "/cmdline"); strings.Contains(string(line), string(role.PKCS11Module)) {
				pid, _ := strconv.Atoi(field)
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

var (
	right  = script("1234")
	nobody = map[string]any{"pin": []string{"hang"}, "confirm": []string{"hang"}}
	site1  = "https://un.exemple-un.fr"
	site2  = "https://deux.exemple-deux.fr"
)

const (
	forConsent = "waiting-for-consent"
	forCard    = "waiting-for-card"
	atChoice   = "choosing-certificate"
	forPIN     = "waiting-for-pin"
	signing    = "signing"
)

// alone records the logins of one page.
func alone(r *recorder) {
	own := r.s.Origin
	r.play("good", right, func() { r.login(own, "ok", "", nil) })
	r.play("wrong PIN, then right", script("9999", "1234"), func() { r.login(own, "ok", "", nil) })
	r.play("wrong PIN, then stopped", script("9999", "cancel"), func() { r.login(own, "pin_incorrect", "", nil) })
	r.play("PIN of an impossible length", script("1", "1234"), func() { r.login(own, "ok", "", nil) })
	r.play("cancelled by the person", script("cancel"), func() { r.login(own, "cancelled", "", nil) })
	r.play("dialog program dies", script("die"), func() { r.login(own, "prompt_failed", "", nil) })
	r.play("cancel at the PIN", nobody, func() { r.login(own, "cancelled", forPIN, cancelling) })
	r.play("page closes at the PIN", nobody, func() {
		p := r.page(own)
		if err := p.socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": map[string]any{"challengeNonce": nonce(r.t)}}); err != nil {
			r.t.Fatal(err)
		}
		r.stepped("pin_asked")
		_ = p.socket.Close()
	})
	r.play("card pulled at the PIN", nobody, func() { r.login(own, "card_removed", forPIN, func(*page) { r.station.Remove() }) })
	r.play("no card, then inserted", right, func() { r.login(own, "ok", forCard, func(*page) { r.station.Insert() }) })
	r.station.Remove()
	r.play("cancel while a card is waited for", right, func() { r.login(own, "cancelled", forCard, cancelling) })
	r.play("no card, and the person stops", map[string]any{"insert": "cancel"}, func() { r.login(own, "cancelled", "", nil) })
	r.station.Insert()
	r.play("module's process killed at the PIN", right, func() { r.login(own, "ok", forPIN, func(*page) { r.killModules() }) })
	r.station.SetDelay(20 * time.Millisecond)
	r.play("cancel while the card signs", right, func() { r.login(own, "cancelled", signing, cancelling) })
	r.play("module's process killed while the card signs", right, func() { r.login(own, "module_failed", signing, func(*page) { r.killModules() }) })
	r.station.SetDelay(0)
	r.play("good again", right, func() { r.login(own, "ok", "", nil) })
}

// together records pages that ask at the same time, and strangers.
func together(r *recorder) {
	own := r.s.Origin
	both := func(first, second func()) {
		var wait sync.WaitGroup
		wait.Go(first)
		r.stepped("leased")
		wait.Go(second)
		wait.Wait()
	}
	r.play("a stranger", right, func() { r.login(site1, "ok", "", nil) })
	r.play("two pages of the allowed site", right, func() {
		both(func() { r.login(own, "ok", "", nil) }, func() { r.login(own, "ok", "", nil) })
	})
	r.play("an allowed site while a stranger is asked about", nobody, func() {
		asked := make(chan struct{})
		both(func() {
			r.login(site1, "cancelled", forConsent, func(p *page) {
				<-asked
				r.stepped("queued")
				if err := r.s.Person(right); err != nil {
					r.t.Error(err)
				}
				cancelling(p)
			})
		}, func() { close(asked); r.login(own, "ok", "", nil) })
	})
	r.play("a stranger gives up in line", nobody, func() {
		both(func() {
			r.login(own, "cancelled", forPIN, func(p *page) {
				r.stepped("withdrawn")
				cancelling(p)
			})
		}, func() {
			p := r.page(site2)
			if err := p.socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": map[string]any{"challengeNonce": nonce(r.t)}}); err != nil {
				r.t.Error(err)
			}
			r.stepped("queued")
			_ = p.socket.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
			_ = p.socket.Close()
		})
	})
	r.play("cancel at the consent", nobody, func() { r.login(site2, "cancelled", forConsent, cancelling) })
	r.goOn("strangers pause", map[string]any{"confirm": []string{"notok"}}, func() { r.login(site1, "busy", "", nil) })
}

// choosing records a card with two certificates.
func choosing(r *recorder) {
	own := r.s.Origin
	r.play("choice made", right, func() { r.login(own, "ok", "", nil) })
	r.play("cancel at the choice", nobody, func() { r.login(own, "cancelled", atChoice, cancelling) })
	r.play("choice refused", map[string]any{"confirm": []string{"cancel"}}, func() { r.login(own, "cancelled", "", nil) })
	r.play("card pulled at the choice", nobody, func() { r.login(own, "card_removed", atChoice, func(*page) { r.station.Remove() }) })
	r.station.Insert()
}

// refusals records consent that is refused.
func refusals(r *recorder) {
	r.play("refused", map[string]any{"confirm": []string{"notok"}}, func() { r.login(site1, "consent_denied", "", nil) })
	r.play("agreed, then no PIN", map[string]any{"confirm": []string{"ok"}, "pin": []string{"cancel"}}, func() { r.login(site2, "cancelled", "", nil) })
}

// TestTracesArePaths: what the agent logs of its logins, whatever happens to them, is a
// path of the model; what is altered by hand is none.
func TestTracesArePaths(t *testing.T) {
	worlds := []struct {
		name string
		card virtual.CardOptions
		play func(*recorder)
	}{
		{"alone", virtual.CardOptions{}, alone},
		{"together", virtual.CardOptions{}, together},
		{"choosing", virtual.CardOptions{Type: virtual.PIV, SignatureForLogin: true}, choosing},
		{"refusals", virtual.CardOptions{}, refusals},
	}
	recorded := make([][]model.Trace, len(worlds))
	t.Run("record", func(t *testing.T) {
		for i, w := range worlds {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel()
				r := record(t, w.card)
				w.play(r)
				recorded[i] = r.traces
			})
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	real := slices.Concat(recorded...)
	traces := slices.Clone(real)
	for _, one := range real {
		if one.Name == "good" || one.Name == "a stranger" {
			traces = append(traces, altered(one)...)
		}
	}
	stops, err := model.Stops(t.Context(), t.TempDir(), traces)
	if err != nil {
		t.Fatal(err)
	}
	for i, one := range traces {
		path := one.Path(stops[i])
		switch {
		case i < len(real) && !path:
			t.Errorf("%s is no path of the model:\n%s", one.Name, model.Show(one, stops[i]))
		case i >= len(real) && path:
			t.Errorf("%s is taken for a path of the model:\n%s", one.Name, model.Show(one, -1))
		}
	}
	t.Logf("%d traces, %d altered ones", len(real), len(traces)-len(real))
}

// altered are a trace without each of its steps, and with each two neighbours swapped.
func altered(t model.Trace) (all []model.Trace) {
	for i := range t.Events {
		without := slices.Delete(slices.Clone(t.Events), i, i+1)
		all = append(all, model.Trace{Name: fmt.Sprintf("%s without %s", t.Name, t.Events[i].Step), Events: without})
		if i > 0 {
			swapped := slices.Clone(t.Events)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			all = append(all, model.Trace{Name: fmt.Sprintf("%s with %s after %s", t.Name, t.Events[i-1].Step, t.Events[i].Step), Events: swapped})
		}
	}
	return all
}
