//go:build unix

package postgres

import (
	"os/exec"
	"syscall"
)

// become has a program run as the owner, in a group of its own: Ctrl-C is for the test.
func become(c *exec.Cmd, as *owner) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
}
