package owners

import (
	"slices"
	"strings"
)

// access is what Windows says of who may do what with one file, folder or registry key:
// its owner, and the list that grants rights ([MS-DTYP] 2.4.4 and 2.4.5).
type access struct {
	owner string // a SID, "" where there is none
	// unlisted says that there is no list at all: everyone may do all.
	unlisted bool
	entries  []entry
}

// entry is one of the list that grants. What denies is not taken into account: who is
// granted something here and denied it there is refused all the same.
type entry struct {
	sid         string
	rights      uint32
	inheritOnly bool // for what will be made below, and not for this
	unreadable  bool // of a kind that is not known here
}

// The rights of [MS-DTYP] 2.4.3 and of files and keys with which something is changed.
const (
	writeData       = 0x2   // of a folder: add a file; of a key: set a value
	appendData      = 0x4   // of a folder: add a folder; of a key: add a key
	createLink      = 0x20  // of a key
	deleteChild     = 0x40  // of a folder
	writeAttributes = 0x100 // also makes a file or an empty folder lead elsewhere
	deletes         = 0x10000
	writeDAC        = 0x40000
	writeOwner      = 0x80000
	genericAll      = 0x10000000
	genericWrite    = 0x40000000

	// replaces are those with which all others can be had, or the thing be replaced.
	replaces = deletes | writeDAC | writeOwner | genericAll
	// adds are those that put something new into a folder.
	adds = writeData | appendData | genericWrite
)

// part is what something is on a way: it decides which rights are a danger.
type part int

const (
	// leaf is the file at the end, or a link on the way.
	leaf part = iota
	// passed is a folder on the way to another. Who may add to it replaces nothing that is
	// there: on C:\ every person may make folders.
	passed
	// holding is the folder of the file. A library's other libraries are searched beside
	// it: who may add a file there has it load theirs.
	holding
	// lacking is the folder in which the next name is missing.
	lacking
	// key is a registry key, whichever on the way: to rename one needs the rights to set
	// values and to add keys.
	key
)

func (p part) dangerous() uint32 {
	switch p {
	case passed:
		return replaces | deleteChild
	case holding, lacking:
		return replaces | deleteChild | adds | writeAttributes
	case key:
		return replaces | adds | createLink
	}
	return replaces | adds | writeAttributes
}

// The SIDs of accounts that administer every Windows ([MS-DTYP] 2.4.2.4), and of its own
// installer, a service.
const (
	systemSID           = "S-1-5-18"
	administratorsSID   = "S-1-5-32-544"
	trustedInstallerSID = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
)

// domainPrefix begins the SIDs of a machine's or domain's own accounts.
const domainPrefix = "S-1-5-21-"

// administrates reports an account that may change everything anyway. A person who is an
// administrator is none: with their name alone, programs run that they were never asked about.
func administrates(sid string) bool {
	switch sid {
	case systemSID, administratorsSID, trustedInstallerSID:
		return true
	}
	if !strings.HasPrefix(sid, domainPrefix) {
		return false
	}
	// The built-in administrator, and the domain's and the forest's, which Windows takes
	// from what a person runs until they agree to more, as it does with Administrators.
	number := sid[strings.LastIndexByte(sid, '-')+1:]
	return number == "500" || number == "512" || number == "519"
}

// placeholder reports a SID that no account has: who made a thing, and the owner, who is
// looked at by name ([MS-DTYP] 2.4.2.4).
func placeholder(sid string) bool {
	return sid == "S-1-3-0" || sid == "S-1-3-1" || sid == "S-1-3-4"
}

// faults are what is wrong with one thing on the way, the owner first.
func (a access) faults(path string, p part, trusted func(sid string) bool) (list []Fault) {
	add := func(kind Kind, sid string) {
		f := Fault{Path: path, Kind: kind, Listed: true, SID: sid, Folder: p == passed || p == holding || p == lacking, Key: p == key}
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	switch {
	case a.owner == "":
		add(Unknown, "")
	case !trusted(a.owner):
		add(Owner, a.owner)
	}
	if a.unlisted {
		add(All, "")
	}
	var others []string
	rights := map[string]uint32{}
	for _, e := range a.entries {
		switch {
		case e.inheritOnly, placeholder(e.sid), e.sid != "" && trusted(e.sid):
			continue
		case e.unreadable:
			add(Unknown, "")
			continue
		case rights[e.sid] == 0:
			others = append(others, e.sid)
		}
		rights[e.sid] |= e.rights
	}
	for _, sid := range others {
		switch found := rights[sid] & p.dangerous(); {
		case found == 0:
		case sid == a.owner:
			list[0].Writes = true
		case p != leaf && p != key && found&^(adds|writeAttributes) == 0:
			add(Adds, sid)
		default:
			add(Others, sid)
		}
	}
	return list
}
