package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// screen is a screen without a monitor, with a window manager, on which the browser and the
// agent's windows stand.
type screen struct {
	display string
	running []*exec.Cmd
}

// newScreen starts a screen, which ends with the context.
func newScreen(ctx context.Context) (*screen, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := exec.CommandContext(ctx, "Xvfb", "-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset")
	x.ExtraFiles = []*os.File{w}
	err = x.Start()
	_ = w.Close()
	if err != nil {
		return nil, fmt.Errorf("%w: YES=1 scripts/setup demo installs it", err)
	}
	s := &screen{running: []*exec.Cmd{x}}
	number, err := bufio.NewReader(r).ReadString('\n') // written once it accepts connections
	if err != nil {
		return s, fmt.Errorf("no screen: %w", err)
	}
	s.display = ":" + strings.TrimSpace(number)
	manager := exec.CommandContext(ctx, "openbox", "--sm-disable")
	manager.Env = append(os.Environ(), "DISPLAY="+s.display)
	if err := manager.Start(); err != nil {
		return s, err
	}
	s.running = append(s.running, manager)
	return s, nil
}

// wait returns once the screen has ended.
func (s *screen) wait() {
	for _, cmd := range s.running {
		_ = cmd.Wait()
	}
}

// environment is what a program needs to show its windows there, and nowhere else.
func (s *screen) environment() map[string]string {
	return map[string]string{"DISPLAY": s.display, "WAYLAND_DISPLAY": "", "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
}

// tool runs a program on the screen to its end and returns what it printed.
func (s *screen) tool(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+s.display)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// typePIN does what a person does when the agent asks for the PIN: it waits until the window
// takes keys, and types. The picture is of the screen as it is before that.
func (s *screen) typePIN(ctx context.Context, pin, picture string) error {
	tool := func(name string, args ...string) (string, error) { return s.tool(ctx, name, args...) }
	for ; !testdesktop.AcceptsKeys(tool); time.Sleep(50 * time.Millisecond) {
		if ctx.Err() != nil {
			return errors.New("the agent did not ask for the PIN")
		}
	}
	time.Sleep(200 * time.Millisecond) // it is drawn a moment later
	if _, err := s.tool(ctx, "import", "-window", "root", "-silent", picture); err != nil {
		return err
	}
	keys := append(strings.Split(pin, ""), "Return")
	_, err := s.tool(ctx, "xdotool", append([]string{"key"}, keys...)...)
	return err
}
