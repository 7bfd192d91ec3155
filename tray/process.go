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
	// writeLimit is how long the menu's process may take to read; it reads
	// whatever its toolkit does.
	writeLimit = 20 * time.Second
	// endLimit is how long it has to end by itself.
	endLimit = 2 * time.Second
	maxClick = 4 << 10

	folderPrefix = "cpx-bridge-tray-"
)

// process is the menu's process as the agent sees it.
type process struct {
	log    *slog.Logger
	cmd    *exec.Cmd
	in     *os.File
	out    *os.File
	clicks chan click // closed when it said its last
	ended  chan struct{}
	folder string // for what the toolkit writes
}

// start starts this program again in the menu's role.
func start(log *slog.Logger) (*process, error) {
	cmd, err := role.TrayMenu.Command(context.Background())
	if err != nil {
		return nil, err
	}
	// The toolkit hands its icons over as files. In a folder of their own they
	// go with it, however it ends.
	folder, err := os.MkdirTemp(dirs.Runtime(), folderPrefix)
	if err != nil {
		if folder, err = os.MkdirTemp("", folderPrefix); err != nil {
			return nil, err
		}
	}
	cmd.Env = append(os.Environ(), "TMPDIR="+folder, "TMP="+folder)
	cmd.WaitDelay = endLimit
	said, words := io.Pipe()
	cmd.Stderr = words
	p := &process{log: log, cmd: cmd, clicks: make(chan click), ended: make(chan struct{}), folder: folder}
	if p.in, p.out, err = role.Start(cmd); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	go p.listen()
	go p.overhear(said)
	go func() {
		_ = cmd.Wait()
		_ = words.Close()
		close(p.ended)
	}()
	return p, nil
}

// listen hands on what is clicked until the process ends.
func (p *process) listen() {
	defer close(p.clicks)
	lines := bufio.NewScanner(p.in)
	lines.Buffer(nil, maxClick)
	for lines.Scan() {
		var c click
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			p.log.Warn("the tray's process says nonsense", "error", err)
			return
		}
		select {
		case p.clicks <- c:
		case <-p.ended:
			return
		}
	}
}

// overhear logs what the toolkit prints.
func (p *process) overhear(said *io.PipeReader) {
	lines := bufio.NewScanner(said)
	lines.Buffer(nil, maxClick)
	for lines.Scan() {
		if lines.Text() != "" {
			p.log.Debug("the tray's toolkit", "says", lines.Text())
		}
	}
	_, _ = io.Copy(io.Discard, said) // after a line too long
}

// show sends the menu. A process that does not read is ended.
func (p *process) show(menu []byte) error {
	timer := time.AfterFunc(writeLimit, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_, err := p.out.Write(append(menu, '\n'))
	return err
}

// why waits for the process to end and says how it did.
func (p *process) why(cause error) error {
	p.end()
	switch p.cmd.ProcessState.ExitCode() {
	case role.ExitNoDisplay:
		return errNoDisplay
	case role.ExitRestart:
		return errAnew
	}
	err := fmt.Errorf("tray: its process ended (%s)", p.cmd.ProcessState)
	return errors.Join(err, cause)
}

// end lets the process end by itself, and ends it where it does not.
func (p *process) end() {
	_ = p.out.Close() // its end of file
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
