//go:build !linux

package role

import "os/exec"

// OwnImage does nothing: there is no way to what a process runs but its file's path. On
// Windows that cannot be replaced while it runs.
func OwnImage(*exec.Cmd) {}
