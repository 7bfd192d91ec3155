// Package browsers writes the browsers' own policies, so that the portals that
// an administrator names reach the agent without the browser's question, and
// tells whether such a policy is in force.
//
// It allows exactly the origins it is given, where the browser can say that,
// and says where it cannot. It leaves the entries of others alone, remembers
// which are its own, and never switches a browser's check off. Plans may be made
// concurrently; applying two at the same time to one system is the caller's to
// avoid.
package browsers

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Browser is a browser whose policy can be written.
type Browser string

// The browsers.
const (
	Chrome   Browser = "chrome"
	Edge     Browser = "edge"
	Chromium Browser = "chromium"
	Firefox  Browser = "firefox"
)

// All are the browsers in the order in which they are shown.
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

// Systems are those whose form is known.
var Systems = []string{Linux, Windows, MacOS}

// The policies. Nothing here ever writes a policy that switches the check off
// for all sites.
const (
	loopbackPolicy = "LoopbackNetworkAllowedForUrls"
	blockedPolicy  = "LoopbackNetworkBlockedForUrls"
	olderBlocked   = "LocalNetworkAccessBlockedForUrls"
	// olderPolicy is what Edge before 146 knows. It also lets the origins reach
	// the devices of the local network.
	olderPolicy = "LocalNetworkAccessAllowedForUrls"
)

// firefoxList is where Firefox has its list of domains. "Enabled" beside it is
// left alone: true would switch on more than the check, for every site.
var firefoxList = []string{"policies", "LocalNetworkAccess", "SkipDomains"}

// Request is what shall stand in the policies afterwards.
type Request struct {
	Origins   []string // entries as in the setting origins.allow; none: take ours away
	System    string   // Linux, Windows or MacOS
	Browsers  []Browser
	OlderEdge bool   // also the policy that Edge 140 to 145 knows
	Root      string // a folder that stands for the system's root; "": the system itself
}

// The errors of a request or of one browser's change.
var (
	// ErrUnsayable says that the browser's form has no way to say the entry.
	ErrUnsayable = errors.New("browsers: this cannot be said in a browser's policy")
	// ErrMalformed says that a file that others use cannot be read; it is left
	// as it is.
	ErrMalformed = errors.New("browsers: the file is malformed and was left as it is")
	// ErrShadowed says that writing our file would hide another one.
	ErrShadowed = errors.New("browsers: a file here would hide another one")
	// ErrRecord says that the record of our own entries cannot be read.
	ErrRecord = errors.New("browsers: the record of our entries")
	// ErrNotHere says that this system's policies can be printed only.
	ErrNotHere = errors.New("browsers: this system's policies can only be printed or written into a folder")
)

// ShadowedError is the ErrShadowed of a file: Firefox reads Other only while By
// does not exist.
type ShadowedError struct{ Other, By string }

func (e *ShadowedError) Error() string {
	return fmt.Sprintf("%v: Firefox reads %s only while %s does not exist; move it there first", ErrShadowed, e.Other, e.By)
}

// Is makes it an ErrShadowed.
func (e *ShadowedError) Is(target error) bool { return target == ErrShadowed }

// Change is what happens at one place.
type Change struct {
	Browser Browser
	Place   string // the file, or the registry's key
	Text    string // what stands there afterwards; "": nothing
	Shared  bool   // others have entries there too
	Backup  string // the file as it was before our first entry, where that is kept
	Changed bool
	Err     error // why this place is left as it is

	apply func() error
}

// Apply makes the change. It does nothing where nothing changes.
func (c Change) Apply() error {
	switch {
	case c.Err != nil:
		return c.Err
	case !c.Changed:
		return nil
	case c.apply == nil:
		return ErrNotHere
	}
	return c.apply()
}

// Plan says what a request changes, without changing it.
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
	if r.Root != "" { // relative to where the person is, in each system's form
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

// list is one list of one browser: the policy's name and what we want in it.
type list struct {
	policy string
	values []string
}

// lists are the Chromium-based browser's, empty ones included so that entries
// of an earlier request go.
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
