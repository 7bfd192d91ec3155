package desktopsession

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
)

// maxAncestors is how far up a screen is looked for: a browser's processes, what sandboxes
// them, and the desktop that started them.
const maxAncestors = 16

// Own is this process's session. Its environment counts as it is: a process that is closed to
// debuggers cannot read its own otherwise.
func Own() Session {
	s := Session{read: true, screens: screens(os.Environ()), ssh: os.Getenv("SSH_CONNECTION") != ""}
	s.scope, s.login = logins("/proc/self")
	return s
}

// Of is the session of a process of this user's.
func Of(pid int) Session {
	var s Session
	s.scope, s.login = logins(dir(pid))
	// Chromium's processes overwrite their environment, and sandboxes give a display another
	// name: all that started this one count, as long as they are this user's.
	for range maxAncestors {
		parent, own := ancestor(pid)
		if !own {
			break
		}
		if environment, err := os.ReadFile(filepath.Join(dir(pid), "environ")); err == nil {
			list := strings.Split(string(environment), "\x00")
			s.screens = append(s.screens, screens(list)...)
			s.read = s.read || isEnvironment(list)
		}
		pid = parent
	}
	return s
}

func dir(pid int) string { return "/proc/" + strconv.Itoa(pid) }

// noLogin is what the kernel says of a process that nobody logged in for, AUDIT_SID_UNSET
// (linux/audit.h).
const noLogin = "4294967295"

var (
	scopeName   = lazyregexp.New(`^session-([0-9A-Za-z]+)\.scope$`)
	managerName = lazyregexp.New(`^user@[0-9]+\.service$`)
)

// logins reads a process's logind session (cgroups(7)) and login (proc(5), sessionid). What the
// person's service manager starts belongs to all sessions of the account.
func logins(process string) (scope, login string) {
	text, err := os.ReadFile(filepath.Join(process, "cgroup"))
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(text)) {
		_, group, _ := strings.Cut(strings.TrimSpace(line), ":")
		_, group, _ = strings.Cut(group, ":")
		for element := range strings.SplitSeq(group, "/") {
			if managerName.MatchString(element) {
				return "", ""
			}
			if found := scopeName.FindStringSubmatch(element); found != nil {
				scope = found[1]
			}
		}
	}
	number, err := os.ReadFile(filepath.Join(process, "sessionid"))
	if login = string(bytes.TrimSpace(number)); err != nil || login == noLogin {
		login = ""
	}
	return scope, login
}

// ancestor is what started a process, and whether the process is this user's: what login
// programs and the system start is not.
func ancestor(pid int) (parent int, own bool) {
	info, err := os.Stat(dir(pid))
	if err != nil || pid <= 1 {
		return 0, false
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
		return 0, false // or closed to us
	}
	text, err := os.ReadFile(filepath.Join(dir(pid), "stat"))
	if err != nil {
		return 0, false
	}
	// The name in parentheses may hold anything; state and parent follow it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 2 {
		return 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, err == nil
}

// isEnvironment distinguishes an environment from what a process has written over it.
func isEnvironment(list []string) bool {
	return value(list, "PATH") != "" || value(list, "HOME") != ""
}

func value(environment []string, name string) (value string) {
	for _, entry := range environment {
		if v, found := strings.CutPrefix(entry, name+"="); found {
			value = v
		}
	}
	return value
}

// xDisplay is a display's host, number and the part that X calls a screen.
var xDisplay = lazyregexp.New(`^([^:]*)(:[0-9]+)(?:\.[0-9]+)?$`)

// screens are where windows appear by an environment: the X display, without what names a part
// of it, and the Wayland socket by its path.
func screens(environment []string) (list []string) {
	if x := value(environment, "DISPLAY"); x != "" {
		if found := xDisplay.FindStringSubmatch(x); found != nil {
			x = found[1] + found[2]
			if found[1] == "unix" || strings.HasSuffix(found[1], "/unix") { // over the local socket
				x = found[2]
			}
		}
		list = append(list, x)
	}
	if w := value(environment, "WAYLAND_DISPLAY"); w != "" {
		if !path.IsAbs(w) {
			w = path.Join(value(environment, "XDG_RUNTIME_DIR"), w)
		}
		list = append(list, w)
	}
	return list
}
