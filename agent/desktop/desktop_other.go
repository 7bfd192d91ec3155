//go:build !linux

package desktop

import "context"

// Watch is not written yet for this system.
func Watch(context.Context, func(reason string)) error { return ErrCannotTell }
