//go:build !windows

package prompt

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// ownGroup lets a cancel end the program together with what it started: some
// pinentry programs are wrappers. A group of its own would take the terminal
// away from one that asks there, so that one stays in ours. The function
// returned puts the terminal back as it was, for a program ended while it had
// switched the echo off; it is for after the program's end.
func ownGroup(cmd *exec.Cmd) func() {
	if !asksOnTerminal(cmd.Path) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		return func() {}
	}
	cmd.Cancel = func() error { return cmd.Process.Kill() }
	stdin := int(os.Stdin.Fd())
	before, err := term.GetState(stdin)
	if err != nil {
		return func() {}
	}
	return func() { _ = term.Restore(stdin, before) }
}

// asksOnTerminal says whether the program may ask on our terminal: those that
// do by their name, and all where there is no display.
func asksOnTerminal(program string) bool {
	if terminal() == "" {
		return false
	}
	name := filepath.Base(program)
	return !hasDisplay() || strings.Contains(name, "tty") || strings.Contains(name, "curses")
}

// terminal is the terminal of standard input, or "".
func terminal() string {
	if _, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), tcgets); err != nil {
		return ""
	}
	return terminalName()
}
