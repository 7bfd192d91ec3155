//go:build !linux && !windows

package browsers

func onWindows(Browser) bool { return false }

func inForce(string, Browser) (string, func(entry) bool, error) { return "", nil, ErrUnknown }
