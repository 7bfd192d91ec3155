//go:build !linux && !windows

package notify

import "context"

// Send fails: there are no notifications on this system yet.
func Send(context.Context, Note) (func(), error) { return nil, ErrUnsupported }

// withdraw has nothing to do: nothing is shown.
func withdraw() {}
