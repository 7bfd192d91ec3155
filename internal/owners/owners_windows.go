package owners

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Check returns an *Error where others than the trusted may change what the absolute
// path names, and the system's error where nothing is there.
func Check(path string, trust Trust) error {
	w := walk{trusted: trusted(trust), system: files{}}
	err := w.to(path)
	if len(w.faults) > 0 { // also where nothing is there: who may write the way puts it there
		return &Error{Path: path, Trust: trust, Faults: w.faults, Missing: errors.Is(err, fs.ErrNotExist)}
	}
	return err
}

// CheckProgram is Check: Windows runs no scripts where a program is named.
func CheckProgram(path string, trust Trust) error { return Check(path, trust) }

// trusted are the accounts that may change what is trusted.
func trusted(trust Trust) func(sid string) bool {
	self := ""
	if user, err := windows.GetCurrentProcessToken().GetTokenUser(); err == nil && trust == Person {
		self = user.User.Sid.String()
	}
	return func(sid string) bool { return administrates(sid) || self != "" && sid == self }
}

// maxLinks is how many links Windows follows in a path.
const maxLinks = 63

// system is what Windows says of a path's last name itself, wherever it leads to.
type system interface {
	// link is the target of a link; is says that there is one.
	link(path string) (target string, is bool, err error)
	access(path string) (access, error)
}

// walk goes down a path as the system does, one name at a time.
type walk struct {
	system  system
	trusted func(sid string) bool
	faults  []Fault
	links   int
}

func (w *walk) to(path string) error {
	if !filepath.IsAbs(path) {
		return &fs.PathError{Op: "open", Path: path, Err: windows.ERROR_BAD_PATHNAME}
	}
	path = filepath.Clean(path) // .. is taken out before the system looks
	volume := filepath.VolumeName(path)
	at := volume + `\`
	names := strings.Split(strings.Trim(path[len(volume):], `\`), `\`)
	for i, name := range names {
		p := passed
		if i == len(names)-1 {
			p = holding
		}
		next := filepath.Join(at, name)
		target, link, err := w.system.link(next)
		if errors.Is(err, fs.ErrNotExist) {
			p = lacking
		}
		w.check(at, p)
		switch {
		case err != nil:
			return w.unseen(next, err)
		case link:
			return w.follow(next, target, names[i+1:])
		}
		at = next
	}
	w.check(at, leaf)
	return nil
}

// unseen is what is there and may not be looked at.
func (w *walk) unseen(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		w.add(Fault{Path: path, Kind: Unknown, Listed: true})
	}
	return err
}

// follow goes on where a link leads to, with the names that come after it.
func (w *walk) follow(link, target string, rest []string) error {
	w.check(link, leaf)
	if w.links++; w.links > maxLinks {
		return &fs.PathError{Op: "open", Path: link, Err: windows.ERROR_CANT_RESOLVE_FILENAME}
	}
	switch {
	case filepath.IsAbs(target):
	case strings.HasPrefix(target, `\`): // on the link's own drive
		target = filepath.VolumeName(link) + target
	default:
		target = filepath.Join(filepath.Dir(link), target)
	}
	return w.to(filepath.Join(append([]string{target}, rest...)...))
}

// files are the real ones.
type files struct{}

// link knows symbolic links and mount points; other reparse points, such as a file that is
// fetched from a cloud, stand for themselves.
func (files) link(path string) (target string, is bool, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", false, err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err = os.Readlink(path)
		return target, true, err
	case info.Mode()&fs.ModeIrregular != 0: // what Go makes of mount points and of others
		target, err = os.Readlink(path)
		return target, err == nil, nil
	}
	return "", false, nil
}

// check notes what is wrong with one file, folder or link.
func (w *walk) check(path string, p part) {
	found, err := w.system.access(path)
	if err != nil {
		w.add(Fault{Path: path, Kind: Unknown, Listed: true, Folder: p != leaf})
		return
	}
	for _, f := range found.faults(path, p, w.trusted) {
		w.add(f)
	}
}

func (w *walk) add(f Fault) {
	for _, other := range w.faults {
		if other.Path == f.Path && other.Kind == f.Kind && other.SID == f.SID {
			return
		}
	}
	w.faults = append(w.faults, f)
}

// access opens the file, folder or link itself.
func (files) access(path string) (access, error) {
	name, err := windows.UTF16PtrFromString(long(path))
	if err != nil {
		return access{}, err
	}
	const everyone = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	handle, err := windows.CreateFile(name, windows.READ_CONTROL, everyone, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return access{}, err
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	return accessOfHandle(handle, windows.SE_FILE_OBJECT)
}

// long writes a path so that it may have any length.
func long(path string) string {
	if len(path) < windows.MAX_PATH-12 || strings.HasPrefix(path, `\\?\`) || strings.HasPrefix(path, `\\.\`) {
		return path
	}
	if share, is := strings.CutPrefix(path, `\\`); is {
		return `\\?\UNC\` + share
	}
	return `\\?\` + path
}

func accessOfHandle(handle windows.Handle, kind windows.SE_OBJECT_TYPE) (a access, err error) {
	found, err := windows.GetSecurityInfo(handle, kind, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return a, err
	}
	return readAccess(found)
}

// readAccess reads a security descriptor.
func readAccess(found *windows.SECURITY_DESCRIPTOR) (a access, err error) {
	owner, _, err := found.Owner()
	if err != nil {
		return a, err
	}
	if owner != nil {
		a.owner = owner.String()
	}
	list, _, err := found.DACL()
	if list == nil && (err == nil || errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND)) {
		a.unlisted = true
		return a, nil
	}
	if err != nil {
		return a, err
	}
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return a, err
		}
		if e, grants := readEntry(ace); grants {
			a.entries = append(a.entries, e)
		}
	}
	return a, nil
}

// The kinds of entries ([MS-DTYP] 2.4.4.1) that x/sys does not name. One with a condition
// counts as if it were met.
const (
	deniedObject    = 6
	allowedCallback = 9
	deniedCallback  = 10
	deniedBoth      = 12
)

func readEntry(ace *windows.ACCESS_ALLOWED_ACE) (e entry, grants bool) {
	e.inheritOnly = ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0
	switch ace.Header.AceType {
	case windows.ACCESS_DENIED_ACE_TYPE, deniedObject, deniedCallback, deniedBoth:
		return e, false
	case windows.ACCESS_ALLOWED_ACE_TYPE, allowedCallback:
		e.sid, e.rights = (*windows.SID)(unsafe.Pointer(&ace.SidStart)).String(), uint32(ace.Mask)
	default:
		e.unreadable = true
	}
	return e, true
}

const usersFile, groupsFile = "", ""

func name(string, uint32) string { return "" }

// account names an account that every Windows has, in Windows' own language.
func account(sid string) string {
	id, err := windows.StringToSid(sid)
	if err != nil {
		return sid
	}
	name, _, _, err := id.LookupAccount("")
	if err != nil || name == "" {
		return sid
	}
	return name + " (" + sid + ")"
}
