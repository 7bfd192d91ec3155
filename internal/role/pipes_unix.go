//go:build unix

package role

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

var errNotJoined = errors.New("role: started by nobody who talks to it")

// Ends are the ends of a process in a role, descriptors of their own: a library
// that prints must not write between what is said. Where nobody joined it they
// fail: under these numbers then stands whatever the runtime has opened.
func Ends() (in, out *os.File, err error) {
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	in, out = os.NewFile(3, "in"), os.NewFile(4, "out")
	for _, f := range []*os.File{in, out} {
		info, err := f.Stat()
		if err != nil {
			return nil, nil, err
		}
		if info.Mode()&os.ModeNamedPipe == 0 {
			return nil, nil, errNotJoined
		}
	}
	return in, out, nil
}

// attach gives the process its ends, and a group of its own: Ctrl-C on the
// parent's terminal is the parent's, who ends the child in its own way.
func attach(cmd *exec.Cmd, in, out *os.File) {
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
