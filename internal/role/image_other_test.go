//go:build !linux

package role

func playsHere() bool { return false }
