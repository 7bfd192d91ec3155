//go:build !linux

package command

func withOwnPorts(command func() int) int { return command() }
