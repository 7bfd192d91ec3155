//go:build !windows

package browsers

import "runtime"

// thisSystem is whose policies can be written here.
var thisSystem = map[string]string{"linux": Linux, "darwin": MacOS}[runtime.GOOS]

func openHive() hive { panic("browsers: no registry here") }
