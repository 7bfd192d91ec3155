//go:build !linux

package notify

import "context"

// Send fails: what shows notifications here is not written yet.
func Send(context.Context, Note) error { return ErrUnsupported }
