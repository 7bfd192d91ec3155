package role

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/cpx-bridge/cpx-bridge/internal/nodump"
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

// attach gives the process its ends, and closes it to the person's other programs before
// its first instruction. Its console is one of its own that is never shown: neither keys
// nor the closing of the parent's console end it, and a program that a library starts in
// it shows none either.
func attach(cmd *exec.Cmd, in, out *os.File) error {
	closed, err := nodump.Attributes()
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout = in, out
	cmd.SysProcAttr = &syscall.SysProcAttr{
		HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP, ProcessAttributes: closed,
	}
	return nil
}

// job is what the processes in a role belong to. Its only handle is this process's, and
// Windows closes that whatever ends this process: all of them are ended then
// (JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE), but not what they start in their turn.
var job = sync.OnceValues(func() (windows.Handle, error) {
	j, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK
	_, err = windows.SetInformationJobObject(j, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	return j, err
})

// bind has a process end with this one even where it hangs and no longer reads its pipe.
// A module's process is left to itself: ended at once it would leave the card logged in,
// which it logs out when its pipe ends, within a limit of its own. Without a job there is
// still the pipe.
func bind(cmd *exec.Cmd) {
	if len(cmd.Args) > 1 && cmd.Args[1] == string(PKCS11Module) {
		return
	}
	j, err := job()
	if err != nil {
		return
	}
	_ = cmd.Process.WithHandle(func(process uintptr) {
		_ = windows.AssignProcessToJobObject(j, windows.Handle(process))
	})
}

// Exit ends this process at once, as os.Exit does elsewhere: ExitProcess would first run
// what each library does at its end, and a vendor's that hangs there would stay, with the
// card.
func Exit(status int) {
	_ = windows.TerminateProcess(windows.CurrentProcess(), uint32(status))
	os.Exit(status)
}
