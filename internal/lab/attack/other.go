//go:build !linux

package attack

import (
	"context"
	"errors"
)

// World is what Linux attacks.
type World struct{}

func all() []Attack { return nil }

func play(context.Context, string, string, Attack, *Record) error {
	return errors.New("attack: Linux only")
}
