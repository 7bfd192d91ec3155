// Package ask makes a question of package prompt from data, so that a test can show
// every dialog in the same way, even from another process or in wine. Put may be
// called concurrently where the prompter allows it. The package is for tests and
// pictures of the dialogs only: an answer may hold a PIN.
package ask

import (
	"context"
	"errors"
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
)

// Kinds are the questions: each method of a Prompter is one, or more.
var Kinds = []string{"consent", "confirm", "always", "choose", "pin", "insert", "connect", "notice"}

// Question is what to ask.
type Question struct {
	Kind    string // one of Kinds
	Lang    string
	Seconds float64 // the time limit; 0 for none
	Caller  prompt.Caller
	Holders []prompt.Holder
	PIN     prompt.PIN // without caller and holder, which are those above
	Title   string
	Text    string
	Program string // a pinentry program to use for all dialogs
	// Then are the questions of the same login after it. One without a kind asks nothing: it
	// is over when the login is.
	Then []Question
}

// Answer is the outcome of a question.
type Answer struct {
	Row   int    `json:"row"`
	PIN   string `json:"pin,omitempty"`
	Error string `json:"error,omitempty"` // cancelled, never, timeout, unavailable, ended, or another's text
}

// Login asks a question and those after it in one login, until one has an error, and returns
// the last answer.
func Login(ctx context.Context, asker prompt.Prompter, q Question) (a Answer) {
	ctx, asker, end := prompt.Begin(ctx, asker)
	defer end()
	for _, next := range append([]Question{q}, q.Then...) {
		if next.Kind == "" {
			<-ctx.Done()
			return Answer{Error: word(context.Cause(ctx))}
		}
		if a = Put(ctx, asker, next); a.Error != "" {
			return a
		}
	}
	return a
}

// Put asks the question. Its errors are in Answer.
func Put(ctx context.Context, asker prompt.Prompter, q Question) (a Answer) {
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
		err = asker.InsertCard(ctx, q.Lang, q.Caller, true)
	case "connect":
		err = asker.InsertCard(ctx, q.Lang, q.Caller, false)
	case "notice":
		err = asker.Show(ctx, q.Lang, q.Title, q.Text)
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
		{prompt.ErrNever, "never"}, {prompt.ErrCancelled, "cancelled"}, {prompt.ErrTimeout, "timeout"},
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
