//go:build unix

package supervisor

import (
	"os"
	"syscall"
)

// endAgent asks the agent to end. Where the terminal, or systemd, has asked all
// processes at once, it is asked twice, which it does not mind.
func endAgent(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
