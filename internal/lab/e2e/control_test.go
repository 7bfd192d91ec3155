//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// outcome is a command's output and exit status.
type outcome struct {
	exit           int
	stdout, stderr string
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Errorf("%v: %v", cmd.Args, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// cpxAgent is a command of cpx-agent on the stack, in a language.
func cpxAgent(t *testing.T, s *stack.Stack, lang string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := s.Command(ctx, "cpx-agent", append(args, "--config", s.Path("agent.toml"))...)
	cmd.Env = append(cmd.Env, "LC_ALL="+lang)
	return cmd
}

const (
	french  = "fr_FR.UTF-8"
	english = "en_GB.UTF-8"
)

// first starts the stack's agent, until the test's end.
func first(t *testing.T, s *stack.Stack) *stack.Process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p, err := s.StartAgent(ctx, false, "--no-tray")
	t.Cleanup(func() {
		cancel()
		if p != nil {
			_ = p.Signal(syscall.SIGCONT)
			_ = p.Wait()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func agentLog(t *testing.T, s *stack.Stack) string {
	t.Helper()
	text, err := os.ReadFile(s.Path("cpx-agent.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSecondStart: the first agent's state is shown to the person, as text on the
// second's output and in a window of the first's.
func TestSecondStart(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true})
	p := first(t, s)
	// The first agent has then read its card.
	if got := finish(t, cpxAgent(t, s, french, "certs")); got.exit != 0 {
		t.Fatalf("%+v", got)
	}
	for lang, texts := range map[string][]string{
		french:  {fmt.Sprintf("est en marche (processus %d)", p.PID()), "Lecteurs :", "utilisable"},
		english: {fmt.Sprintf("is running (process %d)", p.PID()), "Readers:", "usable"},
	} {
		for _, args := range [][]string{{"run", "--no-tray"}, nil} {
			got := finish(t, cpxAgent(t, s, lang, args...))
			if got.exit != 0 || got.stderr != "" {
				t.Errorf("%v: %+v", args, got)
			}
			for _, part := range append(texts, s.AgentAddress(), s.Cards[0].Identifier, "libsofthsm2.so") {
				if !strings.Contains(got.stdout, part) {
					t.Errorf("%q is missing:\n%s", part, got.stdout)
				}
			}
		}
	}
	if log := agentLog(t, s); strings.Count(log, "the state is shown") < 1 || strings.Count(log, "module opened") != 1 {
		t.Errorf("the first agent's log:\n%s", log)
	}
}

// TestFirstHangs: where the agent hangs, a command says so and does what it can
// without it.
func TestFirstHangs(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true})
	p := first(t, s)
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var commands sync.WaitGroup
	for _, c := range []struct {
		lang, says string
		args       []string
		exit       int
	}{
		{french, fmt.Sprintf("CPx Bridge tourne déjà (processus %d) et ne répond pas.", p.PID()), []string{"run", "--no-tray"}, 1},
		{english, fmt.Sprintf("CPx Bridge runs already (process %d) and does not answer.", p.PID()), nil, 1},
		{french, "l’agent en marche ne répond pas", []string{"certs"}, 0},
		{english, "the running agent does not answer", []string{"certs", "--json"}, 0},
	} {
		commands.Go(func() {
			got := finish(t, cpxAgent(t, s, c.lang, c.args...))
			if got.exit != c.exit || !strings.Contains(got.stderr, c.says) {
				t.Errorf("%v: %+v, want exit %d and %q", c.args, got, c.exit, c.says)
			}
			if len(c.args) > 0 && c.args[0] == "certs" && !strings.Contains(got.stdout, s.Cards[0].Identifier) {
				t.Errorf("%v: it did not read the cards itself:\n%s", c.args, got.stdout)
			}
		})
	}
	commands.Wait()
	// It goes on as if nothing had happened.
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := finish(t, cpxAgent(t, s, french, "certs")); got.exit != 0 || got.stderr != "" {
		t.Errorf("%+v", got)
	}
}

// TestKilledAgent: the remains of a killed agent prevent no start.
func TestKilledAgent(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true})
	for range 2 {
		p := first(t, s)
		if err := p.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = p.Wait()
		for _, name := range []string{"lock", "control"} {
			if _, err := os.Lstat(s.Path("r/cpx-bridge/" + name)); err != nil {
				t.Errorf("the killed agent left no %s: this test could not fail", name)
			}
		}
	}
	if got := finish(t, cpxAgent(t, s, french, "certs")); got.exit != 0 || !strings.Contains(got.stdout, s.Cards[0].Identifier) {
		t.Errorf("without an agent: %+v", got)
	}
	p := first(t, s)
	if got := finish(t, cpxAgent(t, s, french)); got.exit != 0 || !strings.Contains(got.stdout, strconv.Itoa(p.PID())) {
		t.Errorf("%+v", got)
	}
}

var runningLine = regexp.MustCompile(`is (?:running|starting) \(process (\d+)\)`)

// TestStartRace: of ten agents started at the same instant, exactly one serves,
// and the others name it.
func TestStartRace(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true})
	ended := make(chan outcome, 10)
	var all []*exec.Cmd
	for range cap(ended) {
		cmd := cpxAgent(t, s, english, "run", "--no-tray")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
		go func() {
			_ = cmd.Wait()
			ended <- outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
		}()
	}
	named := map[string]int{}
	for range cap(ended) - 1 {
		got := <-ended
		found := runningLine.FindStringSubmatch(got.stdout)
		if got.exit != 0 || found == nil {
			t.Errorf("%+v", got)
			continue
		}
		named[found[1]]++
	}
	if len(named) != 1 {
		t.Errorf("agents named: %v, want one", named)
	}
	for _, cmd := range all { // the one that serves
		if named[strconv.Itoa(cmd.Process.Pid)] > 0 {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	}
	if got := <-ended; got.exit != 0 || strings.Count(got.stderr, "module opened") != 1 {
		t.Errorf("the agent that served: %+v", got)
	}
}

// awaited is a log that signals when it contains a text.
type awaited struct {
	text bytes.Buffer
	want string
	once sync.Once
	came chan struct{}
}

func (a *awaited) Write(p []byte) (int, error) {
	a.text.Write(p)
	if strings.Contains(a.text.String(), a.want) {
		a.once.Do(func() { close(a.came) })
	}
	return len(p), nil
}

// background starts a command and returns when its log says that it listens; ended
// receives its outcome.
func background(t *testing.T, cmd *exec.Cmd) (ended <-chan outcome) {
	t.Helper()
	log, out := &awaited{want: "msg=listening", came: make(chan struct{})}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan outcome, 1)
	go func() {
		_ = cmd.Wait()
		done <- outcome{cmd.ProcessState.ExitCode(), out.String(), log.text.String()}
	}()
	select {
	case <-log.came:
	case got := <-done:
		t.Fatalf("%v ended: %+v", cmd.Args, got)
	}
	return done
}

// TestSessionThatEnded: an agent whose desktop session has ended can ask nobody any
// more, and stops in favour of one that can; one that still can ask stays.
func TestSessionThatEnded(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true, Extra: map[string]string{"WAYLAND_DISPLAY": "", "NO_AT_BRIDGE": "1"}})
	on := func(display string) *exec.Cmd {
		cmd := cpxAgent(t, s, english, "run", "--no-tray")
		cmd.Env = append(cmd.Env, "DISPLAY="+display)
		return cmd
	}
	here := testdesktop.Display(t)
	var first *exec.Cmd
	var firstEnded <-chan outcome
	t.Run("session", func(inner *testing.T) {
		there := testdesktop.Display(inner)
		first = on(there)
		firstEnded = background(t, first)
		pid := strconv.Itoa(first.Process.Pid)
		if got := finish(t, on(there)); got.exit != 0 || !strings.Contains(got.stdout, pid) {
			t.Errorf("while its session lasts: %+v", got)
		}
	}) // and with it the first agent's display
	if got := finish(t, on("")); got.exit != 0 || !strings.Contains(got.stdout, strconv.Itoa(first.Process.Pid)) {
		t.Errorf("a start without a display: %+v", got)
	}
	second := on(here)
	secondEnded := background(t, second)
	if got := <-firstEnded; got.exit != 0 || !strings.Contains(got.stderr, "ending for an agent on a desktop") {
		t.Errorf("the first agent: %+v", got)
	}
	if got := finish(t, on(here)); got.exit != 0 || !strings.Contains(got.stdout, strconv.Itoa(second.Process.Pid)) {
		t.Errorf("a third start: %+v", got)
	}
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-secondEnded; got.exit != 0 {
		t.Errorf("the second agent: %+v", got)
	}
}

// chosenOf finds in the output of certs the chosen certificate and the usable ones.
func chosenOf(t *testing.T, out string) (chosen string, usable []string) {
	t.Helper()
	var r state.Cards
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, c := range r.Certificates {
		if c.Chosen {
			chosen = c.ID
		}
		if c.Usable {
			usable = append(usable, c.ID)
		}
	}
	return chosen, usable
}

// TestCertsThroughAgent: the running agent answers certs, so that the module is not
// opened a second time; certs use works with and without an agent.
func TestCertsThroughAgent(t *testing.T) {
	// At this level a command that opens a module itself logs it.
	s := prepare(t, stack.Options{AgentOnly: true, Cards: []string{"cps", "cpf"}, Settings: "[log]\nlevel = \"debug\"\n"})
	alone := finish(t, cpxAgent(t, s, french, "certs", "--json"))
	if !strings.Contains(alone.stderr, "module opened") {
		t.Fatalf("%+v", alone)
	}
	_, usable := chosenOf(t, alone.stdout)
	if len(usable) != 2 {
		t.Fatalf("usable: %v", usable)
	}
	if got := finish(t, cpxAgent(t, s, french, "certs", "use", usable[1])); got.exit != 0 {
		t.Fatalf("%+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p, err := s.StartAgent(ctx, false, "--no-tray")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{usable[1], usable[0], usable[1]} {
		if got := finish(t, cpxAgent(t, s, english, "certs", "use", want[:12])); got.exit != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, want) {
			t.Errorf("%+v", got)
		}
		got := finish(t, cpxAgent(t, s, french, "certs", "--json"))
		if chosen, _ := chosenOf(t, got.stdout); chosen != want || got.stderr != "" || got.exit != 0 {
			t.Errorf("chosen %s, want %s: %+v", chosen, want, got)
		}
	}
	if n := strings.Count(agentLog(t, s), "module opened"); n != 1 {
		t.Errorf("the agent opened the module %d times", n)
	}
	// For other settings the running agent cannot answer.
	other := strings.Replace(readFile(t, s.Path("agent.toml")), "modules = [", `modules = ["/nonexistent/module.so", `, 1)
	if err := os.WriteFile(s.Path("other.toml"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.Command(t.Context(), "cpx-agent", "certs", "--config", s.Path("other.toml"))
	if got := finish(t, cmd); got.exit != 0 || !strings.Contains(got.stderr, "/nonexistent/module.so") {
		t.Errorf("other settings: %+v", got)
	}
	cancel()
	_ = p.Wait()
	got := finish(t, cpxAgent(t, s, french, "certs", "--json"))
	if chosen, _ := chosenOf(t, got.stdout); chosen != usable[1] {
		t.Errorf("after the agent's end: %+v", got)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
