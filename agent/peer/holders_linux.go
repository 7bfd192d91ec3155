package peer

import (
	"context"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/programname"
)

// Sizes of the walk over /proc.
const (
	atOnce     = 256 // names read from a folder between two looks at the time
	maxHolders = 3   // programs named
)

// holders is what the processes run that hold a socket, as far as this user may read what its
// processes hold, until ctx ends. All of them are looked for: one that kept a copy of its
// socket and handed it to a browser would else pass for that.
func holders(ctx context.Context, inode uint32) (found []programname.File) {
	link := socketLink(inode)
	eachProcess(ctx, func(name string) bool {
		holds(ctx, name, link, func(process int) {
			if program, ok := programname.Running(process); ok && !slices.Contains(found, program) {
				found = append(found, program)
			}
		})
		return len(found) < maxHolders
	})
	return found
}

func socketLink(inode uint32) string { return "socket:[" + strconv.FormatUint(uint64(inode), 10) + "]" }

// eachProcess calls do with the number of each process but this one, while that returns true and
// until ctx ends.
func eachProcess(ctx context.Context, do func(name string) (more bool)) {
	proc, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer proc.Close()
	self := os.Getpid()
	for ctx.Err() == nil {
		names, err := proc.Readdirnames(atOnce)
		for _, name := range names {
			// Never over our own descriptors: they are as many as there are connections.
			if pid, err := strconv.Atoi(name); err != nil || pid == self {
				continue
			}
			if !do(name) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// holds reports whether a process holds the socket, and calls do with its folder where it
// does. The process is named once only, and what is read is read below that: its number may
// come to be another's meanwhile.
func holds(ctx context.Context, pid, link string, do func(process int)) bool {
	process, err := unix.Open("/proc/"+pid, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(process)
	var owner unix.Stat_t
	if unix.Fstat(process, &owner) != nil || int(owner.Uid) != os.Geteuid() {
		return false // another user's, or closed to us: root's by its owner
	}
	fd, err := unix.Openat(process, "fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	files := os.NewFile(uintptr(fd), "fd")
	defer files.Close()
	for ctx.Err() == nil {
		names, err := files.Readdirnames(atOnce)
		for _, name := range names {
			if leadsTo(fd, name, link) {
				do(process)
				return true
			}
		}
		if err != nil {
			break
		}
	}
	return false
}

func leadsTo(dir int, name, link string) bool {
	var target [64]byte // longer than any that is looked for
	n, err := unix.Readlinkat(dir, name, target[:])
	return err == nil && string(target[:n]) == link
}
