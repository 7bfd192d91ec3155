//go:build !linux

package browserlab

import (
	"context"
	"errors"
)

// Run fails: the table needs a screen without a monitor, which only Linux has.
func Run(context.Context, Options) ([]Row, error) {
	return nil, errors.New("the browsers' table is played on Linux only")
}
