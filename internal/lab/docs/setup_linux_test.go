package docs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machine is what scripts/setup finds: programs that answer as the table says, and of
// the system's own only what a script is made of. installs is where what would install
// writes what it was called with.
type machine struct {
	t             *testing.T
	bin, installs string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	m := machine{t, t.TempDir(), filepath.Join(t.TempDir(), "installs")}
	for _, program := range []string{"bash", "sh", "sed", "sort", "head", "cat", "fold", "ls", "dirname", "env", "tail", "mktemp", "rm"} {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(m.bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	m.has("id", `[ "$1" = -u ] && echo 1000`)
	m.has("uname", "echo Linux")
	m.has("gcc", "exit 0")
	m.has("dpkg-query", `for p in "$@"; do :; done; case "$p" in gcc | make | libc6-dev) echo installed ;; *) exit 1 ;; esac`)
	m.has("apt-get", `case "$*" in *--assume-no*) echo "Need to get 134 MB of archives."; exit 1 ;; esac; echo "apt-get $*" >>"$INSTALLS"`)
	m.has("dpkg", `echo "dpkg $*" >>"$INSTALLS"`)
	m.goes("1.26.8", "local")
	return m
}

// has puts a program there.
func (m machine) has(name, script string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// goes puts a go command there, of a version and with a setting of GOTOOLCHAIN. As the
// real one it fails in this module where it is too old and may fetch nothing.
func (m machine) goes(version, toolchain string) {
	m.has("go", `case "$*" in
version) [ "$GOTOOLCHAIN" = local ] || [ "$PWD" = / ] || [ -z "$UNREACHED" ] || { echo "go: download go1.26.10: dial tcp: no route" >&2; exit 1; }
	echo "go version go`+version+` linux/amd64" ;;
"env GOTOOLCHAIN") echo "`+toolchain+`" ;;
"env CGO_ENABLED") echo "${CGO_ENABLED:-1}" ;;
"env CC") echo gcc ;;
"env GOMODCACHE") echo /nonexistent ;;
*) exit 2 ;;
esac`)
}

func (m machine) sets(target string, env ...string) (said, installed string, failed bool) {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), filepath.Join(root, "scripts", "setup"), target)
	cmd.Env = append([]string{"PATH=" + m.bin, "HOME=" + m.t.TempDir(), "INSTALLS=" + m.installs, "SETUP_GO="}, env...)
	out, err := cmd.CombinedOutput()
	text, _ := os.ReadFile(m.installs) // none where nothing was installed
	return string(out), string(text), err != nil
}

// TestSetup: what cannot go on says so before anything is installed, with what leads on;
// nobody is asked for a password where nobody can type one.
func TestSetup(t *testing.T) {
	const line = "apt-get install --no-install-recommends pkg-config libgtk-3-dev"
	for name, c := range map[string]struct {
		machine   func(m machine)
		env       []string
		fails     bool
		says      []string
		never     string
		installed string
	}{
		"an old Go": {func(m machine) { m.goes("1.19.8", "") }, []string{"YES=1"}, true,
			[]string{"Go 1.26.0 or newer is needed, and this is Go 1.19.8", "https://go.dev/dl/"}, "packages are needed", ""},
		"an old Go that may fetch": {func(m machine) { m.goes("1.22.3", "auto") }, nil, true, // for want of sudo
			[]string{"fetching Go 1.26.10", line}, "or newer", ""},
		"an old Go that cannot fetch": {func(m machine) { m.goes("1.22.3", "auto") }, []string{"UNREACHED=1", "YES=1"}, true,
			[]string{"dial tcp", "Go 1.26.10 could not be fetched", "Yours, Go 1.22.3, is too old"}, "packages are needed", ""},
		"an old Go that may not fetch": {func(m machine) { m.goes("1.22.3", "local") }, []string{"YES=1"}, true,
			[]string{"this is Go 1.22.3", "GOTOOLCHAIN=auto"}, "packages are needed", ""},
		"a Go that is good enough cannot fetch": {func(m machine) { m.goes("1.26.8", "auto") }, []string{"UNREACHED=1"}, true,
			[]string{"Go 1.26.10 could not be fetched", "GOTOOLCHAIN=local"}, "packages are needed", ""},
		"a devel Go": {func(m machine) { m.goes("1.27-devel_abc", "local") }, nil, true, []string{line}, "or newer", ""},
		"no Go":      {func(m machine) { m.removes("go") }, nil, true, []string{"Go 1.26.0 or newer is needed"}, "packages are needed", ""},
		"a Go that is not on PATH": {func(m machine) {
			m.has("good", "echo go version go1.26.9 linux/amd64")
			m.removes("go")
			m.moves("good", "elsewhere/go")
		}, []string{"SETUP_GO=BIN/elsewhere"}, true, []string{`export PATH="BIN/elsewhere:$PATH"`}, "go.dev", ""},
		"no C":    {nil, []string{"CGO_ENABLED=0"}, true, []string{"CGO_ENABLED=0 is set"}, "packages are needed", ""},
		"no sudo": {nil, nil, true, []string{"download: 134 MB", "there is no sudo here", line, "administers"}, "", ""},
		"nobody to ask": {func(m machine) { m.has("sudo", `echo "sudo $*" >>"$INSTALLS"`) }, nil, true,
			[]string{"YES=1", line}, "", ""},
		"sudo refuses": {func(m machine) {
			m.has("sudo", `[ "$1" = -n ] || exec sleep 600; echo "sudo: a password is required" >&2; exit 1`)
		}, []string{"YES=1"}, true,
			[]string{"a password is required", line}, "", ""},
		"sudo, behind a proxy": {func(m machine) { m.has("sudo", `[ "$1" = -n ] && shift; exec "$@"`); m.has("id", "echo 1000") }, []string{"YES=1", "https_proxy=http://proxy:3128"}, false,
			[]string{"installing"}, "", "apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends pkg-config libgtk-3-dev"},
		"root in a container": {func(m machine) { m.has("id", "echo 0") }, []string{"CI=true"}, false, nil, "sudo", "dpkg --configure -a\napt-get -qq -o Dpkg::Use-Pty=0 update\n"},
		"all is there":        {func(m machine) { m.has("dpkg-query", "echo installed") }, nil, false, nil, "needed", ""},
		"another system":      {func(m machine) { m.removes("dpkg-query") }, nil, true, []string{"no Debian and no Ubuntu", "the headers of gtk+-3.0"}, "", ""},
		"another system with all": {func(m machine) {
			m.removes("dpkg-query")
			for _, program := range []string{"make", "pkg-config", "softhsm2-util"} {
				m.has(program, "exit 0")
			}
		}, nil, false, nil, "no Debian", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			if c.machine != nil {
				c.machine(m)
			}
			for i, e := range c.env {
				c.env[i] = strings.ReplaceAll(e, "BIN", m.bin)
			}
			said, installed, failed := m.sets("run", c.env...)
			if failed != c.fails {
				t.Errorf("failed: %v\n%s", failed, said)
			}
			for _, want := range c.says {
				if want = strings.ReplaceAll(want, "BIN", m.bin); !strings.Contains(said, want) {
					t.Errorf("no %q in\n%s", want, said)
				}
			}
			if c.never != "" && strings.Contains(said, c.never) {
				t.Errorf("%q in\n%s", c.never, said)
			}
			if !strings.Contains(installed, c.installed) || c.installed == "" && installed != "" {
				t.Errorf("installed by %q, want %q", installed, c.installed)
			}
		})
	}
}

func (m machine) removes(program string) {
	m.t.Helper()
	if err := os.Remove(filepath.Join(m.bin, program)); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) moves(from, to string) {
	m.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(m.bin, to)), 0o700), os.Rename(filepath.Join(m.bin, from), filepath.Join(m.bin, to))); err != nil {
		m.t.Fatal(err)
	}
}
