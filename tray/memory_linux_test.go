package tray

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// child is the menu's process.
func child(t testing.TB) *os.Process {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, pid := range strings.Fields(string(text)) {
			line, err := os.ReadFile("/proc/" + pid + "/cmdline")
			if err == nil && strings.Contains(string(line), "\x00"+string(role.TrayMenu)+"\x00") {
				n, _ := strconv.Atoi(pid)
				p, err := os.FindProcess(n)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
		}
	}
	t.Fatal("the menu's process does not exist")
	return nil
}

// use is what a process uses: open files, and memory of its own.
type use struct {
	files, kilobytes int
}

func (u use) String() string { return fmt.Sprintf("%d files, %d kB", u.files, u.kilobytes) }

// using measures a process; memory of its own excludes that of libraries.
func using(t testing.TB, pid int) use {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return use{len(files), kilobytes}
}
