package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

const upgradeSite = "https://portail.example.fr"

// build builds the program as a version of it is built.
func build(t *testing.T, version string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "cpx-agent")
	if out, err := exec.Command("go", "build", "-ldflags", "-X main.stamp=cpx-bridge-version="+version+";", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// upgraded is a person whose program is replaced while their agent runs.
type upgraded struct {
	t       *testing.T
	p       *workstation.Person
	program string // where it is installed
	port    int
	hold    string // a file: while it is there, the PIN dialog waits until it is read
}

// install puts a file in the program's place, as packages do.
func (u *upgraded) install(file string) os.FileInfo {
	u.t.Helper()
	text, err := os.ReadFile(file)
	must(u.t, err)
	must(u.t, os.WriteFile(u.program+".dpkg-new", text, 0o755))
	must(u.t, os.Rename(u.program+".dpkg-new", u.program))
	info, err := os.Stat(u.program)
	must(u.t, err)
	return info
}

// script installs a program of another kind.
func (u *upgraded) script(text string) {
	u.t.Helper()
	file := filepath.Join(u.t.TempDir(), "script")
	must(u.t, os.WriteFile(file, []byte(text), 0o755))
	u.install(file)
}

func newUpgraded(t *testing.T) *upgraded {
	p := workstation.NewPerson(t, "")
	dir := t.TempDir()
	u := &upgraded{t: t, p: p, program: filepath.Join(dir, "cpx-agent"), hold: filepath.Join(dir, "hold"), port: workstation.FreePorts(t, 1)}
	pinentry := filepath.Join(dir, "pinentry")
	must(t, os.WriteFile(pinentry, []byte(`#!/bin/sh
echo OK
while read -r line; do
	case $line in
	GETPIN*) [ ! -e `+u.hold+` ] || read -r go <`+u.hold+`; echo "D 1234" ;;
	esac
	echo OK
done
`), 0o755))
	p.Settings(t, "modules = [%q]\nlang = \"en\"\npinentry = %q\nnotifications = false\n[origins]\nallow = [%q]\n[ports]\nfirst = %d\ncount = 1\n", p.Module, pinentry, upgradeSite, u.port)
	return u
}

// runs runs a command of the program that is installed.
func (u *upgraded) runs(exit int, args ...string) string {
	u.t.Helper()
	cmd := of(u.p, u.program, args...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exit {
		u.t.Errorf("%v: exit %d, want %d\n%s", args, got, exit, out)
	}
	return string(out)
}

// begins begins a login, whose page is the connection.
func (u *upgraded) begins() *websocket.Conn {
	u.t.Helper()
	page := stays(u.t, strconv.Itoa(u.port), upgradeSite)
	must(u.t, page.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 7, "method": "authenticate",
		"params": map[string]any{"challengeNonce": authtoken.NewNonce(), "lang": "en"}}))
	return page
}

// version is that of the agent which logged the page in.
func (u *upgraded) version(page *websocket.Conn) string {
	u.t.Helper()
	for {
		must(u.t, page.SetReadDeadline(time.Now().Add(testdesktop.Patience)))
		var a struct {
			ID     int
			Result struct{ AppVersion string }
			Error  json.RawMessage
		}
		must(u.t, page.ReadJSON(&a))
		if a.ID != 7 {
			continue // its progress
		}
		if a.Error != nil {
			u.t.Fatalf("no login: %s", a.Error)
		}
		return filepath.Base(a.Result.AppVersion)
	}
}

// expectImage: the process that serves the module is of this file.
func (u *upgraded) expectImage(agent int, file os.FileInfo) {
	u.t.Helper()
	child := childOf(u.t, agent, role.PKCS11Module)
	for what, pid := range map[string]int{"agent": agent, "module's process": child} {
		info, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil || !os.SameFile(info, file) {
			u.t.Errorf("the %s is of another file, %v", what, err)
		}
	}
}

// expectDoctor: it has this finding, and the text holds all of these.
func (u *upgraded) expectDoctor(code string, parts ...string) {
	u.t.Helper()
	cmd := of(u.p, u.program, "doctor", "--json")
	out, _ := cmd.Output() // its status is about the whole workstation
	var r doctor.Report
	must(u.t, json.Unmarshal(out, &r))
	i := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == code })
	if i < 0 {
		u.t.Fatalf("no %s:\n%s", code, out)
	}
	f := r.Findings[i]
	workstation.Contains(u.t, f.Subject+"\n"+f.Text+"\n"+f.Next, parts...)
	if f.Outcome != doctor.Notice {
		u.t.Error(f)
	}
}

// TestRestart: an agent whose program was replaced stays wholly of its version, for logins
// too; doctor names both; the restart waits for nobody's login, does not go over to a program
// that would not serve, and then all is of the new version, also where the supervisor was
// killed, and where there is none.
func TestRestart(t *testing.T) {
	older, newer := build(t, "0.0.1"), build(t, "0.0.2")
	for name, c := range map[string]struct {
		args []string
		kill bool // the supervisor
	}{
		"supervised":            {args: []string{"run", "--supervise", "--quiet", "--no-tray"}},
		"by itself":             {args: []string{"run", "--no-tray"}},
		"its supervisor killed": {args: []string{"run", "--supervise", "--no-tray"}, kill: true},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpgraded(t)
			file := u.install(older)
			s := starts(t, u.p, of(u.p, u.program, c.args...))
			s.await("msg=listening")
			if c.kill {
				must(t, s.Process.Kill())
				<-s.ended
			}
			if got := u.version(u.begins()); got != "0.0.1" {
				t.Fatal(got)
			}
			agent := s.agent()
			workstation.Contains(t, u.runs(0, "restart"), "the one that runs already")

			u.install(newer)
			u.expectDoctor("agent_replaced", "0.0.1\nVersion 0.0.2 of CPx Bridge is installed; the agent that runs is still version 0.0.1.", "cpx-agent restart")
			workstation.Contains(t, u.runs(0, "run", "--quiet"), "CPx Bridge 0.0.1 is running", "Version 0.0.2 is installed")

			must(t, syscall.Mkfifo(u.hold, 0o600))
			page := u.begins()
			pin, err := os.OpenFile(u.hold, os.O_WRONLY, 0) // once the dialog stands
			must(t, err)
			workstation.Contains(t, u.runs(1, "restart"), "A login is under way")
			must(t, os.Remove(u.hold))
			_, err = pin.WriteString("go\n")
			must(t, errors.Join(err, pin.Close()))
			if got := u.version(page); got != "0.0.1" {
				t.Error(got)
			}
			// A module's process that crashed is started anew, of the old version.
			must(t, syscall.Kill(childOf(t, agent, role.PKCS11Module), syscall.SIGKILL))
			if got := u.version(u.begins()); got != "0.0.1" {
				t.Error(got)
			}
			u.expectImage(agent, file)

			for _, bad := range []struct{ program, says string }{
				{"no program", "would not start"},
				{"#!/bin/sh\nexit 3\n", "exit status 3"},
				{"#!/bin/sh\necho something else\n", "another program"},
				{"#!/bin/sh\n[ \"$1\" != version ] || { echo cpx-agent 3; exit; }\necho 'cpx-agent: TEST a setting is unknown' >&2\nexit 2\n", "TEST a setting is unknown"},
			} {
				u.script(bad.program)
				out, _ := of(u.p, older, "restart").CombinedOutput()
				workstation.Contains(t, string(out), "The current version goes on", bad.says)
			}
			if got := u.version(u.begins()); got != "0.0.1" || s.agent() != agent {
				t.Error(got)
			}

			u.install(newer)
			must(t, os.Chmod(u.program, 0o757))
			workstation.Contains(t, u.runs(1, "restart"), "other accounts may change the program", u.program)

			file = u.install(newer)
			workstation.Contains(t, u.runs(0, "restart"), "CPx Bridge 0.0.2 runs.")
			if got := u.version(u.begins()); got != "0.0.2" {
				t.Error(got)
			}
			u.expectImage(s.agent(), file)
			u.expectSupervisor(s, c.kill, file)
			if line := u.runs(0, "run", "--quiet"); strings.Contains(line, "installed") {
				t.Error(line)
			}
			workstation.Contains(t, u.runs(0, "quit"), "CPx Bridge has ended.")
			if !c.kill {
				s.endedForGood(0)
			}
		})
	}
}

// expectSupervisor: what was started first is the same process, of the new version; where it
// was killed, the agent has a new one.
func (u *upgraded) expectSupervisor(s *supervised, killed bool, file os.FileInfo) {
	u.t.Helper()
	pid := s.Process.Pid
	if killed {
		pid = parentOf(u.t, s.agent())
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil || !os.SameFile(info, file) {
		u.t.Errorf("process %d is of another file, %v", pid, err)
	}
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	for line := range strings.Lines(string(status)) {
		if number, is := strings.CutPrefix(line, "PPid:"); is {
			parent, err := strconv.Atoi(strings.TrimSpace(number))
			must(t, err)
			return parent
		}
	}
	t.Fatal("no parent")
	return 0
}
