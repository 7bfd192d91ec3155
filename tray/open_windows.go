package tray

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// openFile opens a file with the program that the desktop has for it, and with Windows' own
// editor where there is none: a workstation may have no program for a log.
func openFile(path string) error {
	if shellOpen(path, "") == nil {
		return nil
	}
	// By its whole path: no other program of that name is started.
	folder, err := windows.GetSystemDirectory()
	if err != nil {
		return err
	}
	return shellOpen(filepath.Join(folder, "notepad.exe"), `"`+path+`"`)
}

// shellOpen is ShellExecuteW with the verb "open".
func shellOpen(file, arguments string) error {
	verb, err := windows.UTF16PtrFromString("open")
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(file)
	if err != nil {
		return err
	}
	var with *uint16
	if arguments != "" {
		if with, err = windows.UTF16PtrFromString(arguments); err != nil {
			return err
		}
	}
	return windows.ShellExecute(0, verb, name, with, nil, windows.SW_SHOWNORMAL)
}
