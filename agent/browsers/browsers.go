// Package browsers writes the browsers' own policies, so that the portals that
// an administrator names reach the agent without the browser asking the person,
// and reports whether such a policy is in force.
//
// It allows exactly the origins it is given, as far as a browser's policy can
// express that, and reports where it cannot. It leaves others' entries alone,
// records which are its own, and never switches a browser's check off. Plans may
// be made concurrently; the caller must not apply two to one system at once.
package browsers

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Browser is a browser whose policy this package can write.
type Browser string

// The browsers.
const (
	Chrome   Browser = "chrome"
	Edge     Browser = "edge"
	Chromium Browser = "chromium"
	Firefox  Browser = "firefox"
)

// All are the browsers, in the order of display.
var All = []Browser{Chrome, Edge, Chromium, Firefox}

// Name is the browser's name as people know it.
func (b Browser) Name() string {
	return map[Browser]string{Chrome: "Chrome", Edge: "Edge", Chromium: "Chromium", Firefox: "Firefox"}[b]
}

// The systems.
const (
	Linux   = "linux"
	Windows = "windows"
	MacOS   = "macos"
)

// Systems are those whose form of policies is known.
var Systems = []string{Linux, Windows, MacOS}

// The policies. Nothing here ever writes a policy that switches the check off
// for all sites.
const (
	loopbackPolicy = "LoopbackNetworkAllowedForUrls"
	blockedPolicy  = "LoopbackNetworkBlockedForUrls"
	olderBlocked   = "LocalNetworkAccessBlockedForUrls"
	// olderPolicy is the one that Edge before 146 knows. It also lets the origins
	// reach the devices of the local network.
	olderPolicy = "LocalNetworkAccessAllowedForUrls"
)

// firefoxList is the path of Firefox's list of domains. "Enabled" beside it is
// left alone: true would switch on more than the check, for every site.
var firefoxList = []string{"policies", "LocalNetworkAccess", "SkipDomains"}

// Request is what the policies shall hold afterwards.
type Request struct {
	Origins   []string // entries as in the setting origins.allow; none: remove ours
	System    string   // Linux, Windows or MacOS
	Browsers  []Browser
	OlderEdge bool   // also write the policy that Edge 140 to 145 knows
	Shared    Shared // what becomes of the policies of shared workstations
	// OnlyShared leaves the portals' lists as they are: Origins and OlderEdge do not count.
	OnlyShared bool
	Root       string // a folder to use as the system's root; "": the system itself
}

// The errors of a request or of one browser's change.
var (
	// ErrInexpressible says that no policy of the browser can express the entry.
	ErrInexpressible = errors.New("browsers: this cannot be said in a browser's policy")
	// ErrMalformed says that a file that others use cannot be parsed; it is left
	// unchanged.
	ErrMalformed = errors.New("browsers: the file is malformed and was left as it is")
	// ErrShadowed says that writing our file would hide another one.
	ErrShadowed = errors.New("browsers: a file here would hide another one")
	// ErrRecord says that the record of our own entries cannot be read.
	ErrRecord = errors.New("browsers: the record of our entries")
	// ErrPrintOnly says that this system's policies can only be printed, or written to a folder.
	ErrPrintOnly = errors.New("browsers: this system's policies can only be printed or written into a folder")
)

// ShadowedError is the ErrShadowed of a file: Firefox reads Other only while By
// does not exist.
type ShadowedError struct{ Other, By string }

func (e *ShadowedError) Error() string {
	return fmt.Sprintf("%v: Firefox reads %s only while %s does not exist; move it there first", ErrShadowed, e.Other, e.By)
}

// Is makes it an ErrShadowed.
func (e *ShadowedError) Is(target error) bool { return target == ErrShadowed }

// Change is what happens to one file or registry key.
type Change struct {
	Browser Browser
	Where   string // the file, or the registry's key
	Text    string // its content afterwards; "": it is removed
	Shared  bool   // it holds others' entries too
	Backup  string // the copy of the file from before our first entry, "" where there is none
	Changed bool
	Err     error // why it is left unchanged

	apply func() error
}

// Apply makes the change, if there is any.
func (c Change) Apply() error {
	switch {
	case c.Err != nil:
		return c.Err
	case !c.Changed:
		return nil
	case c.apply == nil:
		return ErrPrintOnly
	}
	return c.apply()
}

// Plan returns what a request changes, without changing it.
func Plan(r Request) ([]Change, error) {
	if !slices.Contains(Systems, r.System) {
		return nil, fmt.Errorf("browsers: %q: the systems are %s", r.System, strings.Join(Systems, ", "))
	}
	for _, b := range r.Browsers {
		if b.Name() == "" {
			return nil, fmt.Errorf("browsers: %q: the browsers are chrome, edge, chromium and firefox", b)
		}
	}
	entries, err := parseEntries(r.Origins)
	if err != nil {
		return nil, err
	}
	if r.Root != "" { // a relative one is below the working folder, for every system
		if r.Root, err = filepath.Abs(r.Root); err != nil {
			return nil, err
		}
	}
	switch {
	case r.System == Linux:
		return planFiles(r, entries)
	case r.Root != "" || r.System != thisSystem || r.System == MacOS:
		return planDocument(r, entries), nil
	}
	return planRegistry(r, entries)
}

// list is one list of one browser: the policy's name and the values we want in it.
type list struct {
	policy string
	values []string
}

// lists are those of a Chromium-based browser; empty ones are included, so that
// entries of an earlier request are removed.
func lists(r Request, b Browser, entries []entry) []list {
	values := make([]string, len(entries))
	for i, e := range entries {
		values[i] = e.chromium()
	}
	out := []list{{loopbackPolicy, values}}
	if b == Edge {
		older := list{policy: olderPolicy}
		if r.OlderEdge {
			older.values = values
		}
		out = append(out, older)
	}
	return out
}

func domains(entries []entry) []string {
	var values []string
	for _, e := range entries {
		if d := e.firefox(); !slices.Contains(values, d) {
			values = append(values, d) // two ports of one host are one domain
		}
	}
	return values
}
