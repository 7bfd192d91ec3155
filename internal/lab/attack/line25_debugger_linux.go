package attack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/pry"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

func line25() []Attack {
	return []Attack{{Line: 25, Title: "gdb, strace and /proc of the agent's own user, who is not root", Empty: true, Play: debuggers}}
}

func debuggers(w *World, r *Record) error {
	if os.Geteuid() != 0 {
		return Missing("the agent has to run as another user than root, which needs root")
	}
	for _, program := range []string{"gdb", "strace", "Xvfb"} {
		if _, err := exec.LookPath(program); err != nil {
			return Missing(program + " is not installed")
		}
	}
	program, err := w.public()
	if err != nil {
		return err
	}
	if w.Stack, err = stack.Prepare(w.Context, stack.Options{Dir: w.Dir, Bin: w.Bin, AgentOnly: true}); err != nil {
		return err
	}
	display, end, err := xvfb()
	if err != nil {
		return err
	}
	defer end()
	agentProgram := filepath.Join(w.Dir, "cpx-agent")
	text, err := os.ReadFile(filepath.Join(w.Bin, "cpx-agent"))
	if err := errors.Join(err, os.WriteFile(agentProgram, text, 0o755)); err != nil {
		return err
	}
	err = filepath.WalkDir(w.Dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, testdesktop.Nobody, testdesktop.Nobody))
	})
	if err != nil {
		return err
	}
	start := func(args ...string) (*exec.Cmd, *os.File, error) {
		cmd := exec.CommandContext(w.Context, agentProgram, args...)
		cmd.Dir, cmd.Env = "/", append(w.Env(), "HOME="+w.Dir, "TMPDIR="+w.Dir, "DISPLAY="+display, "WAYLAND_DISPLAY=", "DBUS_SESSION_BUS_ADDRESS=disabled:", "NO_AT_BRIDGE=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: testdesktop.Nobody, Gid: testdesktop.Nobody}}
		in, out, err := os.Pipe()
		if err != nil {
			return nil, nil, err
		}
		cmd.Stdin = in // a window waits for its question
		err = cmd.Start()
		return cmd, out, errors.Join(err, in.Close())
	}
	agent, agentIn, err := start("run", "--config", w.Path("agent.toml"))
	if err != nil {
		return err
	}
	defer func() { _ = agent.Process.Kill(); _ = agent.Wait(); _ = agentIn.Close() }()
	window, question, err := start(string(role.DialogWindow))
	if err != nil {
		return err
	}
	defer func() { _ = question.Close(); _ = window.Wait() }()
	processes := map[string]int{"agent": agent.Process.Pid, "window": window.Process.Pid}
	for name, r := range map[string]role.Role{"module's process": role.PKCS11Module, "menu": role.TrayMenu} {
		if processes[name], err = child(agent.Process.Pid, r); err != nil {
			return err
		}
	}
	for name, pid := range processes {
		pry.Started(pid)
		open, closed, err := pry.Open(w.Context, program, testdesktop.Nobody, pid)
		if err != nil {
			return err
		}
		r.Check(len(open) == 0 && len(closed) == pry.Ways(), "all ways into the "+name, "%d refused, open: %q", len(closed), open)
	}
	// A process of the same user that hides nothing is open: the ways are ways.
	plain := exec.CommandContext(w.Context, "sleep", "600")
	plain.SysProcAttr = window.SysProcAttr
	if err := plain.Start(); err != nil {
		return err
	}
	open, closed, err := pry.Open(w.Context, program, testdesktop.Nobody, plain.Process.Pid)
	_ = plain.Process.Kill()
	_ = plain.Wait()
	r.Check(len(open) == pry.Ways(), "the same ways into a program that hides nothing", "%d open, %q closed", len(open), closed)
	return err
}

// child waits for a process below the agent's, in a role.
func child(agent int, r role.Role) (int, error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", agent))
		for _, list := range lists {
			text, _ := os.ReadFile(list) // a thread may have ended
			for _, word := range strings.Fields(string(text)) {
				line, _ := os.ReadFile("/proc/" + word + "/cmdline")
				if pid, err := strconv.Atoi(word); err == nil && bytes.Contains(line, []byte("\x00"+string(r)+"\x00")) {
					return pid, nil
				}
			}
		}
	}
	return 0, fmt.Errorf("no process in the role %s", r)
}

// xvfb starts a display of its own.
func xvfb() (display string, end func(), err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	defer read.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "900x600x24", "-nolisten", "tcp", "-ac", "-noreset")
	cmd.ExtraFiles = []*os.File{write}
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return "", nil, err
	}
	end = func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		end()
		return "", nil, err
	}
	return ":" + strings.TrimSpace(number), end, nil
}
