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
	if i := slices.IndexFunc(e.Faults, func(f Fault) bool { return f.Key }); i >= 0 {
		return say.Text("owners.listed_next_key", e.Faults[0].Path)
	}
	var changed, rest []Fault
	for _, f := range e.Faults {
		if f.changed() {
			changed = append(changed, f)
		} else {
			rest = append(rest, f)
		}
	}
	var next []string
	if len(changed) > 0 {
		next = append(next, say.Text("owners.listed_next_windows", paths(changed)))
	}
	if len(rest) > 0 {
		next = append(next, e.nextOf(rest, say))
	}
	return strings.Join(next, " ")
}

// nextOf says what cures these, which are not what was changed of Windows itself.
func (e *Error) nextOf(faults []Fault, say texts.Catalogue) string {
	stays := e.Fixed || installed(e.Path) // to put it elsewhere is no advice
	commands := strings.Join(commands(faults), say.Text("owners.listed_then"))
	unlisted := slices.ContainsFunc(faults, func(f Fault) bool { return f.Kind == Unknown || f.Kind == All })
	switch {
	case e.Trust == Person && !unlisted && slices.ContainsFunc(faults, func(f Fault) bool { return f.Kind == Owner }):
		return say.Text("owners.next_copy", e.Path)
	case unlisted || slices.ContainsFunc(faults, func(f Fault) bool { return !e.alone(f) }):
		switch {
		case stays:
			return say.Text("owners.listed_next_rights", paths(faults))
		case e.Trust == Person && !unlisted:
			return say.Text("owners.listed_next_rights_own", paths(faults))
		}
		return say.Text("owners.listed_next_elsewhere")
	case e.Trust == Person:
		return say.Text("owners.next_own", commands)
	case stays:
		return say.Text("owners.next", commands)
	}
	return say.Text("owners.listed_next", commands)
}

// alone reports the file itself, and its folder where that is nobody else's: a command for
// another folder takes from others what they need for other things.
func (e *Error) alone(f Fault) bool {
	file := plain(e.Path)
	if !f.Folder {
		return plain(f.Path) == file
	}
	return plain(f.Path) == parent(file) && !shared(f.Path)
}

// paths are those of the faults, each once.
func paths(faults []Fault) string {
	var list []string
	for _, f := range faults {
		if !slices.Contains(list, f.Path) {
			list = append(list, f.Path)
		}
	}
	return strings.Join(list, ", ")
}

// commands take from others what they may do beyond reading, one for each thing: for cmd
// and PowerShell alike, with SIDs, because names of accounts are translated.
func commands(faults []Fault) (list []string) {
	var paths []string
	rights := map[string]string{}
	for _, f := range faults {
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

// quoteListed quotes a path for cmd and PowerShell. It is no drive's root: its end would
// escape the quote.
func quoteListed(path string) string { return `"` + path + `"` }
