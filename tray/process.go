package tray

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

const (
	// writeLimit is how long the menu's process may take to read a menu; it reads
	// independently of its toolkit.
	writeLimit = 20 * time.Second
	// endLimit is how long it may take to end by itself.
	endLimit = 2 * time.Second
	maxClick = 4 << 10

	folderPrefix = "cpx-bridge-tray-"
)

// process is the menu's process on the agent's side.
type process struct {
	log    *slog.Logger
	cmd    *exec.Cmd
	in     *os.File
	out    *os.File
	clicks chan click // closed after the last
	ended  chan struct{}
	folder string // for the toolkit's files
}

// start starts this program again in the menu's role.
func start(log *slog.Logger) (*process, error) {
	cmd, err := role.TrayMenu.Command(context.Background())
	if err != nil {
		return nil, err
	}
	// The toolkit passes its icons on as files. In a folder of their own they can
	// be removed with the process, however it ends.
	folder, err := os.MkdirTemp(dirs.Runtime(), folderPrefix)
	if err != nil {
		if folder, err = os.MkdirTemp("", folderPrefix); err != nil {
			return nil, err
		}
	}
	cmd.Env = append(os.Environ(), "TMPDIR="+folder, "TMP="+folder)
	cmd.WaitDelay = endLimit
	printed, output := io.Pipe()
	cmd.Stderr = output
	p := &process{log: log, cmd: cmd, clicks: make(chan click), ended: make(chan struct{}), folder: folder}
	if p.in, p.out, err = role.Start(cmd); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	go p.listen()
	go p.logOutput(printed)
	go func() {
		_ = cmd.Wait()
		_ = output.Close()
		close(p.ended)
	}()
	return p, nil
}

// listen passes clicks on until the process ends.
func (p *process) listen() {
	defer close(p.clicks)
	lines := bufio.NewScanner(p.in)
	lines.Buffer(nil, maxClick)
	for lines.Scan() {
		var c click
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			p.log.Warn("the tray's process sent a malformed message", "error", err)
			return
		}
		select {
		case p.clicks <- c:
		case <-p.ended:
			return
		}
	}
}

// logOutput logs what the toolkit prints.
func (p *process) logOutput(printed *io.PipeReader) {
	lines := bufio.NewScanner(printed)
	lines.Buffer(nil, maxClick)
	for lines.Scan() {
		if lines.Text() != "" {
			p.log.Debug("the tray's toolkit", "says", lines.Text())
		}
	}
	_, _ = io.Copy(io.Discard, printed) // after a line that is too long
}

// show sends the menu. A process that does not read is killed.
func (p *process) show(menu []byte) error {
	timer := time.AfterFunc(writeLimit, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_, err := p.out.Write(append(menu, '\n'))
	return err
}

// why waits for the process to end and returns how it did.
func (p *process) why(cause error) error {
	p.end()
	switch p.cmd.ProcessState.ExitCode() {
	case role.ExitNoDisplay:
		return errNoDisplay
	case role.ExitNoToolkit:
		return errNoToolkit
	case role.ExitRestart:
		return errRestart
	}
	err := fmt.Errorf("tray: its process ended (%s)", p.cmd.ProcessState)
	return errors.Join(err, cause)
}

// end lets the process end by itself, and kills it where it does not.
func (p *process) end() {
	_ = p.out.Close() // it ends when its input does
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	select {
	case <-p.ended:
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	_ = p.in.Close()
	_ = os.RemoveAll(p.folder)
}
