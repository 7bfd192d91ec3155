package supervisor

import (
	"os"
	"runtime"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// Process is the supervisor of this agent; the zero value is none.
type Process struct {
	pid  int
	held *os.Process // on Windows its number is no other process's while it is held
}

// Parent is the supervisor of this process. It is to be asked for while that runs, early.
func Parent() *Process {
	if !role.SupervisedAgent.Is() {
		return &Process{}
	}
	p := &Process{pid: os.Getppid()}
	p.held, _ = os.FindProcess(p.pid)
	return p
}

// PID is the supervisor's number, 0 where there is none any more: its agent is another
// process's child then, except on Windows.
func (p *Process) PID() int {
	if p.held == nil || runtime.GOOS != "windows" && os.Getppid() != p.pid {
		return 0
	}
	return p.pid
}

// Close lets the number be another process's.
func (p *Process) Close() {
	if p.held != nil {
		_ = p.held.Release()
	}
}
