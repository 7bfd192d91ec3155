package role

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// Ends are the ends of a process in a role. It takes over the standard handles:
// Windows hands no others over. A library that prints gets nothing to print on.
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
