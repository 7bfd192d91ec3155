//go:build !linux && !windows

package browsers

func onWindows(Browser) bool { return false }

func inForce(string, Browser) (string, effect, error) { return "", nil, ErrUnknown }
