//go:build !linux

package notify

import "context"

// Send fails: there are no notifications on this system yet.
func Send(context.Context, Note) error { return ErrUnsupported }
