package programname

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// identity is which file it is, whatever path leads there.
type identity struct {
	device, inode, mount uint64
	links                uint32
	rooted               bool // it is root's, and nobody else's to write
	known                bool
}

// Running is the file that a process runs, by a descriptor of its folder in /proc.
func Running(process int) (File, bool) {
	var path [unix.PathMax]byte
	n, err := unix.Readlinkat(process, "exe", path[:])
	if err != nil {
		return File{}, false
	}
	return File{string(path[:n]), identify(process, "exe")}, true
}

// identify follows links, which of /proc/PID/exe leads to the file itself, in whatever
// namespace of mounts it lies (proc_pid_exe(5)).
func identify(dir int, path string) identity {
	var s unix.Statx_t
	if unix.Statx(dir, path, 0, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &s) != nil {
		return identity{}
	}
	return identity{
		device: unix.Mkdev(s.Dev_major, s.Dev_minor), inode: s.Ino, mount: s.Mnt_id, links: s.Nlink,
		rooted: s.Uid == 0 && s.Mode&0o022 == 0, known: true,
	}
}

// same reports whether a path of ours names the very file.
func (i identity) same(path string) bool {
	other := identify(unix.AT_FDCWD, path)
	return i.known && other.known && i.device == other.device && i.inode == other.inode
}

// deleted is what Linux appends to the path of a file that was removed.
const deleted = " (deleted)"

// here is the path at which our own files have the one that runs. The path that Linux
// states for a process is that of its own namespace: whoever makes one, which every person
// may, binds a file of theirs over /usr/lib/firefox/firefox and runs that.
func (f File) here() (path string, ok bool) {
	if f.same(f.Path) {
		return f.Path, true
	}
	path, removed := strings.CutSuffix(f.Path, deleted)
	if !removed || f.links != 0 {
		return "", false
	}
	// A browser that was upgraded while it runs. The file is gone, so that its folder must
	// say whose it was: the same mount is the same namespace.
	folder := identify(unix.AT_FDCWD, filepath.Dir(path))
	if !folder.known || f.mount == 0 || f.mount != folder.mount || f.device != folder.device {
		return "", false
	}
	return path, true
}
