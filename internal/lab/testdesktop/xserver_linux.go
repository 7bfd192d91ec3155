package testdesktop

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// XServer is a display that a test can kill and start again.
type XServer struct {
	T       testing.TB
	Display string
	size    string
	cmd     *exec.Cmd
}

// usualSize is that of a screen, in pixels.
const usualSize = "900x600"

// NewXServer starts one. Its number is far from those that servers choose by
// themselves, so that no other server uses it in the meantime.
func NewXServer(t testing.TB) *XServer {
	t.Helper()
	return newXServer(t, usualSize)
}

func newXServer(t testing.TB, size string) *XServer {
	t.Helper()
	x := &XServer{T: t, size: size}
	var err error
	for range 5 {
		x.Display = fmt.Sprintf(":%d", 2000+rand.IntN(50000))
		if err = x.start(); err == nil {
			t.Cleanup(x.end)
			return x
		}
	}
	t.Fatal(err)
	return nil
}

// Start starts the server again under the same name.
func (x *XServer) Start() {
	x.T.Helper()
	if err := x.start(); err != nil {
		x.T.Fatal(err)
	}
}

func (x *XServer) start() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	x.cmd = exec.Command(need.Program(x.T, "Xvfb"), x.Display, "-displayfd", "3", "-screen", "0", x.size+"x24", "-nolisten", "tcp", "-noreset")
	x.cmd.ExtraFiles = []*os.File{w}
	err = x.cmd.Start()
	_ = w.Close()
	if err != nil {
		return err
	}
	_ = r.SetReadDeadline(time.Now().Add(Patience))
	if _, err := bufio.NewReader(r).ReadString('\n'); err != nil { // written once it accepts connections
		x.Kill()
		return fmt.Errorf("display %s: %w", x.Display, err)
	}
	return nil
}

// end ends the server, which removes its socket and its lock.
func (x *XServer) end() {
	_ = x.cmd.Process.Signal(syscall.SIGTERM)
	_ = x.cmd.Wait()
	for _, path := range []string{"/tmp/.X11-unix/X" + x.Display[1:], "/tmp/.X" + x.Display[1:] + "-lock"} {
		_ = os.Remove(path) // left by a server that was killed and not started again
	}
}

// Kill kills the server, and waits until it is gone.
func (x *XServer) Kill() {
	_ = x.cmd.Process.Kill()
	_ = x.cmd.Wait()
}
