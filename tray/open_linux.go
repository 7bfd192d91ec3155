package tray

import "os/exec"

// openFile opens a file with the program that the desktop has for it.
func openFile(path string) error { return exec.Command("xdg-open", path).Run() }
