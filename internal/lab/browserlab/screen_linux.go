package browserlab

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	screenWidth, screenHeight = 1280, 1000

	// patience bounds every wait.
	patience = 60 * time.Second
	// between is the pause between two readings of what sends no event.
	between = 25 * time.Millisecond
)

// screen is a display without a monitor, with a window manager, a session bus and
// the bus of screen readers.
type screen struct {
	display, bus string
	frame        string // the file that holds the X server's picture
	env          []string
	readers      *dbus.Conn // the bus of screen readers
	started      []*exec.Cmd
}

func newScreen(ctx context.Context, dir string) (_ *screen, err error) {
	s := &screen{frame: filepath.Join(dir, "Xvfb_screen0")}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	number, err := s.daemon(ctx, "Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", screenWidth, screenHeight), "-fbdir", dir, "-nolisten", "tcp", "-noreset")
	if err != nil {
		return nil, err
	}
	s.display = ":" + number
	// Programs that the bus starts, above all the bus of screen readers, have their
	// sockets in the runtime folder, which must not be another session's.
	s.env = append(os.Environ(), "DISPLAY="+s.display, "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "WAYLAND_DISPLAY=", "DBUS_SESSION_BUS_ADDRESS=")
	if s.bus, err = s.daemon(ctx, "dbus-daemon", "--session", "--nofork", "--print-address=3"); err != nil {
		return nil, err
	}
	s.env = append(s.env, "DBUS_SESSION_BUS_ADDRESS="+s.bus)
	if _, err := s.start(exec.CommandContext(ctx, "openbox"), nil); err != nil {
		return nil, err
	}
	s.readers, err = s.readersBus(ctx)
	return s, err
}

// start starts a program on the screen; output, where not nil, is its descriptor 3.
func (s *screen) start(cmd *exec.Cmd, output *os.File) (*exec.Cmd, error) {
	cmd.Env = s.env
	if output != nil {
		cmd.ExtraFiles = []*os.File{output}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w (scripts/setup browsers installs it)", err)
	}
	s.started = append(s.started, cmd)
	return cmd, nil
}

// daemon starts a program and returns the line that it writes to descriptor 3.
func (s *screen) daemon(ctx context.Context, name string, args ...string) (string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	_, err = s.start(exec.CommandContext(ctx, name, args...), w)
	if err = errors.Join(err, w.Close(), r.SetReadDeadline(time.Now().Add(patience))); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimSpace(line), nil
}

func (s *screen) close() {
	if s.readers != nil {
		_ = s.readers.Close()
	}
	for i := len(s.started) - 1; i >= 0; i-- {
		_ = s.started[i].Process.Kill()
		_ = s.started[i].Wait()
	}
}

// click clicks with the mouse at a point of the screen. It need not wait between
// moving and clicking: the X server processes them in order.
func (s *screen) click(ctx context.Context, at image.Point) error {
	return s.xdotool(ctx, "mousemove", strconv.Itoa(at.X), strconv.Itoa(at.Y), "click", "1")
}

// press presses a key.
func (s *screen) press(ctx context.Context, key string) error { return s.xdotool(ctx, "key", key) }

func (s *screen) xdotool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "xdotool", args...)
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("xdotool %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// picture saves the screen as a PNG. The X server's file is an XWD dump: a header
// of big-endian 32-bit fields, of which the first is its length, then colours, then
// lines of BGRX pixels.
func (s *screen) picture(path string) error {
	text, err := os.ReadFile(s.frame)
	if err != nil {
		return err
	}
	const fields = 25
	if len(text) < 4*fields {
		return fmt.Errorf("%s: %d bytes", s.frame, len(text))
	}
	var head [fields]uint32
	for i := range head {
		head[i] = binary.BigEndian.Uint32(text[4*i:])
	}
	size, width, height, line, colours := head[0], int(head[4]), int(head[5]), int(head[12]), head[19]
	pixels := text[min(int(size+12*colours), len(text)):]
	if head[11] != 32 || len(pixels) < line*height || line < 4*width {
		return fmt.Errorf("%s: %d bits a pixel, %d bytes a line, %d bytes", s.frame, head[11], line, len(pixels))
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			p := pixels[y*line+4*x:]
			img.SetRGBA(x, y, color.RGBA{p[2], p[1], p[0], 255})
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(file, img), file.Close())
}
