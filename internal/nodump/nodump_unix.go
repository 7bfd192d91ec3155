//go:build unix

package nodump

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Set closes this process, and keeps the programs it starts out of core dumps. With a
// limit of 0 a kernel that pipes dumps to a program would still do so (core(5));
// with 1 byte it neither pipes nor writes any. It sets the soft limit only, which
// a program it starts may raise: an editor that shows the log has nothing to hide.
func Set() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return errors.Join(err, undumpable())
	}
	limit.Cur = min(1, limit.Max)
	return errors.Join(unix.Setrlimit(unix.RLIMIT_CORE, &limit), undumpable())
}
