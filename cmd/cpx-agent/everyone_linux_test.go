package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/asroot"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// copyOf is the agent's program in a folder of its own: what ends everyone's agents must
// reach no other test's.
func copyOf(t *testing.T, program string) string {
	t.Helper()
	text, err := os.ReadFile(program)
	must(t, err)
	path := filepath.Join(t.TempDir(), "cpx-agent")
	must(t, os.WriteFile(path, text, 0o755))
	return path
}

// of is a command of the person's, by another program.
func of(p *workstation.Person, program string, args ...string) *exec.Cmd {
	cmd := p.Command(args...)
	cmd.Path = program
	return cmd
}

// TestQuitEveryone: the agents of two persons end, supervised or not, one of them only by
// force, also where the program's file was replaced meanwhile; the agent of another copy of
// the program goes on. Nothing is started anew.
func TestQuitEveryone(t *testing.T) {
	if !asroot.Here(t) {
		return
	}
	first, second, foreign := person(t), person(t), person(t)
	program := copyOf(t, first.Command().Path)
	supervised := starts(t, first, of(first, program, "run", "--supervise", "--quiet", "--no-tray"))
	supervised.await("msg=listening")
	stopped := starts(t, second, of(second, program, "run", "--no-tray"))
	stopped.await("msg=listening")
	other := starts(t, foreign, foreign.Command("run", "--no-tray"))
	other.await("msg=listening")
	must(t, syscall.Kill(stopped.Process.Pid, syscall.SIGSTOP)) // it answers nothing

	// As a package does it: the new file takes the name of the old one.
	next := copyOf(t, program)
	must(t, os.Rename(next, program))
	out, err := of(first, program, "quit", "--everyone").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	workstation.Contains(t, string(out), "by force")
	supervised.endedForGood(0)
	<-stopped.ended
	if !isZombie(stopped.Process.Pid) && syscall.Kill(stopped.Process.Pid, 0) == nil {
		t.Error("the agent that answered nothing goes on")
	}
	workstation.Contains(t, foreign.Runs(0, "quit"), "CPx Bridge has ended.")

	out, err = of(first, program, "quit", "--everyone").CombinedOutput()
	if err != nil {
		t.Fatalf("where none runs: %v: %s", err, out)
	}
	workstation.Contains(t, string(out), "have ended: 0, 0 of them")
}

// TestQuitEveryoneOfOthers: who is no administrator reads so, and nothing ends.
func TestQuitEveryoneOfOthers(t *testing.T) {
	p := person(t)
	s := supervises(t, p)
	cmd := of(p, copyOf(t, p.Command().Path), "--lang", "en", "quit", "--everyone")
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		must(t, os.Chmod(filepath.Dir(cmd.Path), 0o755))
		must(t, os.Chmod(filepath.Dir(filepath.Dir(cmd.Path)), 0o755))
	}
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v: %s", err, out)
	}
	workstation.Contains(t, string(out), "Only an administrator")
	workstation.Contains(t, p.Runs(0, "quit"), "CPx Bridge has ended.")
	s.endedForGood(0)
}
