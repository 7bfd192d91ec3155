package browsers

import (
	"errors"
	"os/exec"
	"runtime"
)

// ErrUnknown says that this system's policies cannot be read.
var ErrUnknown = errors.New("browsers: the policies of this system are not read")

// ErrFlatpak says that a browser is a Flatpak, whose sandbox has another /etc: the
// policy written for that browser may not reach it.
var ErrFlatpak = errors.New("browsers: a Flatpak may not read the policies of this system")

// State is what a browser on this machine does with the given origins.
type State struct {
	Browser   Browser
	Installed bool
	Where     string   // the file or key in force, "" where there is none
	Missing   []string // origins for which the browser asks the person
	Blocked   []string // origins that a policy forbids, wholly or in part
	Err       error    // why the state is not known
}

// effect is what a browser does with an entry.
type effect func(entry) string

const (
	allows  = "allows"
	asks    = "asks"
	forbids = "forbids"
)

// effect of the lists.
func (l chromiumLists) effect(e entry) string {
	switch {
	case l.blocks(e):
		return forbids
	case l.allows(e):
		return allows
	}
	return asks
}

// firefoxEffect is that of SkipDomains.
func firefoxEffect(domains []string) effect {
	return func(e entry) string {
		if coveredBy(domains, firefoxCovers)(e) {
			return allows
		}
		return asks
	}
}

// InForce reports for each browser what the machine's policies do with the origins,
// and then, for each browser installed as a Flatpak, that this is not known. root is
// as in a Request.
func InForce(root string, origins []string) ([]State, error) {
	entries, err := parseEntries(Expressible(origins))
	if err != nil {
		return nil, err
	}
	var out []State
	for _, b := range All {
		s := State{Browser: b, Installed: installed(b)}
		var of effect
		if s.Where, of, s.Err = inForce(root, b); s.Err == nil {
			for _, e := range entries {
				switch of(e) {
				case asks:
					s.Missing = append(s.Missing, e.text)
				case forbids:
					s.Blocked = append(s.Blocked, e.text)
				}
			}
		}
		out = append(out, s)
	}
	for _, b := range flatpaks(root) {
		out = append(out, State{Browser: b, Installed: true, Err: ErrFlatpak})
	}
	return out, nil
}

// Expressible returns the origins without those that no browser asks about.
func Expressible(origins []string) []string {
	var out []string
	for _, o := range origins {
		if _, err := parseEntry(o); !errors.Is(err, ErrInexpressible) {
			out = append(out, o)
		}
	}
	return out
}

var programs = map[Browser][]string{
	Chrome: {"google-chrome-stable", "google-chrome"}, Edge: {"microsoft-edge-stable", "microsoft-edge"},
	Chromium: {"chromium", "chromium-browser"}, Firefox: {"firefox", "firefox-esr"},
}

func installed(b Browser) bool {
	if runtime.GOOS == "windows" {
		return onWindows(b)
	}
	for _, name := range programs[b] {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}

// coveredBy returns whether any pattern of a list covers an entry.
func coveredBy(patterns []string, covers func(string, entry) bool) func(entry) bool {
	return func(e entry) bool {
		for _, p := range patterns {
			if covers(p, e) {
				return true
			}
		}
		return false
	}
}
