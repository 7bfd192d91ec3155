package virtual

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// Commands says what Do understands.
const Commands = `  insert, remove       the card
  plug, unplug         the reader, with its card
  stop, start          the PC/SC service
  delay DURATION       the card's time for each command, such as 25ms; 0 for none
  lock, unlock         the PIN: no try left, or all
  type PIN, cancel     on the reader's pad, while it asks
  state                what there is, and how many commands (APDUs) cards were sent
`

// ErrUnknownCommand says that Do does not know a command.
var ErrUnknownCommand = errors.New("no such command")

// pinPadLimit is how long Do waits for a program to ask the pad.
const pinPadLimit = 10 * time.Second

var errPINPadSilent = errors.New("no program asked for a PIN on the pad")

// Do does what a line says and answers with the state.
func (d *Station) Do(line string) (string, error) {
	command := strings.Fields(line)
	if len(command) == 0 {
		return "", fmt.Errorf("%w; there are:\n%s", ErrUnknownCommand, Commands)
	}
	wanted := 1
	if command[0] == "delay" || command[0] == "type" {
		wanted = 2
	}
	if len(command) != wanted {
		return "", fmt.Errorf("%s takes %d words", command[0], wanted-1)
	}
	if err := d.do(command); err != nil {
		return "", err
	}
	if command[0] == "state" {
		return fmt.Sprintf("%s, %d APDUs", d.State(), d.APDUs()), nil
	}
	return d.State(), nil
}

func (d *Station) do(command []string) error {
	switch command[0] {
	case "insert":
		d.Insert()
	case "remove":
		d.Remove()
	case "plug":
		return d.Plug()
	case "unplug":
		d.Unplug()
	case "stop":
		return d.Stop()
	case "start":
		return d.Start()
	case "delay":
		delay, err := time.ParseDuration(command[1])
		if err != nil || delay < 0 {
			return fmt.Errorf("%q is not a duration such as 25ms", command[1])
		}
		d.SetDelay(delay)
	case "lock":
		d.Card().PIN().SetTriesLeft(0)
	case "unlock":
		d.Card().PIN().SetTriesLeft(1 << 10)
	case "type", "cancel":
		return d.pinPadKeys(command)
	case "state":
	default:
		return fmt.Errorf("%w: %q; there are:\n%s", ErrUnknownCommand, command[0], Commands)
	}
	return nil
}

func (d *Station) pinPadKeys(command []string) error {
	reader := d.Reader()
	if reader == nil || !d.pinPad {
		return errors.New("there is no reader with a pad")
	}
	answered := false
	if command[0] == "cancel" {
		answered = reader.CancelPINPad(pinPadLimit)
	} else {
		answered = reader.Type(command[1], pinPadLimit)
	}
	if !answered {
		return errPINPadSilent
	}
	return nil
}

// State says in one line what there is.
func (d *Station) State() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.service == nil:
		return "service stopped"
	case d.reader == nil:
		return "reader unplugged"
	case !d.in:
		return "no card"
	}
	return fmt.Sprintf("card present, %d tries left", d.card.PIN().TriesLeft())
}

// Serve takes lines on a control socket until ctx ends, and calls ready once it
// does. It is the caller's user who may write to it.
func (d *Station) Serve(ctx context.Context, path string, ready func()) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(err, l.Close())
	}
	ready()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var lines sync.WaitGroup
	defer lines.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		lines.Go(func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(2 * pinPadLimit))
			line, err := bufio.NewReader(io.LimitReader(conn, 1024)).ReadString('\n')
			if err != nil {
				return
			}
			answer, err := d.Do(line)
			if err != nil {
				answer = "error: " + err.Error()
			}
			fmt.Fprintln(conn, answer)
		})
	}
}

// Send sends a line to the station that serves the control socket.
func Send(path, line string) (string, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return "", fmt.Errorf("no virtual card runs there: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(3 * pinPadLimit)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(answer))
	if problem, failed := strings.CutPrefix(text, "error: "); failed {
		return "", errors.New(problem)
	}
	return text, nil
}
