package window

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/ask"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestLogin: a login's questions stand in one window, one after the other, without a
// second wait for quiet; between two of them the window says what happens.
func TestLogin(t *testing.T) {
	s := screen(t)
	s.Manage()
	ctx, login, end := prompt.Begin(t.Context(), dialogs())
	var window string
	for i, c := range []struct {
		kind, keys string
		change     func(*prompt.PIN)
		want       ask.Answer
	}{
		{"consent", "Tab Return", nil, yes},
		{"insert", "", nil, ask.Answer{Error: "ended"}},
		{"choose", "Down Return", nil, ask.Answer{Row: 1}},
		{"pin", "1 2 4 3 Return", nil, ask.Answer{PIN: "1243"}},
		{"pin", "1 2 3 4 BackSpace 5 Return", func(p *prompt.PIN) { p.WrongPIN = true }, ask.Answer{PIN: "1235"}},
	} {
		q := question(c.kind, "fr")
		if c.change != nil {
			c.change(&q.PIN)
		}
		a := begin(ctx, login, q)
		if window == "" {
			window = s.Find(dialogTitle)
		}
		s.Role(window, "cpx-ready-"+strconv.Itoa(2*i+1))
		s.InFront(window)
		if c.keys == "" {
			a.cancel()
		} else {
			s.Do(append([]string{"key"}, strings.Fields(c.keys)...)...)
		}
		if got := testdesktop.Await(t, a.answer); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.kind, got, c.want)
		}
		s.Role(window, "cpx-busy-"+strconv.Itoa(2*i+2))
		if now := s.Find(dialogTitle); now != window {
			t.Errorf("after %s another window stands", c.kind)
		}
		s.InFront(window)
	}
	s.Do("key", "Return", "space", "1")
	if ctx.Err() != nil {
		t.Error("Enter cancels a window that asks nothing")
	}
	s.Do("key", "Escape")
	<-ctx.Done()
	if context.Cause(ctx) != prompt.ErrCancelled {
		t.Error(context.Cause(ctx))
	}
	s.Gone(dialogTitle) // at once
	end()
}
