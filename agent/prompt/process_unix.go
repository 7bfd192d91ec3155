//go:build !windows

package prompt

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup lets a cancel end the program together with what it started: some
// pinentry programs are wrappers. A group of its own would take the terminal
// away from one that asks there, so that one stays in ours.
func ownGroup(cmd *exec.Cmd) {
	if terminal() == "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		return
	}
	cmd.Cancel = func() error { return cmd.Process.Kill() }
}

// terminal is the terminal of standard input, or "".
func terminal() string {
	if _, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), tcgets); err != nil {
		return ""
	}
	return terminalName()
}
