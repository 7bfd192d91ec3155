package prompt

import (
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// running is the program of one dialog.
type running struct {
	stdin  io.WriteCloser
	stdout io.ReadCloser
	end    func() // kills it and releases everything
}

// start starts a dialog's program, which ends with the context. Its arguments must
// hold nothing of the dialog.
func start(ctx context.Context, program string, args ...string) (*running, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	role.OwnImage(cmd) // our own window; another program is itself
	cmd.Env = append(environment(), programsOwn...)
	restore := ownGroup(cmd)
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	release, err := startBound(cmd)
	if err != nil {
		return nil, err
	}
	// A process that the program leaves behind may hold the pipe open.
	unhook := context.AfterFunc(ctx, func() { _ = stdout.Close() })
	return &running{stdin: stdin, stdout: stdout, end: func() {
		// The program is killed, not asked to end, also after an answer.
		unhook()
		_ = stdin.Close()
		_ = cmd.Cancel()
		_ = cmd.Wait()
		release()
		restore()
	}}, nil
}

// inherited and inheritedPrefixes are the only variables that a dialog program gets:
// where to show itself, how (font size, theme, language), and where a screen reader is.
var (
	inherited = []string{
		"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "HOME", "PATH", "TERM", "GPG_TTY",
		"LANG", "LANGUAGE", "GTK_THEME", "GDK_BACKEND", "GDK_SCALE", "GDK_DPI_SCALE", "AT_SPI_BUS_ADDRESS", "SYSTEMROOT",
		// Of Qt's variables, those that name no library and no folder of libraries.
		"QT_QPA_PLATFORM", "QT_QPA_PLATFORMTHEME", "QT_STYLE_OVERRIDE", "QT_FONT_DPI", "QT_SCALE_FACTOR", "QT_SCREEN_SCALE_FACTORS",
		"QT_SCALE_FACTOR_ROUNDING_POLICY", "QT_AUTO_SCREEN_SCALE_FACTOR", "QT_ENABLE_HIGHDPI_SCALING", "QT_DEVICE_PIXEL_RATIO",
		"QT_ACCESSIBILITY", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "QT_IM_MODULE",
	}
	inheritedPrefixes = []string{"LC_", "XDG_"}
)

// programsOwn are variables whose values are ours. The first makes a program of GTK 2
// (pinentry-gtk-2) accessible to a screen reader, for which it loads modules only on
// request; other toolkits need nothing. The person's own value could name any library.
// The second keeps out gvfs, which no dialog needs.
var programsOwn = []string{"GTK_MODULES=gail:atk-bridge", "GIO_USE_VFS=local"}

func environment() []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		name = strings.ToUpper(name)
		hasPrefix := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if slices.Contains(inherited, name) || slices.ContainsFunc(inheritedPrefixes, hasPrefix) {
			env = append(env, entry)
		}
	}
	return env
}
