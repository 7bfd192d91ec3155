//go:build unix

package role

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// Follow makes this process the program: it stays the same for whoever started it, as systemd
// or a shell. Where that fails, as of a file that was exchanged in this moment, what runs here
// starts once more: one version or the other is to serve.
func Follow(program string, args []string) error {
	line := append([]string{program}, args...)
	err := syscall.Exec(program, line, os.Environ())
	return errors.Join(err, syscall.Exec("/proc/self/exe", line, os.Environ()))
}

// Hide shows no window of a console.
func Hide(*exec.Cmd) {}
