//go:build unix

package pkcs11

import "golang.org/x/sys/unix"

// hardenChild keeps the PIN out of core dumps.
func hardenChild() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	undumpable()
}
