package main

import (
	"context"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
)

// loginAsker is a prompter with one login's window.
type loginAsker struct {
	prompt.Prompter
	stands, fronts int
}

func (l *loginAsker) Begin(ctx context.Context) (context.Context, prompt.Prompter, func()) {
	l.stands++
	return ctx, l, func() { l.stands-- }
}

func (l *loginAsker) ToFront() bool {
	l.fronts++
	return l.stands > 0
}

// TestToFrontAfterNewSettings: a question that stands since before the settings changed comes
// to the front too, and none of a login that is over.
func TestToFrontAfterNewSettings(t *testing.T) {
	var live livePrompter
	before, after := &loginAsker{}, &loginAsker{}
	live.replace(before)
	_, _, end := live.Begin(t.Context())
	live.replace(after)
	if !live.ToFront() || before.fronts != 1 || after.fronts != 1 {
		t.Errorf("while a login stands: %+v, %+v", before, after)
	}
	end()
	if live.ToFront() || before.fronts != 1 {
		t.Errorf("after it: %+v, %+v", before, after)
	}
}
