//go:build !linux && !windows

package pcsc

import (
	"context"
	"time"
)

// library is missing: this system's has a layout of its own and is not bound yet.
type library struct{}

func load() (*library, error) { return nil, ErrNoLibrary }

func (*library) establish() (uintptr, error)               { return 0, ErrNoLibrary }
func (*library) release(uintptr)                           {}
func (*library) cancel(uintptr)                            {}
func (*library) readers(uintptr) ([]string, error)         { return nil, ErrNoLibrary }
func (*library) statusChange(uintptr, []readerState) error { return ErrNoLibrary }
func (*library) reset(uintptr, string) error               { return ErrNoLibrary }

func awaitService(ctx context.Context, pause time.Duration) { sleep(ctx, pause) }
