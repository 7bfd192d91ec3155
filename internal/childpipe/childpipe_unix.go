//go:build unix

package childpipe

import (
	"os"
	"os/exec"
	"syscall"
)

// Ends are the child's ends, descriptors of their own: a library that prints
// must not write between what is said.
func Ends() (in, out *os.File, err error) {
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	in, out = os.NewFile(3, "in"), os.NewFile(4, "out")
	if _, err := in.Stat(); err != nil {
		return nil, nil, err
	}
	_, err = out.Stat()
	return in, out, err
}

// attach gives the process its ends, and a group of its own: Ctrl-C on the
// parent's terminal is the parent's, who ends the child in its own way.
func attach(cmd *exec.Cmd, in, out *os.File) {
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
