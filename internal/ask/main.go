// Command ask shows one dialog as the agent would and prints the person's
// answer, for tests that click and type, also in wine, and for pictures of the
// dialogs. It prints a PIN, so it is for nothing else.
//
// The question is one JSON object on standard input; whatever comes
// after it, its end too, cancels the dialog, as a page does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt/window"
)

// Question is what to ask.
type Question struct {
	Kind    string // consent, confirm, always, choose, pin, insert or tell
	Lang    string
	Seconds float64 // 0: no limit
	Caller  prompt.Caller
	Holders []prompt.Holder
	PIN     prompt.PIN // its caller and holder are those above
	Title   string
	Text    string
	Program string // a pinentry program, for everything
}

// Answer is what came of it.
type Answer struct {
	Row   int    `json:"row"`
	PIN   string `json:"pin,omitempty"`
	Error string `json:"error,omitempty"` // cancelled, timeout, unavailable, ended, or another's text
}

func main() {
	window.RunChildRole()
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	var q Question
	if err == nil {
		err = json.Unmarshal(line, &q)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ask:", err)
		os.Exit(2)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if q.Seconds > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(q.Seconds*float64(time.Second)))
		defer cancel()
	}
	go func() {
		_, _ = in.ReadByte()
		cancel()
	}()
	answer := ask(ctx, q)
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		os.Exit(1)
	}
}

func ask(ctx context.Context, q Question) (a Answer) {
	asker := prompt.New(prompt.Options{
		Program: q.Program, Window: window.Command(), Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	var err error
	switch q.Kind {
	case "consent":
		err = asker.Consent(ctx, q.Lang, q.Caller)
	case "confirm":
		err = asker.Confirm(ctx, q.Lang, q.Caller, q.Holders[0])
	case "always":
		err = asker.Always(ctx, q.Lang, q.Caller)
	case "choose":
		a.Row, err = asker.Choose(ctx, q.Lang, q.Caller, q.Holders)
	case "pin":
		q.PIN.Caller, q.PIN.Holder = q.Caller, q.Holders[0]
		var pin []byte
		pin, err = asker.PIN(ctx, q.Lang, q.PIN)
		a.PIN = string(pin)
	case "insert":
		err = asker.InsertCard(ctx, q.Lang, q.Caller)
	case "tell":
		err = asker.Tell(ctx, q.Lang, q.Title, q.Text)
	default:
		err = fmt.Errorf("no dialog %q", q.Kind)
	}
	a.Error = word(err)
	return a
}

func word(err error) string {
	for _, known := range []struct {
		is   error
		word string
	}{
		{prompt.ErrCancelled, "cancelled"}, {prompt.ErrTimeout, "timeout"},
		{prompt.ErrUnavailable, "unavailable"}, {context.Canceled, "ended"},
	} {
		if errors.Is(err, known.is) {
			return known.word
		}
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
