package peer

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/programname"
)

// TestBrowsersAreNamed: the browsers of this machine, started as their entries of the menu
// start them, are named when they connect.
func TestBrowsersAreNamed(t *testing.T) {
	for want, args := range map[string][]string{
		"Chromium":    {"chromium", "--headless=new", "--no-sandbox", "--no-first-run", "--user-data-dir=" + t.TempDir()},
		"Firefox ESR": {"firefox-esr", "--headless", "--no-remote", "--profile", t.TempDir()},
	} {
		l := listener(t, "127.0.0.1:0")
		cmd := exec.Command(need.Program(t, args[0]), append(args[1:], "http://"+l.Addr().String()+"/")...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		cmd.Env = append(cmd.Environ(), "HOME="+t.TempDir())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// A browser that starts may close its first connection before anything is known of it.
		var programs programname.Programs
		for range 5 {
			got, err := owner(accept(t, l))
			if err == nil && !got.SamePerson() {
				t.Errorf("%s: %+v", want, got)
			}
			if programs = got.Programs(t.Context()); programs.Named() {
				break
			}
		}
		if programs.Text("fr") != want || !programs.Named() {
			t.Errorf("%s is called %q", want, programs.Log())
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
}
