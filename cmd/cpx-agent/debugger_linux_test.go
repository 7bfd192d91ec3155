package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/pry"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// TestDebugger: each process that sees a PIN, or the names on a card, is closed to a
// debugger of its own user, who is not root; and doctor, another process of that user,
// nevertheless finds the agent.
func TestDebugger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root may look into every process, and another user than this one is needed: run as root to test what a debugger may do")
	}
	for _, program := range []string{"gdb", "strace"} {
		need.Program(t, program)
	}
	p := workstation.NewPerson(t, "lang = \"en\"\nnotifications = false\n[ports]\nfirst = %d\ncount = 1\n", workstation.FreePorts(t, 1))
	screen := testdesktop.NewXServer(t)
	program := testdesktop.PublicCopy(t)
	for _, dir := range []string{p.Dir, p.Keyring.Home} {
		must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, testdesktop.Nobody, testdesktop.Nobody)
		}))
		if above := filepath.Dir(dir); above != filepath.Clean(os.TempDir()) { // which is everybody's
			must(t, os.Chmod(above, 0o755|os.ModeSticky))
		}
	}
	asNobody := func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args[0], cmd.Dir = program, program, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: testdesktop.Nobody, Gid: testdesktop.Nobody}}
		cmd.Env = append(cmd.Env, "DISPLAY="+screen.Display, "DBUS_SESSION_BUS_ADDRESS=disabled:", "TMPDIR="+p.Keyring.Home)
	}
	var agent *exec.Cmd
	await := p.StartsAs(func(cmd *exec.Cmd) {
		agent = cmd
		asNobody(cmd)
		cmd.Args = cmd.Args[:len(cmd.Args)-1] // with the tray
	})
	await("msg=listening")
	await("msg=\"module opened\"")

	window := p.Command()
	asNobody(window)
	window.Args = []string{program, string(role.DialogWindow)}
	question, err := window.StdinPipe()
	must(t, err)
	must(t, window.Start())
	defer func() { _ = question.Close(); _ = window.Wait() }()

	processes := map[string]int{"agent": agent.Process.Pid, "window": window.Process.Pid}
	for _, r := range []role.Role{role.PKCS11Module, role.TrayMenu} {
		processes[string(r)] = childOf(t, agent.Process.Pid, r)
	}
	for name, pid := range processes {
		pry.Started(pid)
		open, closed, err := pry.Open(t.Context(), program, testdesktop.Nobody, pid)
		must(t, err)
		if len(open) > 0 || len(closed) != pry.Ways() {
			t.Errorf("the process of %s is open to %q, closed to %q", name, open, closed)
		}
	}
	// The same on a process that hides nothing: the ways are ways.
	plain := exec.Command("sleep", "600")
	plain.SysProcAttr = window.SysProcAttr
	must(t, plain.Start())
	open, closed, err := pry.Open(t.Context(), program, testdesktop.Nobody, plain.Process.Pid)
	_ = plain.Process.Kill()
	_ = plain.Wait()
	if err != nil || len(open) != pry.Ways() {
		t.Errorf("an open process is closed to %q, %v", closed, err)
	}

	finds := func(code string) {
		t.Helper()
		report := p.Command("doctor", "--json")
		asNobody(report)
		out, _ := report.Output() // its status says that not all is well, as without a reader
		var r doctor.Report
		must(t, json.Unmarshal(out, &r))
		must(t, jsonschema.Check(doctor.Schema(), out))
		if !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == code }) {
			t.Errorf("doctor does not find %s: %s", code, out)
		}
	}
	finds("agent_runs")
	must(t, agent.Process.Signal(syscall.SIGSTOP))
	finds("agent_silent")
	must(t, agent.Process.Signal(syscall.SIGCONT))
}

// childOf waits for a process of the agent's in a role.
func childOf(t *testing.T, agent int, r role.Role) int {
	t.Helper()
	for end := time.Now().Add(testdesktop.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		lists, _ := filepath.Glob("/proc/" + strconv.Itoa(agent) + "/task/*/children")
		for _, list := range lists {
			text, _ := os.ReadFile(list) // a thread may have ended
			for _, word := range strings.Fields(string(text)) {
				line, _ := os.ReadFile("/proc/" + word + "/cmdline")
				if pid, err := strconv.Atoi(word); err == nil && bytes.Contains(line, []byte("\x00"+string(r)+"\x00")) {
					return pid
				}
			}
		}
	}
	t.Fatalf("no process in the role %s", r)
	return 0
}
