//go:build unix

package stack

import "syscall"

// apart keeps a program out of the terminal's own group.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
