package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/asroot"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fulldisk"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// supervises starts a supervisor and its agent.
func supervises(t *testing.T, p *workstation.Person) *supervised {
	t.Helper()
	s := starts(t, p, p.Command("run", "--supervise", "--quiet", "--no-tray"))
	s.await("msg=listening")
	return s
}

// crashes kills the agent until its supervisor is in the last of these pauses.
func (s *supervised) crashes(pauses ...string) {
	s.t.Helper()
	for i, pause := range pauses {
		kill(s.t, s.agent())
		s.await(`is started anew" error="signal: killed" pause=` + pause)
		if i+1 < len(pauses) {
			s.await("msg=listening")
		}
	}
}

// endedForGood: the supervisor has ended, and has started no agent after a crash.
func (s *supervised) endedForGood(want int) (rest string) {
	s.t.Helper()
	if err := syscall.Kill(s.Process.Pid, 0); err == nil && !isZombie(s.Process.Pid) {
		s.t.Error("quit returned before the supervisor ended")
	}
	status, rest := s.exits()
	if status != want || strings.Contains(rest, "crashed") {
		s.t.Errorf("exit %d: %s", status, rest)
	}
	return rest
}

// startedNone: nor is one started that was to be.
func (s *supervised) startedNone() {
	s.t.Helper()
	if rest := s.endedForGood(0); strings.Contains(rest, "listening") {
		s.t.Error(rest)
	}
}

// TestQuitBetweenAgents: who quits while a crashed agent is to be started anew gets none, and
// reads what is so; the next start serves as ever.
func TestQuitBetweenAgents(t *testing.T) {
	p := person(t)
	s := supervises(t, p)
	s.crashes("1s", "2s", "5s")
	workstation.Contains(t, p.Runs(0, "quit"), "CPx Bridge has ended.")
	s.startedNone()
	workstation.Contains(t, p.Runs(0, "quit"), "No agent")

	// A mark of before, for a supervisor of any number, keeps none of now from serving.
	dir := runtimeOf(p)
	for pid := range 100 {
		must(t, os.WriteFile(filepath.Join(dir, "supervisor-"+strconv.Itoa(s.Process.Pid+pid)+".quit"), nil, 0o600))
	}
	next := supervises(t, p)
	kill(t, next.agent())
	next.await("is started anew")
	next.await("msg=listening")
	workstation.Contains(t, p.Runs(0, "quit"), "CPx Bridge has ended.")
	next.endedForGood(0)
}

// TestQuitOfTwo: of a person with two desktops one supervisor pauses, and the other one's agent
// runs: quit ends both, for good.
func TestQuitOfTwo(t *testing.T) {
	p := person(t)
	first := supervises(t, p)
	first.crashes("1s", "2s", "5s")
	second := supervises(t, p)
	workstation.Contains(t, p.Runs(0, "quit"), "CPx Bridge has ended.")
	first.startedNone()
	second.endedForGood(0)
}

// TestQuitWithoutMark: where no mark can be written, quit ends the agent that is started anew
// all the same, or refuses to start there.
func TestQuitWithoutMark(t *testing.T) {
	if !asroot.Here(t) {
		return
	}
	for name, row := range map[string]struct {
		spoil  func(t *testing.T, disk *fulldisk.Disk)
		status int
	}{
		"no room for a file": {func(t *testing.T, disk *fulldisk.Disk) { must(t, disk.FillNames()) }, 0},
		"read only": {func(t *testing.T, disk *fulldisk.Disk) {
			must(t, unix.Mount("", disk.Dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := person(t)
			disk := fulldisk.New(t, runtimeOf(p))
			s := supervises(t, p)
			// What is open on one mount does not keep the one above from being read only.
			must(t, unix.Mount(disk.Dir, disk.Dir, "", unix.MS_BIND, ""))
			t.Cleanup(func() { must(t, unix.Unmount(disk.Dir, unix.MNT_DETACH)) })
			s.crashes("1s", "2s")
			row.spoil(t, disk)
			workstation.Contains(t, p.Runs(0, "quit"), "CPx Bridge has ended.")
			s.endedForGood(row.status)
		})
	}
}
