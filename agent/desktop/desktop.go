// Package desktop reports when the person leaves the workstation: the screen is
// locked, the machine sleeps, another session comes to the front.
//
// Watch may be called concurrently, by as many callers as want to know. It never
// acts on the desktop, and never stays silent where it cannot watch: it fails.
package desktop

import "errors"

// ErrUnavailable says that nothing on this machine reports when the person leaves.
var ErrUnavailable = errors.New("desktop: nothing tells when the screen is locked")
