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

// Words says what Do understands.
const Words = `  insert, remove       the card
  plug, unplug         the reader, with its card
  stop, start          the PC/SC service
  delay DURATION       the card's time for each command, such as 25ms; 0 for none
  lock, unlock         the PIN: no try left, or all
  type PIN, cancel     on the reader's pad, while it asks
  state                what there is, and how many commands (APDUs) cards were sent
`

// ErrUnknownWord says that Do does not know a command.
var ErrUnknownWord = errors.New("no such command")

// padLimit is how long Do waits for a program to ask the pad.
const padLimit = 10 * time.Second

var errPadSilent = errors.New("no program asked for a PIN on the pad")

// Do does what a line says and answers with the state.
func (d *Desk) Do(line string) (string, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return "", fmt.Errorf("%w; there are:\n%s", ErrUnknownWord, Words)
	}
	wanted := 1
	if words[0] == "delay" || words[0] == "type" {
		wanted = 2
	}
	if len(words) != wanted {
		return "", fmt.Errorf("%s takes %d words", words[0], wanted-1)
	}
	if err := d.do(words); err != nil {
		return "", err
	}
	if words[0] == "state" {
		return fmt.Sprintf("%s, %d APDUs", d.State(), d.APDUs()), nil
	}
	return d.State(), nil
}

func (d *Desk) do(words []string) error {
	switch words[0] {
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
		delay, err := time.ParseDuration(words[1])
		if err != nil || delay < 0 {
			return fmt.Errorf("%q is not a duration such as 25ms", words[1])
		}
		d.SetDelay(delay)
	case "lock":
		d.Card().PIN().SetLeft(0)
	case "unlock":
		d.Card().PIN().SetLeft(1 << 10)
	case "type", "cancel":
		return d.pad(words)
	case "state":
	default:
		return fmt.Errorf("%w: %q; there are:\n%s", ErrUnknownWord, words[0], Words)
	}
	return nil
}

func (d *Desk) pad(words []string) error {
	reader := d.Reader()
	if reader == nil || !d.pinPad {
		return errors.New("there is no reader with a pad")
	}
	answered := false
	if words[0] == "cancel" {
		answered = reader.CancelPad(padLimit)
	} else {
		answered = reader.Type(words[1], padLimit)
	}
	if !answered {
		return errPadSilent
	}
	return nil
}

// State says in one line what there is.
func (d *Desk) State() string {
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
	return fmt.Sprintf("card present, %d tries left", d.card.PIN().Left())
}

// Serve takes lines on a control socket until ctx ends, and calls ready once it
// does. It is the caller's user who may write to it.
func (d *Desk) Serve(ctx context.Context, path string, ready func()) error {
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
			_ = conn.SetDeadline(time.Now().Add(2 * padLimit))
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

// Tell sends a line to the desk that serves the control socket.
func Tell(path, line string) (string, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return "", fmt.Errorf("no virtual card runs there: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(3 * padLimit)); err != nil {
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
