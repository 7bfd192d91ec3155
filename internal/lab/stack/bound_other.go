//go:build !linux

package stack

import "syscall"

func bound(attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }
