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

// ownGroup lets a cancel kill the program together with its children: some pinentry
// programs are wrappers. A group of its own would deprive a program that asks on the
// terminal of that terminal, so such a program stays in ours. The returned function
// is for after the program's end: it restores the terminal, whose echo a killed
// program may have left off.
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

// asksOnTerminal reports whether the program may ask on our terminal: by its name, or
// because there is no display.
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
