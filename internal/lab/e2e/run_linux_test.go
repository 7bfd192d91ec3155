package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// makeRun is the program that `make run` starts, in a folder of its own.
func makeRun(t *testing.T, env ...string) (*exec.Cmd, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "build"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(bin, filepath.Join(dir, "build", "bin")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "run"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+filepath.Join(dir, "home"), "XDG_CACHE_HOME=", "WAYLAND_DISPLAY=", "LANG=C.UTF-8")
	cmd.Env = append(cmd.Env, env...)
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, name := range []string{"cpx-agent.log", "cpx-portal.log"} {
			text, _ := os.ReadFile(filepath.Join(dir, "build", "run", name))
			t.Logf("%s:\n%s", name, text)
		}
	})
	return cmd, dir
}

var (
	addressLine = regexp.MustCompile(`http://localhost:\d+`)
	pinLine     = regexp.MustCompile(`PIN (\d+)`)
)

// logIn opens the announced address in a browser and clicks; typePIN types the
// announced PIN as a person does.
func logIn(t *testing.T, home, announced string, typePIN func(pin string)) {
	t.Helper()
	pin := pinLine.FindStringSubmatch(announced)
	address := addressLine.FindString(announced)
	if pin == nil || address == "" || !strings.Contains(announced, stack.Username) || !strings.Contains(announced, stack.Password) {
		t.Fatalf("announced: %q", announced)
	}
	tab, end, err := browser.Start(t.Context(), browser.Options{Home: filepath.Join(home, "browser"), Origin: address, Lang: "fr"})
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	click := func(tab context.Context) error {
		return browser.Within(tab, testdesktop.Patience, chromedp.Navigate(address+"/"), browser.Click("#card-login"))
	}
	if err := click(tab); err != nil {
		t.Fatal(err)
	}
	typePIN(pin[1])
	if err := browser.Within(tab, testdesktop.Patience, browser.Visible("#attach-form")); err != nil {
		t.Fatalf("%v\n%s", err, browser.PageText(tab))
	}
}

// TestRunWithDisplay: the PIN dialog is a window, and a person types into it.
func TestRunWithDisplay(t *testing.T) {
	screen := testdesktop.NewScreen(t)
	cmd, dir := makeRun(t, "DISPLAY="+screen.Display, "DBUS_SESSION_BUS_ADDRESS="+testdesktop.Bus(t), "XDG_RUNTIME_DIR="+t.TempDir(), "NO_AT_BRIDGE=1")
	announced := started(t, cmd)
	if !strings.Contains(announced, "is a window") {
		t.Fatalf("announced: %q", announced)
	}
	logIn(t, dir, announced, func(pin string) {
		screen.Role(screen.Window("^CPx Bridge$"), "cpx-ready")
		screen.Do(append(append([]string{"key", "--clearmodifiers"}, strings.Split(pin, "")...), "Return")...)
		screen.Gone("^CPx Bridge$")
	})
	ended(t, cmd, syscall.SIGINT)
}

// TestRunOnTerminal: without a display the PIN is typed on the terminal that
// started the program, and is not shown there.
func TestRunOnTerminal(t *testing.T) {
	cmd, dir := makeRun(t, "DISPLAY=", "TERM=xterm")
	terminal := testdesktop.OnTerminal(t, cmd)
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	announced := terminal.Until("Ctrl-C ends everything")
	if !strings.Contains(announced, "on this terminal") {
		t.Fatalf("announced: %q", announced)
	}
	logIn(t, dir, announced, func(pin string) {
		shown := terminal.Until("Code porteur")
		if !strings.Contains(shown[len(announced):], addressLine.FindString(announced)) {
			t.Errorf("the dialog names no site: %q", shown)
		}
		terminal.Type(pin + "\r")
	})
	terminal.Type("\x03") // Ctrl-C
	if all := terminal.Until("^C"); strings.Count(all, pinLine.FindStringSubmatch(announced)[1]) != 1 {
		t.Errorf("the PIN is on the screen: %q", all)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
