//go:build !unix

package browser

import (
	"os/exec"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

func endGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
