package prompt

import (
	"os"

	"golang.org/x/sys/unix"
)

const tcgets = unix.TCGETS

func terminalName() string {
	name, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		return ""
	}
	return name
}
