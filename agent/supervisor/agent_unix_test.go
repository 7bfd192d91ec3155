//go:build unix

package supervisor

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// untilAsked says that it runs, and that it was asked to end.
func untilAsked() int {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	_, _ = os.Stdout.WriteString("!")
	<-asked
	_, _ = os.Stdout.WriteString("asked")
	if os.Args[len(os.Args)-1] == "crashes" {
		return 1
	}
	return role.ExitOnPurpose(0)
}
