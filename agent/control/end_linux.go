package control

import (
	"golang.org/x/sys/unix"
)

// endWatch watches another process, whose end can be seen while it is open
// (pidfd_open(2), Linux 5.3).
type endWatch struct {
	pid, fd int
	open    bool
}

func watchProcess(pid int) *endWatch {
	p := &endWatch{pid: pid}
	if pid <= 0 { // of another PID namespace
		return p
	}
	fd, err := unix.PidfdOpen(pid, 0)
	p.fd, p.open = fd, err == nil
	return p
}

// ended is true for one that its parent has not waited for yet, too.
func (p *endWatch) ended() bool {
	poll := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0
}

func (p *endWatch) close() {
	if p != nil && p.open {
		p.open = false
		_ = unix.Close(p.fd)
	}
}
