//go:build !linux

package policy

import (
	"errors"
	"time"
)

func handed(string) bool { return false }

func handedContent(string, time.Duration) ([]byte, error) { return nil, errors.ErrUnsupported }
