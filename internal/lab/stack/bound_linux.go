package stack

import "syscall"

// bound has the kernel end a program with the thread that starts it: prctl(2),
// PR_SET_PDEATHSIG.
func bound(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Pdeathsig = syscall.SIGTERM
	return attr
}
