package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience is how long a picture waits before it fails.
const patience = 30 * time.Second

// desktop is a screen without a monitor, with a bus, a window manager and, on
// request, a panel. All that runs on it ends with it.
type desktop struct {
	dir, display string
	wayland      string // where dialogs appear in its place
	env          []string
	running      []*exec.Cmd
}

// newDesktop starts a desktop of that size, white and empty, of X11 or of Wayland.
func newDesktop(size string, wayland bool) (d *desktop, err error) {
	d = &desktop{}
	if d.dir, err = os.MkdirTemp("", "cpx-screens-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	number, err := d.announce("Xvfb", "-displayfd", "3", "-screen", "0", size+"x24", "-nolisten", "tcp", "-noreset", "-wr")
	if err != nil {
		return d, err
	}
	d.display = ":" + number
	// The bus gets the environment of the programs that it starts, such as the
	// panel's settings.
	d.env = append(os.Environ(), "DISPLAY="+d.display, "WAYLAND_DISPLAY=", "HOME="+d.dir,
		"XDG_RUNTIME_DIR="+d.dir, "XDG_CONFIG_HOME="+d.dir, "XDG_CACHE_HOME="+d.dir, "LC_ALL=C.UTF-8", "NO_AT_BRIDGE=1", "GTK_THEME=Adwaita")
	bus, err := d.announce("dbus-daemon", "--session", "--nofork", "--print-address=3")
	if err != nil {
		return d, err
	}
	d.env = append(d.env, "DBUS_SESSION_BUS_ADDRESS="+bus)
	if err := d.steady(); err != nil {
		return d, err
	}
	if wayland {
		return d, d.weston(size)
	}
	return d, d.start("openbox")
}

// steady lets no caret blink and nothing turn: such a screen is never the same twice.
func (d *desktop) steady() error {
	dir := filepath.Join(d.dir, "gtk-3.0")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "settings.ini"), []byte("[Settings]\ngtk-cursor-blink=0\ngtk-enable-animations=0\n"), 0o600)
}

// announce starts a program that writes a line on its descriptor 3.
func (d *desktop) announce(name string, args ...string) (string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	cmd := exec.Command(name, args...)
	cmd.ExtraFiles, cmd.Env = []*os.File{w}, d.env
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		return "", err
	}
	d.running = append(d.running, cmd)
	_ = r.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(r).ReadString('\n')
	return strings.TrimSpace(line), err
}

func (d *desktop) start(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = d.env
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: YES=1 scripts/setup screens installs it", err)
	}
	d.running = append(d.running, cmd)
	return nil
}

// close ends everything, in reverse order.
func (d *desktop) close() {
	for i := len(d.running) - 1; i >= 0; i-- {
		cmd := d.running[i]
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
	}
	_ = os.RemoveAll(d.dir)
}

// tool runs a program to its end and returns what it printed.
func (d *desktop) tool(name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = d.env
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return out, nil
}

// asPerson gives this program the desktop's environment, with more variables, so that its
// dialogs and its menu appear there, until restore is called.
func (d *desktop) asPerson(more map[string]string) (restore func(), err error) {
	set := map[string]string{}
	for _, entry := range d.env[len(os.Environ()):] {
		name, value, _ := strings.Cut(entry, "=")
		set[name] = value
	}
	if d.wayland != "" {
		set["DISPLAY"], set["WAYLAND_DISPLAY"] = "", d.wayland
	}
	maps.Copy(set, more)
	before := os.Environ()
	restore = func() {
		os.Clearenv()
		for _, entry := range before {
			name, value, _ := strings.Cut(entry, "=")
			_ = os.Setenv(name, value)
		}
	}
	for name, value := range set {
		if err := os.Setenv(name, value); err != nil {
			restore()
			return nil, err
		}
	}
	return restore, nil
}

const panelSettings = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
 <property name="configver" type="int" value="2"/>
 <property name="panels" type="array"><value type="int" value="1"/>
  <property name="dark-mode" type="bool" value="%v"/>
  <property name="panel-1" type="empty">
   <property name="position" type="string" value="p=8;x=0;y=0"/>
   <property name="position-locked" type="bool" value="true"/>
   <property name="length" type="uint" value="100"/>
   <property name="size" type="uint" value="30"/>
   <property name="icon-size" type="uint" value="22"/>
   <property name="plugin-ids" type="array"><value type="int" value="1"/><value type="int" value="2"/></property>
  </property>
 </property>
 <property name="plugins" type="empty">
  <property name="plugin-1" type="string" value="separator"><property name="expand" type="bool" value="true"/><property name="style" type="uint" value="0"/></property>
  <property name="plugin-2" type="string" value="systray"><property name="icon-size" type="int" value="%d"/></property>
 </property>
</channel>
`

// panel starts the desktop's panel, with a tray whose icons have that size.
func (d *desktop) panel(dark bool, iconSize int) error {
	dir := filepath.Join(d.dir, "xfce4", "xfconf", "xfce-perchannel-xml")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "xfce4-panel.xml"), fmt.Appendf(nil, panelSettings, dark, iconSize), 0o600); err != nil {
		return err
	}
	if dark {
		d.env = append(d.env, "GTK_THEME=Adwaita:dark")
	}
	return d.start("xfce4-panel", "--disable-wm-check")
}
