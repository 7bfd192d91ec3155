//go:build !windows

package policy

func machineRegistry() *Registry { return nil }
