//go:build !linux && !windows

package browsers

func onWindows(Browser) bool { return false }

func flatpaks(string) []Browser { return nil }

func inForce(string, Browser) (string, effect, error) { return "", nil, ErrUnknown }
