package attack

import (
	"github.com/cpx-bridge/cpx-bridge/internal/lab/knock"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/pry"
)

// RunRoles is for main, before anything else: attacks start the program again as
// another user, who knocks or looks into processes. It never returns there.
func RunRoles() {
	knock.RunRole()
	pry.RunRole()
}
