package control

import (
	"golang.org/x/sys/windows"
)

// endWatch watches another process, whose end can be seen while it is open.
type endWatch struct {
	pid    int
	handle windows.Handle
	open   bool
}

// watchProcess needs nothing of the process but SYNCHRONIZE. Where even that is refused,
// whether the lock is held has to do.
func watchProcess(pid int) *endWatch {
	p := &endWatch{pid: pid}
	if pid <= 0 {
		return p
	}
	handle, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	p.handle, p.open = handle, err == nil
	return p
}

func (p *endWatch) ended() bool {
	event, err := windows.WaitForSingleObject(p.handle, 0)
	return err == nil && event == windows.WAIT_OBJECT_0
}

func (p *endWatch) close() {
	if p != nil && p.open {
		p.open = false
		_ = windows.CloseHandle(p.handle)
	}
}
