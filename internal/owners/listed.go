package owners

import (
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// whyListed says who may change one thing by its access list.
func (f Fault) whyListed(say texts.Catalogue) string {
	switch f.Kind {
	case Owner:
		return say.Text("owners.listed_owner", f.Path, who(say, f.SID))
	case Unknown:
		return say.Text("owners.listed_unknown", f.Path)
	case All:
		return say.Text("owners.listed_all", f.Path)
	case Adds:
		return say.Text("owners.listed_adds", f.Path, who(say, f.SID))
	}
	return say.Text("owners.listed_others", f.Path, who(say, f.SID))
}

// who names an account, a person by number alone: what is said goes into reports. Of a
// domain only who everyone is in it is told: its directory, which may not answer, is not
// asked.
func who(say texts.Catalogue, sid string) string {
	if !strings.HasPrefix(sid, domainPrefix) {
		return account(sid)
	}
	if strings.HasSuffix(sid, "-513") {
		return say.Text("owners.listed_domain", sid)
	}
	return sid
}

// nextListed says what cures it.
func (e *Error) nextListed(say texts.Catalogue) string {
	has := func(is func(Fault) bool) bool { return slices.ContainsFunc(e.Faults, is) }
	switch {
	case has(func(f Fault) bool { return f.Key }):
		return say.Text("owners.listed_next_key", e.Faults[0].Path)
	case has(func(f Fault) bool { return f.Kind == Unknown || f.Kind == All }):
		return say.Text("owners.listed_next_elsewhere")
	case e.Trust == Person && has(func(f Fault) bool { return f.Kind == Owner }):
		return say.Text("owners.next_copy", e.Path)
	}
	commands := strings.Join(e.commands(), say.Text("owners.listed_then"))
	switch {
	case e.Trust == Person:
		return say.Text("owners.next_own", commands)
	case e.Fixed:
		return say.Text("owners.next", commands)
	}
	return say.Text("owners.listed_next", commands)
}

// commands take from others what they may do beyond reading, one for each thing: for cmd
// and PowerShell alike, with SIDs, because names of accounts are translated.
func (e *Error) commands() (list []string) {
	var paths []string
	rights := map[string]string{}
	for _, f := range e.Faults {
		if !slices.Contains(paths, f.Path) {
			paths = append(paths, f.Path)
		}
		if f.Kind == Owner {
			list = append(list, "icacls "+quoteListed(f.Path)+" /setowner *"+administratorsSID)
			if !f.Writes {
				continue
			}
		}
		reads := "RX"
		if f.Folder {
			reads = "(OI)(CI)RX"
		}
		rights[f.Path] += ` "*` + f.SID + ":" + reads + `"`
	}
	for _, path := range paths {
		if rights[path] != "" {
			list = append(list, "icacls "+quoteListed(path)+" /inheritance:d /grant:r"+rights[path])
		}
	}
	return list
}

// quoteListed quotes a path for cmd and PowerShell. The root of a drive ends with what
// would escape the quote, and needs none.
func quoteListed(path string) string {
	if strings.HasSuffix(path, `\`) {
		return path
	}
	return `"` + path + `"`
}
