package desktopsession

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestScreens: a display is the same however it is written, and one of another machine is
// another one.
func TestScreens(t *testing.T) {
	for _, c := range []struct {
		environment string
		want        []string
	}{
		{"DISPLAY=:10", []string{":10"}},
		{"DISPLAY=:10.0", []string{":10"}},
		{"DISPLAY=unix:10.1", []string{":10"}},
		{"DISPLAY=ward/unix:10.0", []string{":10"}},
		{"DISPLAY=localhost:10.0", []string{"localhost:10"}},
		{"DISPLAY=:1 WAYLAND_DISPLAY=wayland-0 XDG_RUNTIME_DIR=/run/user/1000", []string{":1", "/run/user/1000/wayland-0"}},
		{"WAYLAND_DISPLAY=/run/weston", []string{"/run/weston"}},
		{"DISPLAY= WAYLAND_DISPLAY=", nil},
		{"DISPLAY=strange", []string{"strange"}},
		{"", nil},
	} {
		if got := screens(strings.Fields(c.environment)); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.environment, got, c.want)
		}
	}
}

// TestLogins: logind's session and the login of a process, as kernels with one and with several
// hierarchies of cgroups write them; what the person's service manager started is of no session.
func TestLogins(t *testing.T) {
	const user = "/user.slice/user-1000.slice/"
	for name, c := range map[string]struct{ cgroup, sessionid, scope, login string }{
		"a session":                {"0::" + user + "session-3.scope\n", "3", "3", "3"},
		"without audit":            {"0::" + user + "session-c2.scope\n", noLogin, "c2", ""},
		"several hierarchies":      {"2:cpu:/\n1:name=systemd:" + user + "session-3.scope\n0::/\n", "3", "3", "3"},
		"below the session":        {"0::" + user + "session-3.scope/app\n", "3\n", "3", "3"},
		"a service of the manager": {"0::" + user + "user@1000.service/app.slice/app-flatpak-x-7.scope\n", "5", "", ""},
		"without logind":           {"0::/\n", "7", "", "7"},
		"a container":              {"0::/../session.scope\n", noLogin, "", ""},
		"no such file":             {"", "", "", ""},
	} {
		dir := t.TempDir()
		if c.cgroup != "" {
			for file, text := range map[string]string{"cgroup": c.cgroup, "sessionid": c.sessionid} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		if scope, login := logins(dir); scope != c.scope || login != c.login {
			t.Errorf("%s: %q %q, want %q %q", name, scope, login, c.scope, c.login)
		}
	}
}

// stays is a program that lasts until its input ends.
func stays(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil { // it runs
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// TestOf: the screens of real processes: their own, and where they have written over their
// environment or run behind a sandbox's display, those of what started them. Without an
// environment at all nothing is known.
func TestOf(t *testing.T) {
	t.Setenv("DISPLAY", ":4242.0")
	t.Setenv("WAYLAND_DISPLAY", "")
	own := Own()
	if !own.HasScreen() || !slices.Equal(own.Screens(), []string{":4242"}) {
		t.Errorf("%+v", own)
	}
	with := func(environment ...string) Session {
		cmd := exec.Command("/bin/sh", "-c", "echo; read -r line")
		cmd.Env = environment
		return Of(stays(t, cmd))
	}
	// The test's own environment at its start is among those of what started the process.
	before := Of(os.Getpid()).Screens()
	for name, c := range map[string]struct {
		environment []string
		want        []string
	}{
		"a display":      {[]string{"PATH=/bin", "DISPLAY=:7"}, []string{":7"}},
		"behind another": {[]string{"PATH=/bin", "DISPLAY=:99", "WAYLAND_DISPLAY=/run/x"}, []string{":99", "/run/x"}},
		"none":           {[]string{"PATH=/bin"}, nil},
		"overwritten":    {[]string{"XXXX"}, nil},
	} {
		if got := with(c.environment...); !slices.Equal(got.Screens(), append(c.want, before...)) || !got.read {
			t.Errorf("%s: %+v, and %q of what started it", name, got, before)
		}
	}
	if s := Of(1 << 30); s.read || s.HasScreen() || own.Relation(s) != Unknown {
		t.Errorf("no process: %+v", s)
	}
}
