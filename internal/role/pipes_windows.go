package role

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// Ends returns a role process's ends of the pipes. They are the standard handles,
// because Windows passes no others on; a library that prints then writes to the
// null device.
func Ends() (in, out *os.File, err error) {
	in, out = os.Stdin, os.Stdout
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, std := range []uint32{windows.STD_INPUT_HANDLE, windows.STD_OUTPUT_HANDLE, windows.STD_ERROR_HANDLE} {
		if err := windows.SetStdHandle(std, windows.Handle(null.Fd())); err != nil {
			return nil, nil, err
		}
	}
	os.Stdin, os.Stdout, os.Stderr = null, null, null
	return in, out, nil
}

func attach(cmd *exec.Cmd, in, out *os.File) {
	cmd.Stdin, cmd.Stdout = in, out
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}
