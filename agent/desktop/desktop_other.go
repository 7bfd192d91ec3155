//go:build !linux

package desktop

import "context"

// Watch fails: there is none for this system yet.
func Watch(context.Context, func(reason string)) error { return ErrUnavailable }
