//go:build !windows

package policy

func platformPolicy() error { return nil }
