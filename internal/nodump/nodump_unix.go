//go:build unix

package nodump

import "golang.org/x/sys/unix"

// Set keeps this process, and what it starts and does not ask for more, out of
// core dumps. At 0 a kernel that pipes dumps to a program still does (core(5)); at
// 1 byte it neither pipes nor writes any. What it starts may ask for more: an
// editor that shows the log has nothing to hide.
func Set() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return err
	}
	limit.Cur = min(1, limit.Max)
	return unix.Setrlimit(unix.RLIMIT_CORE, &limit)
}
