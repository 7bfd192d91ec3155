package soak

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotReadable says that the system shows nobody but root how many descriptors a closed
// process has (internal/nodump).
var ErrNotReadable = errors.New("soak: only root may count the descriptors here: Linux 6.2 shows their number to everybody")

// UseOf is what a process has now.
func UseOf(pid int) (u Use, err error) {
	u.PID = pid
	status, err := os.ReadFile(proc(pid, "status"))
	if err != nil {
		return u, err
	}
	swapped := 0
	for name, into := range map[string]*int{"RssAnon:": &u.Kilobytes, "VmSwap:": &swapped, "Threads:": &u.Threads} {
		_, rest, _ := bytes.Cut(status, []byte("\n"+name))
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			return u, fmt.Errorf("process %d has ended", pid)
		}
		if *into, err = strconv.Atoi(string(fields[0])); err != nil {
			return u, err
		}
	}
	u.Kilobytes += swapped
	u.Descriptors, err = descriptors(pid)
	return u, err
}

func proc(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

func descriptors(pid int) (int, error) {
	list, err := os.ReadDir(proc(pid, "fd"))
	if err == nil {
		return len(list), nil
	}
	info, statErr := os.Stat(proc(pid, "fd"))
	if statErr != nil {
		return 0, statErr
	}
	if info.Size() == 0 {
		return 0, ErrNotReadable
	}
	return int(info.Size()), nil
}

// Children are the processes that a process has started and that run, with their command lines.
func Children(pid int) map[int]string {
	list := map[int]string{}
	// The system lists a thread's children under the thread.
	tasks, _ := filepath.Glob(proc(pid, "task/*/children"))
	for _, task := range tasks {
		text, _ := os.ReadFile(task) // the thread may have ended
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				continue
			}
			line, _ := os.ReadFile(proc(child, "cmdline"))
			list[child] = strings.ReplaceAll(string(line), "\x00", " ")
		}
	}
	return list
}

// ProcessorTime is what a process has used so far, exact to less than the ticks of ps(1).
func ProcessorTime(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED, of a whole process: clock_getcpuclockid(3)
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &used); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// Tick is what the kernel counts processor time in.
const Tick = 10 * time.Millisecond

// FilesBelow are the files below the folders, but for those that ignored names.
func FilesBelow(ignored func(name string) bool, folders ...string) (names []string, err error) {
	for _, folder := range folders {
		err = errors.Join(err, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // it went meanwhile
				return nil
			case err != nil:
				return err
			case !ignored(d.Name()):
				names = append(names, path)
			}
			return nil
		}))
	}
	return names, err
}
