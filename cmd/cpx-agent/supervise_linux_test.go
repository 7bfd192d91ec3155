package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/supervisor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// supervised is a supervisor's process and what it and its agents print.
type supervised struct {
	*exec.Cmd
	t     *testing.T
	p     *workstation.Person
	lines chan string
	ended chan struct{}
}

// starts starts a command and ends it with the test.
func starts(t *testing.T, p *workstation.Person, cmd *exec.Cmd) *supervised {
	t.Helper()
	s := &supervised{Cmd: cmd, t: t, p: p, lines: make(chan string, 1000), ended: make(chan struct{})}
	out, in, err := os.Pipe()
	must(t, err)
	cmd.Stdout, cmd.Stderr = in, in
	must(t, cmd.Start())
	must(t, in.Close())
	go func() {
		defer close(s.lines) // once the agents have ended too
		for all := bufio.NewScanner(out); all.Scan(); {
			s.lines <- all.Text()
		}
	}()
	go func() { _ = cmd.Wait(); close(s.ended) }()
	t.Cleanup(func() {
		if pid := s.agent(); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = cmd.Process.Kill()
		<-s.ended
	})
	return s
}

// await returns what stands before, and in, the next line that matches.
func (s *supervised) await(pattern string) (before string) {
	s.t.Helper()
	for limit := time.After(testdesktop.Patience); ; {
		select {
		case line, more := <-s.lines:
			if before += line + "\n"; regexp.MustCompile(pattern).MatchString(line) {
				return before
			}
			if !more {
				s.t.Fatalf("it ended without %s:\n%s", pattern, before)
			}
		case <-limit:
			s.t.Fatalf("no %s in\n%s", pattern, before)
		}
	}
}

// exits is the supervisor's exit status and what was printed to the end.
func (s *supervised) exits() (status int, rest string) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(testdesktop.Patience):
		s.t.Fatal("it runs on")
	}
	for line := range s.lines {
		rest += line + "\n"
	}
	return s.ProcessState.ExitCode(), rest
}

// agent is the process that is the person's one agent, as its lock says.
func (s *supervised) agent() int { return agentOf(s.p) }

// kill kills a process. 0, which agentOf gives where nobody's number stands, is the test's own
// group to the system.
func kill(t *testing.T, pid int) {
	t.Helper()
	if pid <= 0 {
		t.Fatal("no process is known that could be killed")
	}
	must(t, syscall.Kill(pid, syscall.SIGKILL))
}

func agentOf(p *workstation.Person) int {
	text, _ := os.ReadFile(filepath.Join(runtimeOf(p), "lock"))
	number, _, _ := strings.Cut(string(text), "\n") // its screens follow
	pid, _ := strconv.Atoi(number)
	return pid
}

// runtimeOf is the folder of the person's lock.
func runtimeOf(p *workstation.Person) string {
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	for _, setting := range p.Keyring.Env {
		if dir, is := strings.CutPrefix(setting, "XDG_RUNTIME_DIR="); is {
			runtime = dir
		}
	}
	return filepath.Join(runtime, "cpx-bridge")
}

func person(t *testing.T) *workstation.Person {
	t.Helper()
	p := workstation.NewPerson(t, "")
	p.Settings(t, "modules = [%q]\nlang = \"en\"\n[ports]\nfirst = %d\ncount = 5\n", p.Module, workstation.FreePorts(t, 5))
	return p
}

// TestSupervised: the agent is killed, and crashes by itself, and is started anew; while it is
// down nothing keeps another one from starting; quit ends both processes, and none is started
// anew after it.
func TestSupervised(t *testing.T) {
	p := person(t)
	s := starts(t, p, p.Command("run", "--supervise", "--quiet", "--no-tray"))
	s.await("msg=listening")
	first := s.agent()
	if first == s.Process.Pid || first == 0 {
		t.Fatalf("the agent is process %d, its supervisor %d", first, s.Process.Pid)
	}
	must(t, syscall.Kill(first, syscall.SIGKILL))
	s.await(`the agent crashed, and is started anew" error="signal: killed" pause=1s`)
	s.await("msg=listening")
	second := s.agent()
	must(t, syscall.Kill(second, syscall.SIGSEGV))
	s.await(`the agent crashed, and is started anew" error="exit status 2" pause=2s`)
	s.await("msg=listening")
	if third := s.agent(); first == second || second == third {
		t.Errorf("processes %d, %d, %d", first, second, third)
	}
	log, err := os.ReadFile(filepath.Join(p.Keyring.Home, "state", "cpx-bridge", "audit.log"))
	must(t, err)
	workstation.Contains(t, string(log), "signal: killed", "exit status 2")

	if text := p.Runs(0, "run", "--quiet"); !strings.Contains(text, "CPx Bridge") {
		t.Error(text) // a second start
	}
	workstation.Contains(t, p.Runs(0, "quit"), "ended")
	if err := syscall.Kill(s.Process.Pid, 0); err == nil && !isZombie(s.Process.Pid) {
		t.Error("quit returned before the supervisor ended")
	}
	if status, rest := s.exits(); status != 0 || strings.Contains(rest, "crashed") {
		t.Errorf("exit %d: %s", status, rest)
	}
}

// isZombie reports a process that has ended and whose parent, this test, does not know yet.
func isZombie(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(text), ") Z ")
}

// TestSupervisorEnds: asked to end, the supervisor ends its agent in good order; killed, it
// leaves an agent that serves on and can be quit.
func TestSupervisorEnds(t *testing.T) {
	p := person(t)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := starts(t, p, p.Command("run", "--supervise", "--quiet", "--no-tray"))
		s.await("msg=listening")
		must(t, s.Process.Signal(signal))
		if status, rest := s.exits(); status != 0 || strings.Contains(rest, "crashed") {
			t.Errorf("%v: exit %d: %s", signal, status, rest)
		}
		workstation.Contains(t, p.Runs(0, "quit"), "No agent")
	}
	s := starts(t, p, p.Command("run", "--supervise", "--quiet", "--no-tray"))
	s.await("msg=listening")
	orphan := s.agent()
	must(t, s.Process.Kill())
	<-s.ended
	p.Runs(0, "run", "--supervise", "--quiet") // a login: it finds the agent, and ends
	if now := s.agent(); now != orphan {
		t.Errorf("the agent is process %d, and was %d", now, orphan)
	}
	workstation.Contains(t, p.Runs(0, "quit"), "ended")
}

// TestSupervisedMeanwhile: an agent that the person starts while the supervisor pauses is the
// one; the supervisor ends.
func TestSupervisedMeanwhile(t *testing.T) {
	p := person(t)
	s := starts(t, p, p.Command("run", "--supervise", "--quiet", "--no-tray"))
	s.await("msg=listening")
	kill(t, s.agent())
	s.await("the agent crashed, and is started anew")
	p.Starts()("msg=listening")
	if status, rest := s.exits(); status != 0 || strings.Contains(rest, "listening") {
		t.Errorf("exit %d: %s", status, rest)
	}
}

// TestSupervisedRefusal: what the agent refuses to start with it refuses once, with its own
// status, and is not started anew.
func TestSupervisedRefusal(t *testing.T) {
	p := person(t)
	p.Settings(t, "[origins]\nmode = \"TEST\"\n")
	text := p.Runs(2, "run", "--supervise", "--quiet", "--no-tray")
	if strings.Count(text, "origins.mode") != 1 || strings.Contains(text, "crashed") {
		t.Error(text)
	}
	p.Settings(t, "modules = [%q]\n[ports]\nfirst = 1024\ncount = 1\n", p.Module)
	text = p.Runs(2, "run", "--supervise", "--quiet", "--nonsense")
	if strings.Count(text, "nonsense") != 1 {
		t.Error(text)
	}
}

// killed kills an agent as soon as it serves.
type killed struct{ *exec.Cmd }

func (k killed) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("msg=listening")) {
		_ = k.Process.Kill()
	}
	return len(text), nil
}

// TestSixthCrash: a real agent that is killed whenever it serves is started anew five times,
// and no sixth time.
func TestSixthCrash(t *testing.T) {
	p := person(t)
	started := 0
	_, err := supervisor.Run(t.Context(), supervisor.Options{
		Agent: func(context.Context, bool) (*exec.Cmd, error) {
			started++
			cmd := p.Command("run", "--no-tray", "--quiet")
			cmd.Args = slices.Insert(cmd.Args, 1, string(role.SupervisedAgent))
			cmd.Stderr = killed{cmd}
			return cmd, nil
		},
		Pause: func(context.Context, time.Duration) bool { return true },
	})
	var end *exec.ExitError
	if !errors.Is(err, supervisor.ErrTooOften) || started != 1+supervisor.Most || !errors.As(err, &end) || end.String() != "signal: killed" {
		t.Errorf("%v, started %d times", err, started)
	}
}
