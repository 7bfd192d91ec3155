//go:build !windows

package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// systemName is the distribution's name (os-release(5)), "" where it is not known.
func systemName() string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	for _, line := range strings.Split(string(text), "\n") {
		if name, is := strings.CutPrefix(line, "PRETTY_NAME="); is {
			return strings.Trim(name, `"'`)
		}
	}
	return ""
}

// journalStream is a file as systemd names one in JOURNAL_STREAM.
func journalStream(info fs.FileInfo) string {
	s, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return ""
	}
	return fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}
