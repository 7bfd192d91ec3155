//go:build !linux && !windows

package keyring

import "context"

// reachable asks nothing: where this system's keyring is closed a reading asks the person.
func reachable(context.Context, bool) error { return nil }
