//go:build unix

package pkcs11

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// childPipes are descriptors of their own: a module that prints must not write
// between the answers.
func childPipes() (in, out *os.File, err error) {
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	in, out = os.NewFile(3, "calls"), os.NewFile(4, "answers")
	if _, err := in.Stat(); err != nil {
		return nil, nil, err
	}
	_, err = out.Stat()
	return in, out, err
}

// attach gives the process its ends of the pipes. It gets no other descriptor
// but empty standard ones, and a group of its own: Ctrl-C on the agent's
// terminal must not end a C_Login half-way.
func attach(cmd *exec.Cmd, in, out *os.File) {
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// hardenChild keeps the PIN out of core dumps.
func hardenChild() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	undumpable()
}
