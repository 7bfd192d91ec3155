package policy

import (
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

// DefaultPaths are the files of docs/administrators.md, in the folders of each system, and
// Windows's registry. One that the system does not have is "".
func DefaultPaths() Paths {
	p := Paths{Registry: machineRegistry()}
	if dir := dirs.Machine(); dir != "" {
		p.Machine = filepath.Join(dir, "policy.toml")
	}
	// Without a home there are only the machine's policy and the defaults.
	if dir, err := dirs.Config(); err == nil {
		p.User = filepath.Join(dir, "config.toml")
	}
	return p
}
