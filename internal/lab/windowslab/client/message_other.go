//go:build !windows

package main

import "errors"

func send(string, uint32, uintptr) error { return errors.ErrUnsupported }
