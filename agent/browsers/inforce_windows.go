package browsers

import (
	"maps"
	"slices"

	"golang.org/x/sys/windows/registry"
)

var executables = map[Browser]string{Chrome: "chrome.exe", Edge: "msedge.exe", Firefox: "firefox.exe"}

func onWindows(b Browser) bool {
	if executables[b] == "" {
		return false
	}
	for _, root := range []registry.Key{registry.LOCAL_MACHINE, registry.CURRENT_USER} {
		k, err := registry.OpenKey(root, `SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\`+executables[b], registry.QUERY_VALUE)
		if err == nil {
			_ = k.Close()
			return true
		}
	}
	return false
}

// inForce reads the machine's policies, and the person's where the machine has
// none, as the browsers do.
func inForce(_ string, b Browser) (where string, covers func(entry) bool, err error) {
	match := chromiumCovers
	if b == Firefox {
		match = firefoxCovers
	}
	var patterns []string
	for _, l := range registryLists(Request{OlderEdge: true}, b, nil) {
		for _, root := range []registry.Key{registry.LOCAL_MACHINE, registry.CURRENT_USER} {
			values, err := keyValues(root, l.policy)
			if err != nil {
				return "", nil, err
			}
			if values != nil {
				where, patterns = l.policy, append(patterns, slices.Collect(maps.Values(values))...)
				break
			}
		}
	}
	return where, coveredBy(patterns, match), nil
}
