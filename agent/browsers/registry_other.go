//go:build !windows

package browsers

import "runtime"

// thisSystem is the system that this program runs on, as in a Request.
var thisSystem = map[string]string{"linux": Linux, "darwin": MacOS}[runtime.GOOS]

func openHive() hive { panic("browsers: no registry here") }
