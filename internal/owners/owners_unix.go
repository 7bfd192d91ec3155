//go:build unix

package owners

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// Check returns an *Error where others than the trusted may change what the absolute
// path names, and the system's error where that cannot be looked up.
func Check(path string, trust Trust) error {
	w := walk{trusted: []uint32{0}}
	if trust == Person {
		w.trusted = append(w.trusted, uint32(os.Getuid()))
	}
	err := w.to(path)
	if len(w.faults) > 0 { // also where nothing is there: who may write the way puts it there
		return &Error{Path: path, Trust: trust, Faults: w.faults, Missing: errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)}
	}
	return err
}

// CheckProgram is Check for a program, which may be a script: then its interpreter runs.
func CheckProgram(path string, trust Trust) error {
	for range maxInterpreters {
		if err := Check(path, trust); err != nil {
			return err
		}
		if path = interpreter(path); path == "" {
			return nil
		}
	}
	return &fs.PathError{Op: "exec", Path: path, Err: syscall.ELOOP}
}

// maxInterpreters is how deep Linux follows scripts.
const maxInterpreters = 5

// interpreter is the program that a script's first line names, "" where the file is none.
func interpreter(path string) string {
	f, err := plainfile.Open(path)
	if err != nil {
		return "" // a program that may be run and not be read is no script
	}
	defer f.Close()
	line, _ := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	rest, script := strings.CutPrefix(line, "#!")
	if fields := strings.Fields(rest); script && len(fields) > 0 && filepath.IsAbs(fields[0]) {
		return fields[0]
	}
	return ""
}

// maxLinks is how many links Linux follows in a path.
const maxLinks = 40

// walk goes down a path as the system does, one name at a time, and looks at all that it
// passes: whoever may write a folder may put another file, folder or link into it.
type walk struct {
	trusted []uint32
	faults  []Fault
}

func (w *walk) to(path string) error {
	if !filepath.IsAbs(path) {
		return &fs.PathError{Op: "open", Path: path, Err: syscall.EINVAL}
	}
	at, links := "/", 0
	root, err := os.Lstat(at)
	if err != nil {
		return err
	}
	w.check(at, root)
	for names := strings.Split(path, "/"); len(names) > 0; {
		name := names[0]
		names = names[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at) // at has no links in it
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			return err
		}
		w.check(next, info)
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		names = append(strings.Split(target, "/"), names...)
	}
	return nil
}

// check notes what is wrong with one file, folder or link.
func (w *walk) check(path string, info fs.FileInfo) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || slices.ContainsFunc(w.faults, func(f Fault) bool { return f.Path == path }) {
		return
	}
	link := info.Mode()&fs.ModeSymlink != 0
	f := Fault{Path: path, Folder: info.IsDir(), Link: link, UID: stat.Uid, GID: stat.Gid, Mode: info.Mode()}
	// In a sticky folder of root's nobody but their owners removes or renames entries, and
	// of the entry's owner the next step sees to it.
	sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0 && stat.Uid == 0
	switch perm := info.Mode().Perm(); {
	case !slices.Contains(w.trusted, stat.Uid):
		f.Kind = Owner
		if stat.Uid == nobody() {
			f.Kind = Unknown
		}
	case link, sticky, perm&othersWrite == 0:
		return
	case perm&0o002 != 0:
		f.Kind = All
	default:
		f.Kind = Group
	}
	w.faults = append(w.faults, f)
}

// nobody is the owner that the system shows where it has no number for one.
func nobody() uint32 {
	const usual = 65534
	text, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil {
		return usual
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return usual
	}
	return uint32(id)
}

const (
	usersFile  = "/etc/passwd"
	groupsFile = "/etc/group"
)

// people begin here, as a rule: what is said goes into reports, which name nobody.
const people = 1000

// name is the name that the machine's own files have for a system's number, with the
// number, and of a person the number alone. A directory in the network, which may not
// answer, is not asked.
func name(file string, id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	if id >= people && id != nobody() {
		return number
	}
	f, err := os.Open(file)
	if err != nil {
		return number
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.SplitN(lines.Text(), ":", 4); len(fields) == 4 && fields[2] == number {
			return fields[0] + " (" + number + ")"
		}
	}
	return number
}

// account is an account of Windows, which has a name there alone.
func account(sid string) string { return sid }
