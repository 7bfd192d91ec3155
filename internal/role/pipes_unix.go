//go:build unix

package role

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

var errNotJoined = errors.New("role: started by nobody who talks to it")

// Ends returns a role process's ends of the pipes. They are not the standard
// streams, so that a library that prints cannot write into them. It fails where
// the process was started without pipes: these descriptors are then whatever the
// runtime has opened.
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

// attach gives the process its ends, and a process group of its own: Ctrl-C on the
// parent's terminal is for the parent, which ends the child in its own way.
func attach(cmd *exec.Cmd, in, out *os.File) error {
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return nil
}

func bind(*exec.Cmd) {}

// Exit ends this process at once.
func Exit(status int) { os.Exit(status) }
