package pkcs11

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleptFor is how long this computer has been suspended since it was started:
// one clock goes on meanwhile, the other stands still. The latter is read before and
// after, so that a pause between the two is not taken for sleep.
func sleptFor() time.Duration {
	for {
		before, all, after := clock(unix.CLOCK_MONOTONIC), clock(unix.CLOCK_BOOTTIME), clock(unix.CLOCK_MONOTONIC)
		if after-before < shortSleep/4 {
			return all - after
		}
	}
}

func clock(id int32) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(id, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
