// Command autopin is a pinentry program that answers by itself, in a person's place
// in tests and in the demonstration. It reads its script from its own path with
// ".json" added, and writes what it was asked into the script's log, never the PIN.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

// script says what to answer. Each process is one dialog, so a file counts the
// answers used; the last of a list repeats.
type script struct {
	PIN     []string `json:"pin"`     // a PIN, or cancel, hang, die
	Confirm []string `json:"confirm"` // ok, notok, cancel, hang, die
	Insert  string   `json:"insert"`  // for a dialog with one button: cancel; "" waits
	Log     string   `json:"log"`
	// Socket, where set, is a Unix socket that gets a connection for each GETPIN;
	// the line it answers is the PIN, or another of PIN's values.
	Socket string `json:"socket"`
}

const (
	cancelled    = "ERR 83886179 Operation cancelled <Pinentry>"
	notConfirmed = "ERR 83886194 Not confirmed <Pinentry>"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "autopin:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path + ".json")
	if err != nil {
		return err
	}
	var s script
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	fmt.Fprintln(out, "OK Pleased to meet you")
	lines := bufio.NewScanner(in)
	hang = func() {
		_, _ = io.Copy(io.Discard, in)
		os.Exit(1)
	}
	for lines.Scan() {
		line := lines.Text()
		if err := s.note(line); err != nil {
			return err
		}
		answer := "OK"
		switch {
		case line == "BYE":
			fmt.Fprintln(out, "OK closing connection")
			return nil
		case line == "GETPIN":
			answer = s.getPIN(path)
			if strings.HasPrefix(answer, "D ") {
				if err := s.note("GETPIN answered"); err != nil {
					return err
				}
			}
		case line == "CONFIRM --one-button":
			if s.Insert == "" {
				hang()
			}
			answer = "OK"
		case line == "CONFIRM":
			answer = s.confirm(path)
		}
		fmt.Fprintln(out, answer)
	}
	return lines.Err()
}

func (s script) note(line string) error {
	if s.Log == "" {
		return nil
	}
	f, err := os.OpenFile(s.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

func (s script) getPIN(path string) string {
	pin := ""
	if s.Socket != "" {
		pin = askSocket(s.Socket)
	} else {
		pin = next(path+".pins", s.PIN)
	}
	switch pin {
	case "cancel":
		return cancelled
	case "hang":
		hang()
	case "die":
		os.Exit(1)
	default:
		return "D " + strings.ReplaceAll(pin, "%", "%25") + "\nOK"
	}
	return ""
}

// askSocket returns the socket's answer, "die" where there is none.
func askSocket(path string) string {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return "die"
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "die"
	}
	return strings.TrimSpace(line)
}

func (s script) confirm(path string) string {
	switch next(path+".confirms", s.Confirm) {
	case "ok":
		return "OK"
	case "notok":
		return notConfirmed
	case "hang":
		hang()
	case "die":
		os.Exit(1)
	}
	return cancelled
}

// hang waits, as for a person who does nothing, until the program is killed or its
// parent is gone.
var hang func()

// next returns the list's next answer and counts it as used.
func next(counter string, list []string) string {
	text, _ := os.ReadFile(counter) // absent before the first answer
	n, _ := strconv.Atoi(string(text))
	if err := os.WriteFile(counter, []byte(strconv.Itoa(n+1)), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "autopin:", err)
		os.Exit(1)
	}
	if len(list) == 0 {
		return "cancel"
	}
	return list[min(n, len(list)-1)]
}
