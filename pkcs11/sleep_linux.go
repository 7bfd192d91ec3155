package pkcs11

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleptFor is how long this computer has been suspended since it was started:
// one clock goes on meanwhile, the other stands still.
func sleptFor() time.Duration {
	read := func(clock int32) time.Duration {
		var t unix.Timespec
		if unix.ClockGettime(clock, &t) != nil {
			return 0
		}
		return time.Duration(t.Nano())
	}
	awake := read(unix.CLOCK_MONOTONIC)
	return read(unix.CLOCK_BOOTTIME) - awake
}
