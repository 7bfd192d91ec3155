//go:build unix

package dirs

import (
	"os"
	"path/filepath"
	"strconv"
)

func localData() string { return "" }

// RuntimeOfUser is what $XDG_RUNTIME_DIR says wherever it is set (pam_systemd(8)),
// for where it is not: after su, from cron.
func RuntimeOfUser() string { return filepath.Join("/run/user", strconv.Itoa(os.Geteuid())) }
