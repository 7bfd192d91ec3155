package caservice

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Commands describes the commands of Do, as help for people.
const Commands = `  good                 all is well, and nobody is revoked
  revoke CARD          a card, by its name, its holder's identifier or a certificate's number
                       in hex; or the intermediate
  hold CARD            the same, on hold (certificateHold)
  restore CARD         neither any more
  expired              lists and answers whose time is over
  wrong-signer         lists and answers signed with another key
  unreachable          connections end without an answer
  slow DURATION        answers come after so long, such as 20s
  huge [ENTRIES]       lists of so many entries (200000), answers as long
  page                 a page of HTML instead, as networks send that want a login first
  well                 the end of the last six; who is revoked stays so
  state                what it does, and how often it was asked
  crl or ocsp before one of those six, or before well, is for one of the two alone.
`

// ErrUnknownCommand says that Do does not know a command.
var ErrUnknownCommand = errors.New("no such command")

// fault is what is wrong with the service.
type fault struct {
	name    string
	delay   time.Duration
	entries int
}

const (
	expired     = "expired"
	wrongSigner = "wrong-signer"
	unreachable = "unreachable"
	slow        = "slow"
	huge        = "huge"
	page        = "page"
	well        = "well"

	hugeEntries = 200_000
	mostEntries = 5_000_000
)

func (f fault) String() string {
	switch f.name {
	case "":
		return well
	case slow:
		return fmt.Sprintf("%s %s", slow, f.delay)
	case huge:
		return fmt.Sprintf("%s %d", huge, f.entries)
	}
	return f.name
}

// Do carries out a line of Commands and returns the state after it.
func (s *Service) Do(line string) (string, error) {
	command := strings.Fields(line)
	of := []kind{lists, ocsps}
	if len(command) > 1 && (command[0] == string(lists) || command[0] == string(ocsps)) {
		of = []kind{kind(command[0])}
		command = command[1:]
	}
	if len(command) == 0 {
		return "", fmt.Errorf("%w; there are:\n%s", ErrUnknownCommand, Commands)
	}
	word, rest := command[0], command[1:]
	var err error
	switch word {
	case "state", "good", "revoke", "hold", "restore":
		if len(of) == 1 {
			return "", fmt.Errorf("%s is for both, crl and ocsp", word)
		}
		err = s.doRevocation(word, rest)
	default:
		err = s.doFault(of, word, rest)
	}
	if err != nil {
		return "", err
	}
	return s.state(), nil
}

func (s *Service) doRevocation(word string, rest []string) error {
	wanted := 1
	if word == "state" || word == "good" {
		wanted = 0
	}
	if len(rest) != wanted {
		return fmt.Errorf("%s has %d words after it", word, wanted)
	}
	if word == "state" {
		return nil
	}
	if word == "good" {
		s.mu.Lock()
		defer s.mu.Unlock()
		for number, r := range s.revoked {
			s.revoked[number] = revocation{r.cert, s.o.Now(), removeFromCRL}
		}
		clear(s.faults)
		clear(s.lists)
		return nil
	}
	found, err := s.o.Find(rest[0])
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cert := range found {
		number := cert.SerialNumber.Text(16)
		switch word {
		case "revoke":
			s.revoked[number] = revocation{cert, s.o.Now(), 1} // keyCompromise, as of a card that was lost
		case "hold":
			s.revoked[number] = revocation{cert, s.o.Now(), 6}
		case "restore":
			if _, was := s.revoked[number]; was {
				s.revoked[number] = revocation{cert, s.o.Now(), removeFromCRL}
			}
		}
	}
	clear(s.lists)
	return nil
}

func (s *Service) doFault(of []kind, word string, rest []string) error {
	f := fault{name: word, entries: hugeEntries}
	var err error
	switch {
	case word == slow && len(rest) == 1:
		if f.delay, err = time.ParseDuration(rest[0]); err != nil || f.delay < 0 {
			return fmt.Errorf("%q is not a duration such as 20s", rest[0])
		}
	case word == huge && len(rest) == 1:
		if f.entries, err = strconv.Atoi(rest[0]); err != nil || f.entries < 0 || f.entries > mostEntries {
			return fmt.Errorf("%q is not a number of entries, at most %d", rest[0], mostEntries)
		}
	case word == slow:
		return errors.New("slow has a duration after it, such as 20s")
	case !slices.Contains([]string{expired, wrongSigner, unreachable, huge, page, well}, word):
		return fmt.Errorf("%w: %q; there are:\n%s", ErrUnknownCommand, word, Commands)
	case len(rest) > 0:
		return fmt.Errorf("nothing comes after %s", word)
	}
	if word == well {
		f = fault{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range of {
		s.faults[k] = f
	}
	clear(s.lists)
	return nil
}

// state describes the service in one line.
func (s *Service) state() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	revoked := 0
	for _, r := range s.revoked {
		if r.code != removeFromCRL {
			revoked++
		}
	}
	return fmt.Sprintf("crl %s, asked %d times; ocsp %s, asked %d times; %d certificates revoked",
		s.faults[lists], s.asked[lists], s.faults[ocsps], s.asked[ocsps], revoked)
}
