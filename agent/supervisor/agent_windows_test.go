package supervisor

import (
	"os"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// untilAsked says that it runs, and ends by itself: nothing asks a process of Windows to.
func untilAsked() int {
	_, _ = os.Stdout.WriteString("!")
	// Time in which it would be ended by force, if it were: that nothing is done to it is no
	// event that could be awaited.
	time.Sleep(100 * time.Millisecond)
	_, _ = os.Stdout.WriteString("asked")
	if os.Args[len(os.Args)-1] == "crashes" {
		return 1
	}
	return role.ExitOnPurpose(0)
}
