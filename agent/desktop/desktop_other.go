//go:build !linux && !windows

package desktop

import "context"

// Watch fails: there is none for this system yet.
func Watch(context.Context, func(Event)) error { return ErrUnavailable }
