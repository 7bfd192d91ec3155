//go:build !unix

package stack

import "syscall"

func apart() *syscall.SysProcAttr { return nil }
