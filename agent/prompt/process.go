package prompt

import (
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// running is the program of one dialog.
type running struct {
	stdin  io.WriteCloser
	stdout io.ReadCloser
	end    func() // ends it, whatever it does
}

// start starts a dialog's program, which ends with the context. Nothing of the
// dialog may stand in its arguments.
func start(ctx context.Context, program string, args ...string) (*running, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(environment(), screenReader...)
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
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	// A program left behind by the dialog's may hold the pipe open.
	unhook := context.AfterFunc(ctx, func() { _ = stdout.Close() })
	return &running{stdin: stdin, stdout: stdout, end: func() {
		// On cancel the program is ended, not asked; after an answer too.
		unhook()
		_ = stdin.Close()
		_ = cmd.Cancel()
		_ = cmd.Wait()
		restore()
	}}, nil
}

// kept and keptPrefixes are the only variables a dialog program gets: where to
// show itself, how (size of letters, theme, language), and where a screen reader is.
var (
	kept = []string{
		"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "HOME", "PATH", "TERM", "GPG_TTY",
		"LANG", "LANGUAGE", "GTK_THEME", "GDK_BACKEND", "GDK_SCALE", "GDK_DPI_SCALE", "AT_SPI_BUS_ADDRESS", "SYSTEMROOT",
		// Of Qt's those that name no library and no folder of libraries.
		"QT_QPA_PLATFORM", "QT_QPA_PLATFORMTHEME", "QT_STYLE_OVERRIDE", "QT_FONT_DPI", "QT_SCALE_FACTOR", "QT_SCREEN_SCALE_FACTORS",
		"QT_SCALE_FACTOR_ROUNDING_POLICY", "QT_AUTO_SCREEN_SCALE_FACTOR", "QT_ENABLE_HIGHDPI_SCALING", "QT_DEVICE_PIXEL_RATIO",
		"QT_ACCESSIBILITY", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "QT_IM_MODULE",
	}
	keptPrefixes = []string{"LC_", "XDG_"}
)

// screenReader lets a screen reader see a program of GTK 2 (pinentry-gtk-2),
// which loads what it needs for that only where told. Others ask for nothing.
// The value is ours: the person's own could name any library.
var screenReader = []string{"GTK_MODULES=gail:atk-bridge"}

func environment() []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		name = strings.ToUpper(name)
		hasPrefix := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if slices.Contains(kept, name) || slices.ContainsFunc(keptPrefixes, hasPrefix) {
			env = append(env, entry)
		}
	}
	return env
}
