package prompt

import (
	"os/exec"
	"runtime"
	"syscall"
)

// startBound starts a dialog's program, which the kernel kills with the agent, however
// that ends, also where the program reads nothing any more (PR_SET_PDEATHSIG of prctl(2)).
// That counts the end of the thread that started it, which is kept for it: release is for
// when the program has ended.
func startBound(cmd *exec.Cmd) (release func(), err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, over := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			<-over
		}
	}()
	return func() { close(over) }, <-started
}
