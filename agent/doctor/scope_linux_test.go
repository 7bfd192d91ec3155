package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// TestScopes: only findings of the scopes that are wanted are reported, and they alone make
// the outcome.
func TestScopes(t *testing.T) {
	o := healthy(t)
	o.Autostart = func() (Start, error) { return Start{}, nil }
	o.Readers = func(context.Context) ([]pcsc.Reader, error) { return nil, nil }
	o.Cards = func(context.Context) (state.Cards, error) {
		return state.Cards{Modules: []state.Module{{Path: "m.so"}}, Readers: []state.Reader{{Name: "TEST", Card: "TEST", PIN: state.PINLocked}}}, nil
	}
	whole := Run(t.Context(), o)
	asTheSchemaSays(t, whole)
	for _, c := range []struct {
		scopes  []Scope
		outcome Outcome
		has     string
		hasNot  string
	}{
		{of(OfMachine), Problem, "no_autostart", "no_reader"}, {of(OfReader), Problem, "no_reader", "module_works"},
		{of(OfCard), Problem, "pin_locked", "no_reader"}, {of(OfPerson), Problem, "no_autostart", "pin_locked"},
		{of(OfMachine, OfReader), Problem, "no_reader", "pin_locked"},
	} {
		o.Scopes = c.scopes
		r := Run(t.Context(), o)
		asTheSchemaSays(t, r)
		for _, f := range r.Findings {
			if !slices.Contains(c.scopes, f.Scope) {
				t.Errorf("%v: %+v", c.scopes, f)
			}
		}
		if found := codes(r); r.Outcome != c.outcome || !slices.Contains(found, c.has) || slices.Contains(found, c.hasNot) || len(found) >= len(whole.Findings) {
			t.Errorf("%v: %s %v", c.scopes, r.Outcome, found)
		}
		asks := strings.Contains(text(t, r), "autostart enable")
		if asks != slices.Contains(c.scopes, OfPerson) {
			t.Errorf("%v: what root is to do: %v", c.scopes, asks)
		}
	}
}

// TestIgnore: what is left out is neither in the findings nor in the outcome, and is named.
func TestIgnore(t *testing.T) {
	o := healthy(t)
	o.Readers = func(context.Context) ([]pcsc.Reader, error) { return nil, nil }
	if r := Run(t.Context(), o); r.Outcome != Problem || len(r.Ignored) != 0 {
		t.Fatalf("%+v", r)
	}
	o.Ignore = []string{"no_reader"}
	r := Run(t.Context(), o)
	asTheSchemaSays(t, r)
	if r.Outcome == Problem || slices.Contains(codes(r), "no_reader") || !slices.Equal(r.Ignored, o.Ignore) {
		t.Errorf("%+v", r)
	}
}

// TestOfEverybody: without the person nothing of who runs doctor is asked or looked at, and
// nothing names another account.
func TestOfEverybody(t *testing.T) {
	o := healthy(t)
	o.Scopes = of(OfMachine, OfReader, OfCard)
	never := func(what string) { t.Errorf("%s was asked", what) }
	o.Display = func() bool { never("the display"); return true }
	o.Keyring = func(context.Context) error { never("the keyring"); return nil }
	o.Watch = func(context.Context) error { never("the desktop session"); return nil }
	o.Answers = func(context.Context) (state.State, error) { never("the agent"); return state.State{}, nil }
	o.Menu = func() (Start, error) { never("the menu"); return Start{}, nil }
	o.HowToStart = func() string { return "start it" }
	first := o.Policy.Ports.First
	o.Sockets = func([]int) ([]Socket, error) {
		return []Socket{{Port: first, Account: "4242", Program: "/usr/bin/cpx-agent", PID: 7}, {Port: first + 1, Account: "S-1-5-21-1-2-3-1001", Program: "/usr/bin/other", PID: 8}}, nil
	}
	o.Policy.Pinentry = ""
	r := Run(t.Context(), o)
	find(t, r, "port_other_agent")
	find(t, r, "port_other_program")
	find(t, r, "dialog_window")
	if said := text(t, r); strings.Contains(said, "4242") || strings.Contains(said, "S-1-5-21") || strings.Contains(said, "start it") {
		t.Error(said)
	}
	o.Identity = true
	if said := text(t, Run(t.Context(), o)); !strings.Contains(said, "4242") {
		t.Error(said)
	}
}

// TestSettingsOfWhom: settings that are bad are the person's or the machine's by their file.
func TestSettingsOfWhom(t *testing.T) {
	o := healthy(t)
	o.Policy = load(t, "[origins]\nmode = \"listed\"\n", "[origins]\nmode = \"ask\"\n")
	r := Run(t.Context(), o)
	if f := find(t, r, "setting_not_taken"); f.Scope != OfMachine {
		t.Errorf("%+v", f)
	}
	o.OwnSettings = o.Policy.Warnings[0].File
	if f := find(t, Run(t.Context(), o), "setting_not_taken"); f.Scope != OfPerson {
		t.Errorf("%+v", f)
	}
	o.Scopes = of(OfMachine)
	if r := Run(t.Context(), o); slices.Contains(codes(r), "setting_not_taken") {
		t.Errorf("%+v", r)
	}
}

// TestOverdueOfEverybody: a check that does not answer counts, whatever it would have found.
func TestOverdueOfEverybody(t *testing.T) {
	o := healthy(t)
	o.Scopes, o.Limit = of(OfMachine), 1
	o.Cards = func(ctx context.Context) (state.Cards, error) { <-ctx.Done(); select {} }
	r := Run(t.Context(), o)
	if f := find(t, r, "late"); f.Scope != OfMachine || r.Outcome != Problem {
		t.Errorf("%+v", r)
	}
	o.Cards = func(context.Context) (state.Cards, error) { panic(errors.New("TEST")) }
	o.Limit = 0
	if f := find(t, Run(t.Context(), o), "failed"); f.Scope != OfMachine {
		t.Errorf("%+v", f)
	}
}
