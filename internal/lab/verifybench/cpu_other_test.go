//go:build !linux

package verifybench

import "time"

var start = time.Now()

// cpuTime is the time so far: the machine should do nothing else.
func cpuTime() time.Duration { return time.Since(start) }
