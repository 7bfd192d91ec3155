package main

import (
	"errors"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// white is all over the screen, as on X.
const white = 0xffffffff

// weston makes the desktop one of Wayland: its screen is a window that covers the desktop's
// own screen, where keys are typed and pictures taken as before.
func (d *desktop) weston(size string) error {
	width, height, _ := strings.Cut(size, "x")
	settings := filepath.Join(d.dir, "weston.ini")
	if err := os.WriteFile(settings, testdesktop.WestonSettings(white), 0o600); err != nil {
		return err
	}
	d.wayland = filepath.Join(d.dir, "wayland")
	if err := d.start("weston", "--backend=x11-backend.so", "--use-pixman", "--width="+width, "--height="+height, "--config="+settings,
		"--socket="+filepath.Base(d.wayland), "--log="+filepath.Join(d.dir, "weston.log")); err != nil {
		return err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		client := exec.Command("weston-info")
		client.Env = append(os.Environ(), "WAYLAND_DISPLAY="+d.wayland)
		if client.Run() == nil {
			_, err := d.tool("xdotool", "mousemove", "900", "600", "mousemove", "0", "0") // off the dialogs
			return err
		}
	}
	return errors.New("weston does not answer")
}

// unready is how long a dialog that just opened takes no keys, and some time more.
const unready = 1500 * time.Millisecond

// ready waits until the dialog takes keys. On X11 our window says so; a window of Wayland
// says so to nobody here.
func (d *desktop) ready(stands func(*image.RGBA) bool) error {
	if d.wayland != "" {
		_, err := d.settled(stands)
		time.Sleep(unready)
		return err
	}
	tool := func(name string, args ...string) (string, error) {
		out, err := d.tool(name, args...)
		return string(out), err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if testdesktop.AcceptsKeys(tool) {
			return nil
		}
	}
	return errors.New("no dialog takes keys")
}
