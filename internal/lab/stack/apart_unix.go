//go:build unix

package stack

import "syscall"

// apart puts a program in a process group of its own, so that the terminal's
// signals do not reach it.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
