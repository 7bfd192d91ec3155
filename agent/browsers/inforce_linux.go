package browsers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

func onWindows(Browser) bool { return false }

// sandboxed are the names of the browsers' Flatpaks.
var sandboxed = []struct {
	name string
	of   Browser
}{{"com.google.Chrome", Chrome}, {"com.microsoft.Edge", Edge}, {"org.chromium.Chromium", Chromium}, {"org.mozilla.firefox", Firefox}}

// flatpaks are the browsers installed as Flatpaks, for everyone or for this person.
func flatpaks(root string) (found []Browser) {
	dirs := []string{filepath.Join("/", root, "/var/lib/flatpak")}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".local/share/flatpak"))
	}
	for _, s := range sandboxed {
		if slices.ContainsFunc(dirs, func(dir string) bool {
			_, err := os.Lstat(filepath.Join(dir, "exports/bin", s.name))
			return err == nil
		}) {
			found = append(found, s.of)
		}
	}
	return found
}

// inForce reads the policies as the browser does. Where both of Chromium's folders
// exist, both have to allow an entry: which one Chromium reads depends on how it
// was installed.
func inForce(root string, b Browser) (where string, of effect, err error) {
	if b == Firefox {
		return firefoxInForce(root)
	}
	var all []chromiumLists
	for _, dir := range managed(root, b) {
		file, lists, err := managedInForce(root, dir)
		if noFile(err) {
			continue
		}
		if err != nil {
			return in(root, dir), nil, err
		}
		where, all = file, append(all, lists)
	}
	return where, func(e entry) string {
		worst := allows
		if len(all) == 0 {
			worst = asks
		}
		for _, l := range all {
			if now := l.effect(e); now == forbids || worst == allows {
				worst = now
			}
		}
		return worst
	}, nil
}

// noFile reports whether a browser finds nothing there.
func noFile(err error) bool {
	_, nowhere := errors.AsType[*LinkError](err)
	return nowhere || errors.Is(err, fs.ErrNotExist)
}

func managedInForce(root, dir string) (where string, l chromiumLists, err error) {
	names, err := filesInside(root, dir)
	if err != nil {
		return "", l, err
	}
	patterns := map[string][]string{}
	for _, n := range names { // the last by name counts
		path := filepath.Join(dir, n.Name())
		text, err := readInside(root, path)
		if n.IsDir() || err != nil {
			continue
		}
		doc, err := parseDocument(text, false)
		if err != nil {
			continue // the browser ignores it too
		}
		for _, policy := range []string{loopbackPolicy, olderPolicy, blockedPolicy, olderBlocked} {
			if list, exists, err := doc.strings([]string{policy}); err == nil && exists {
				patterns[policy], where = list, in(root, path)
			}
		}
	}
	return where, chromiumLists{
		allowed: slices.Concat(patterns[loopbackPolicy], patterns[olderPolicy]), blocked: slices.Concat(patterns[blockedPolicy], patterns[olderBlocked]),
	}, nil
}

func firefoxInForce(root string) (string, effect, error) {
	for _, path := range append([]string{firefoxFile}, firefoxElsewhere...) {
		text, err := readInside(root, path)
		if noFile(err) {
			continue
		}
		var domains []string
		if err == nil {
			var doc *document
			if doc, err = parseDocument(text, true); err == nil {
				domains, _, err = doc.strings(firefoxList)
			}
		}
		return in(root, path), firefoxEffect(domains), err
	}
	return "", firefoxEffect(nil), nil
}
