package prompt

import "golang.org/x/sys/unix"

const tcgets = unix.TIOCGETA

func terminalName() string { return "/dev/tty" }
