//go:build !linux

package browserlab

import (
	"context"
	"errors"
)

// Run is for Linux, where a screen without a monitor can be had.
func Run(context.Context, Options) ([]Row, error) {
	return nil, errors.New("the browsers' table is played on Linux only")
}
