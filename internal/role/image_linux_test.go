package role

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// parent is an agent that starts one process in a role for each line that it reads.
const parent Role = "test-parent"

// playsHere plays it, and a role of the program's own.
func playsHere() bool {
	switch {
	case TrayMenu.Is():
		name, err := os.ReadFile("/proc/self/comm")
		fmt.Println(strings.TrimSpace(string(name)), filepath.Base(os.Args[0]), err)
	case parent.Is():
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			cmd, err := TrayMenu.Command(context.Background())
			if err == nil {
				var said []byte
				said, err = cmd.CombinedOutput()
				fmt.Print(string(said))
			}
			fmt.Println(err)
		}
	default:
		return false
	}
	return true
}

// TestOwnImage: what a process starts in a role is of its own version, whatever becomes of
// the program's file, and bears the program's name; also for a person who may run that file
// and not read it, as 711 has it.
func TestOwnImage(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(program string) error{
		"as it was": func(string) error { return nil },
		"replaced": func(program string) error {
			next := program + ".dpkg-new"
			if err := os.WriteFile(next, []byte("#!/bin/sh\necho another version\n"), 0o755); err != nil {
				return err
			}
			return os.Rename(next, program)
		},
		"removed":        os.Remove,
		"not to be read": func(program string) error { return os.Chmod(program, 0o711) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "role-") // which another user may enter
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			program := filepath.Join(dir, "cpx-agent")
			if err := os.WriteFile(program, text, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program, string(parent))
			if os.Geteuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			for round := range 2 { // before and after
				if round == 1 {
					if err := change(program); err != nil {
						t.Fatal(err)
					}
				}
				_, _ = io.WriteString(in, "\n")
				expectLine(t, lines, "cpx-agent cpx-agent <nil>")
				expectLine(t, lines, "<nil>")
			}
			_ = in.Close()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSupervisedImage: a supervised agent is the program as it is on disk now.
func TestSupervisedImage(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if cmd, err := SupervisedAgent.Command(t.Context()); err != nil || cmd.Path != self {
		t.Errorf("%v %v, want %s", cmd, err, self)
	}
}
