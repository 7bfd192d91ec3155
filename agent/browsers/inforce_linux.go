package browsers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

func onWindows(Browser) bool { return false }

// inForce reads the policies as the browser does. Of Chromium's two folders each
// that exists has to cover: which one counts depends on how it was installed.
func inForce(root string, b Browser) (where string, covers func(entry) bool, err error) {
	in := func(path string) string { return filepath.Join("/", root, path) }
	if b == Firefox {
		return firefoxInForce(in)
	}
	var all []func(entry) bool
	for _, dir := range managed(root, b) {
		file, covers, err := managedInForce(in(dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return in(dir), nil, err
		}
		where, all = file, append(all, covers)
	}
	return where, func(e entry) bool {
		return len(all) > 0 && !slices.ContainsFunc(all, func(covers func(entry) bool) bool { return !covers(e) })
	}, nil
}

func managedInForce(dir string) (where string, covers func(entry) bool, err error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	patterns := map[string][]string{}
	for _, n := range names { // the last by name counts
		path := filepath.Join(dir, n.Name())
		text, err := os.ReadFile(path)
		if n.IsDir() || err != nil {
			continue
		}
		doc, err := parseDocument(text, false)
		if err != nil {
			continue // nor does the browser take it
		}
		for _, policy := range []string{loopbackPolicy, olderPolicy, blockedPolicy} {
			if list, exists, err := doc.strings([]string{policy}); err == nil && exists {
				patterns[policy], where = list, path
			}
		}
	}
	return where, func(e entry) bool {
		return coveredBy(append(patterns[loopbackPolicy], patterns[olderPolicy]...), chromiumCovers)(e) &&
			!slices.Contains(patterns[blockedPolicy], e.chromium()) // a wider block gives way to a narrower permission
	}, nil
}

func firefoxInForce(in func(string) string) (string, func(entry) bool, error) {
	for _, path := range append([]string{firefoxFile}, firefoxElsewhere...) {
		text, err := os.ReadFile(in(path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var domains []string
		if err == nil {
			var doc *document
			if doc, err = parseDocument(text, true); err == nil {
				domains, _, err = doc.strings(firefoxList)
			}
		}
		return in(path), coveredBy(domains, firefoxCovers), err
	}
	return "", coveredBy(nil, firefoxCovers), nil
}
