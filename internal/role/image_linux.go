package role

import (
	"os"
	"os/exec"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// image leads to the file that this process was started from, also once that was replaced,
// removed, or may not be read (proc_pid_exe(5)).
const image = "/proc/self/exe"

// OwnImage has cmd start what this process runs, where it would start this program's file:
// an upgrade may have put another version there, which need not understand this one.
func OwnImage(cmd *exec.Cmd) {
	if self, err := os.Executable(); err == nil && cmd.Path == self {
		cmd.Path = image
	}
}

// A process that was started by image is called "exe" in lists of processes. The name is
// that of the first thread, on which nothing but init is sure to run.
func init() {
	if len(os.Args) < 2 {
		return
	}
	switch Role(os.Args[1]) {
	case PKCS11Module, TrayMenu, DialogWindow, DisplayAnswers:
		name, err := unix.BytePtrFromString(filepath.Base(os.Args[0]))
		if err == nil {
			_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0)
		}
	}
}
