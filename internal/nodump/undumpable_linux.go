package nodump

import "golang.org/x/sys/unix"

// undumpable makes the kernel refuse ptrace(2), and all that is decided like it:
// /proc/PID/mem, environ and fd, process_vm_readv(2), pidfd_getfd(2). The files of
// /proc/PID are root's from then on, so that what others are to know of this process
// it must tell them itself.
func undumpable() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
