package virtual

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/commandsocket"
)

// Commands describes the commands of Do, as help for people.
const Commands = `  insert, remove       the card; insert card is the same as insert
  insert badge         another card, which no module recognises
  plug, unplug         the reader, with its card
  stop, start          the PC/SC service
  delay DURATION       the card's time for each command, such as 25ms; 0 for none
  lock, unlock         the PIN: no try left, or all
  type PIN, cancel     on the reader's pad, while it asks
  state                what there is, and how many commands (APDUs) cards were sent
`

// ErrUnknownCommand says that Do does not know a command.
var ErrUnknownCommand = errors.New("no such command")

// pinPadLimit is how long Do waits for a program to ask for a PIN on the PIN pad.
const pinPadLimit = 10 * time.Second

var errPINPadSilent = errors.New("no program asked for a PIN on the pad")

// Do carries out a line of Commands and returns the state after it.
func (s *Station) Do(line string) (string, error) {
	command := strings.Fields(line)
	if len(command) == 0 {
		return "", fmt.Errorf("%w; there are:\n%s", ErrUnknownCommand, Commands)
	}
	if command[0] == "insert" && len(command) == 1 {
		command = append(command, "card")
	}
	wanted := 1
	if slices.Contains([]string{"insert", "delay", "type"}, command[0]) {
		wanted = 2
	}
	if len(command) != wanted {
		return "", fmt.Errorf("%s takes %d words", command[0], wanted-1)
	}
	if err := s.do(command); err != nil {
		return "", err
	}
	if command[0] == "state" {
		return fmt.Sprintf("%s, %d APDUs", s.State(), s.APDUs()), nil
	}
	return s.State(), nil
}

func (s *Station) do(command []string) error {
	switch command[0] {
	case "insert":
		return s.insertNamed(command[1])
	case "remove":
		s.Remove()
	case "plug":
		return s.Plug()
	case "unplug":
		s.Unplug()
	case "stop":
		return s.Stop()
	case "start":
		return s.Start()
	case "delay":
		delay, err := time.ParseDuration(command[1])
		if err != nil || delay < 0 {
			return fmt.Errorf("%q is not a duration such as 25ms", command[1])
		}
		s.SetDelay(delay)
	case "lock":
		s.Card().PIN().SetTriesLeft(0)
	case "unlock":
		s.Card().PIN().SetTriesLeft(1 << 10)
	case "type", "cancel":
		return s.pinPadKeys(command)
	case "state":
	default:
		return fmt.Errorf("%w: %q; there are:\n%s", ErrUnknownCommand, command[0], Commands)
	}
	return nil
}

func (s *Station) insertNamed(what string) error {
	switch what {
	case "card":
		s.Insert()
	case "badge":
		s.InsertBadge()
	default:
		return fmt.Errorf("%q is neither card nor badge", what)
	}
	return nil
}

func (s *Station) pinPadKeys(command []string) error {
	reader := s.Reader()
	if reader == nil || !s.pinPad {
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

// State describes in one line the service, the reader and the card.
func (s *Station) State() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.service == nil:
		return "service stopped"
	case s.reader == nil:
		return "reader unplugged"
	case s.inside == nil:
		return "no card"
	case s.inside != s.card:
		return "badge present"
	}
	return fmt.Sprintf("card present, %d tries left", s.card.PIN().TriesLeft())
}

// Serve carries out lines from a control socket until ctx ends. It calls ready once
// it listens. Only the user who called it may write to the socket.
func (s *Station) Serve(ctx context.Context, path string, ready func()) error {
	return commandsocket.Serve(ctx, path, ready, s.Do)
}

// Send sends a line to the station that serves the control socket.
func Send(path, line string) (string, error) {
	return commandsocket.Send(path, line, "virtual card")
}
