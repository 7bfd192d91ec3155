package pkcs11

import "golang.org/x/sys/unix"

// undumpable also keeps other programs of the same user from reading the
// process's memory.
func undumpable() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
