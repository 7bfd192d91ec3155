// Package desktop tells when the person leaves the workstation: the screen is
// locked, the machine sleeps, another session comes to the front.
//
// Watch may be called once for each who wants to know. It never acts on the
// desktop, and never says that nothing happened where it cannot tell: then it
// fails.
package desktop

import "errors"

// ErrCannotTell says that nothing on this machine tells when the person leaves.
var ErrCannotTell = errors.New("desktop: nothing tells when the screen is locked")
