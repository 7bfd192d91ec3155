//go:build unix

package plainfile

import "syscall"

// atOnce has opening a pipe return at once, and a terminal not become this process's.
const atOnce = syscall.O_NONBLOCK | syscall.O_NOCTTY
