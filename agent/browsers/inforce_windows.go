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

func flatpaks(string) []Browser { return nil }

// inForce reads the machine's policies, and the person's where the machine has
// none, as the browsers do.
func inForce(_ string, b Browser) (where string, of effect, err error) {
	read := func(list string) (found []string) {
		for _, root := range []registry.Key{registry.LOCAL_MACHINE, registry.CURRENT_USER} {
			values, readErr := keyValues(root, list)
			if readErr != nil {
				err = readErr
				return nil
			}
			if values != nil {
				where = list
				return slices.Collect(maps.Values(values))
			}
		}
		return nil
	}
	if b == Firefox {
		domains := read(registryLists(Request{}, b, nil)[0].policy)
		return where, firefoxEffect(domains), err
	}
	key := policyKeys[b] + `\`
	l := chromiumLists{
		allowed: slices.Concat(read(key+loopbackPolicy), read(key+olderPolicy)), blocked: slices.Concat(read(key+blockedPolicy), read(key+olderBlocked)),
	}
	return where, l.effect, err
}
