package main

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/windows"
)

// systemName is Windows' version by its numbers (RtlGetVersion).
func systemName() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}

// journalStream is of systemd alone.
func journalStream(fs.FileInfo) string { return "" }
