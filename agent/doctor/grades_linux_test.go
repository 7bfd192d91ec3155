package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// twoCards are a good card and another one, as reported after reading them.
func twoCards(o *Options, other state.Reader, reason string) {
	const good = "TEST reader"
	o.Cards = func(context.Context) (state.Cards, error) {
		return state.Cards{
			Modules: []state.Module{{Path: "/opt/test.so", Info: "TEST"}},
			Readers: []state.Reader{{Name: good, Card: "CPS TEST"}, other},
			Certificates: []state.Certificate{
				{ID: "01", Kind: "CPS", Reader: good, Reason: "not_for_authentication"},
				{ID: "02", Kind: "CPS", Reader: good, Usable: true, NotAfter: time.Date(2029, 1, 2, 0, 0, 0, 0, time.UTC)},
				{ID: "03", Kind: "CPS", Reader: other.Name, Reason: reason, NotAfter: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)},
			},
		}, nil
	}
}

// TestAnotherCard: what is wrong with one card is a problem only where no other card
// is good.
func TestAnotherCard(t *testing.T) {
	for reason, c := range map[string]struct {
		code  string
		other state.Reader
	}{
		"expired":         {"certificate_expired", state.Reader{Name: "OTHER reader", Card: "CPF TEST"}},
		"unreadable":      {"certificate_unreadable", state.Reader{Name: "OTHER reader", Card: "CPF TEST"}},
		"no_key":          {"certificate_no_key", state.Reader{Name: "OTHER reader", Card: "CPF TEST"}},
		"key_unsupported": {"certificate_key_unsupported", state.Reader{Name: "OTHER reader", Card: "CPF TEST"}},
		"pin_locked":      {"pin_locked", state.Reader{Name: "OTHER reader", Card: "CPF TEST", PIN: state.PINLocked}},
		"pin_expired":     {"pin_expired", state.Reader{Name: "OTHER reader", Card: "CPF TEST", PIN: state.PINExpired}},
		"pin_not_set":     {"pin_not_set", state.Reader{Name: "OTHER reader", Card: "CPF TEST", PIN: state.PINNotSet}},
	} {
		o := healthy(t)
		twoCards(&o, c.other, reason)
		r := Run(t.Context(), o)
		if f := find(t, r, c.code); f.Outcome != Notice || f.Next == "" || r.Outcome != Notice {
			t.Errorf("%s beside a good card: %+v, the report is %s", reason, f, r.Outcome)
		}
		find(t, r, "card_usable")
		all := o.Cards
		o.Cards = func(ctx context.Context) (state.Cards, error) {
			list, err := all(ctx)
			list.Readers, list.Certificates = list.Readers[1:], list.Certificates[2:]
			return list, err
		}
		r = Run(t.Context(), o)
		if f := find(t, r, c.code); f.Outcome != Problem || r.Outcome != Problem || slices.Contains(codes(r), "card_usable") {
			t.Errorf("%s alone: %+v, the report is %s", reason, f, r.Outcome)
		}
	}
}

// TestChosenCard: the next login uses the chosen card, so its locked PIN is a
// problem, whatever other card there is.
func TestChosenCard(t *testing.T) {
	for reason, pin := range map[string]state.PIN{"pin_locked": state.PINLocked, "pin_not_set": state.PINNotSet, "pin_expired": state.PINExpired} {
		for _, lang := range []string{"fr", "en"} {
			o := healthy(t)
			o.Lang = lang
			twoCards(&o, state.Reader{Name: "OTHER reader", Card: "CPF TEST", PIN: pin}, reason)
			all := o.Cards
			o.Cards = func(ctx context.Context) (state.Cards, error) {
				list, err := all(ctx)
				list.Certificates[2].Chosen = true
				return list, err
			}
			r := Run(t.Context(), o)
			f := find(t, r, "certificate_"+reason)
			if f.Outcome != Problem || !strings.Contains(f.Next, "cpx-agent certs use") || r.Outcome != Problem || slices.Contains(codes(r), "card_usable") {
				t.Errorf("%s, %s: %+v in %v", lang, reason, f, codes(r))
			}
			if f := find(t, r, reason); f.Outcome != Problem {
				t.Errorf("%s: %+v", lang, f)
			}
			two := o.Cards
			o.Cards = func(ctx context.Context) (state.Cards, error) { // without any other card
				list, err := two(ctx)
				list.Readers, list.Certificates = list.Readers[1:], list.Certificates[2:]
				return list, err
			}
			r = Run(t.Context(), o)
			if f := find(t, r, "certificate_"+reason); strings.Contains(f.Next, "certs use") || find(t, r, reason).Outcome != Problem {
				t.Errorf("%s, %s: %+v", lang, reason, f)
			}
		}
	}
}

// TestNoCardWithoutReader: inserting a card is advised only where there is a reader.
func TestNoCardWithoutReader(t *testing.T) {
	for name, c := range map[string]struct {
		list []pcsc.Reader
		err  error
		pcsc string
	}{
		"no reader":  {},
		"no service": {nil, pcsc.ErrNoService, "no_service"},
		"no library": {nil, pcsc.ErrNoLibrary, "no_service"},
	} {
		o := healthy(t)
		o.Readers = func(context.Context) ([]pcsc.Reader, error) { return c.list, c.err }
		o.Cards = func(context.Context) (state.Cards, error) {
			return state.Cards{PCSC: c.pcsc, Modules: []state.Module{{Path: "/opt/test.so"}}}, nil
		}
		if r := Run(t.Context(), o); slices.Contains(codes(r), "no_card") || r.Outcome != Problem {
			t.Errorf("%s: %v", name, codes(r))
		}
	}
}

// TestPinentrySetting: a program that exists and cannot be run is not reported as
// missing.
func TestPinentrySetting(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pinentry")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for lang, missing := range map[string]string{"fr": "n’existe pas", "en": "does not exist"} {
		for _, display := range []string{"", ":99999"} {
			t.Setenv("WAYLAND_DISPLAY", "")
			t.Setenv("DISPLAY", display)
			for program, gone := range map[string]bool{file: false, filepath.Dir(file): false, file + "-gone": true} {
				o := healthy(t)
				o.Lang, o.Policy.Pinentry = lang, program
				if f := find(t, Run(t.Context(), o), "no_dialog_program"); strings.Contains(f.Next, missing) != gone || !strings.Contains(f.Next, program) {
					t.Errorf("%s, %q: %+v", lang, display, f)
				}
			}
		}
	}
}

// TestCertificateLines: each line is distinguishable without a holder's name, and
// none contradicts itself.
func TestCertificateLines(t *testing.T) {
	for lang, want := range map[string][]string{
		"fr": {"Lecteur TEST reader, certificat 1 (CPS) : sert à autre chose", "Lecteur TEST reader, certificat 2 (CPS) : utilisable, valable jusqu’au 02/01/2029", "Lecteur OTHER reader, certificat 1 (CPS) : a expiré le 02/01/2026."},
		"en": {"Reader TEST reader, certificate 1 (CPS): is for something other", "certificate 2 (CPS): usable, valid until 2 January 2029", "Reader OTHER reader, certificate 1 (CPS): expired on 2 January 2026."},
	} {
		o := healthy(t)
		o.Lang = lang
		twoCards(&o, state.Reader{Name: "OTHER reader", Card: "CPF TEST"}, "expired")
		var lines []string
		for _, f := range Run(t.Context(), o).Findings {
			if strings.HasPrefix(f.Code, "certificate_") {
				lines = append(lines, f.Text)
			}
		}
		for i, part := range want {
			if len(lines) != 3 || !strings.HasPrefix(lines[i], part) && !strings.Contains(lines[i], part) || slices.Index(lines, lines[i]) != i {
				t.Errorf("%s: %q is not in %q", lang, part, lines)
			}
		}
	}
}

// fromShell is a workstation checked from a shell outside any desktop session.
func fromShell(t *testing.T, desktop *state.Desktop) Options {
	t.Helper()
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, "")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pinentry-qt"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	o := healthy(t)
	twoCards(&o, state.Reader{Name: "OTHER reader"}, "not_for_authentication")
	o.Policy.Pinentry = ""
	o.Display = func() bool { return false }
	o.Keyring = func(context.Context) error { return fmt.Errorf("TEST: %w", keyring.ErrNone) }
	o.Answers = func(context.Context) (state.State, error) { return state.State{PID: 7, Desktop: desktop}, nil }
	return o
}

// TestWithoutSession: what is known only in the person's session comes from the
// running agent. Without an agent it is unknown, never a problem, and nothing that
// is installed is recommended.
func TestWithoutSession(t *testing.T) {
	o := fromShell(t, &state.Desktop{Display: true})
	r := Run(t.Context(), o)
	for _, code := range []string{"display_answers", "dialog_program", "dialog_window", "keyring_open", "agent_runs"} {
		if f := find(t, r, code); f.Outcome != Good {
			t.Errorf("%+v", f)
		}
	}
	if r.Outcome != Good {
		t.Errorf("%s: %s", r.Outcome, text(t, r))
	}
	for reason, code := range map[string]string{"keyring_locked": "keyring_locked", "no_keyring": "no_keyring", "keyring_slow": "keyring_slow", "keyring_refused": "keyring_refused", "keyring_no_collection": "keyring_no_collection", "keyring_entry_locked": "keyring_entry_locked", "list_damaged": "keyring_open"} {
		find(t, Run(t.Context(), fromShell(t, &state.Desktop{Display: true, Keyring: reason})), code)
	}
	// Nobody is logged in, or the agent has no display either.
	for _, answers := range []func(context.Context) (state.State, error){
		nil, func(context.Context) (state.State, error) { return state.State{}, errors.New("TEST") },
	} {
		o = fromShell(t, nil)
		o.Answers = answers
		r = Run(t.Context(), o)
		for _, code := range []string{"no_display", "keyring_unknown"} {
			if f := find(t, r, code); f.Outcome != Unknown || !strings.Contains(f.Next, "XDG_RUNTIME_DIR") {
				t.Errorf("%+v", f)
			}
		}
		find(t, r, "dialog_program")
		if strings.Contains(text(t, r), "pinentry-gnome3") || r.Outcome == Problem {
			t.Errorf("what is installed is recommended: %s", text(t, r))
		}
	}
	o = fromShell(t, nil)
	t.Setenv("PATH", t.TempDir())
	find(t, Run(t.Context(), o), "no_dialog_program")
	o.Policy.Pinentry = "/nowhere/pinentry"
	if f := find(t, Run(t.Context(), o), "no_dialog_program"); strings.Contains(f.Next, "gnome3") || !strings.Contains(f.Next, "/nowhere/pinentry") {
		t.Errorf("%+v", f)
	}
}

// TestNoHarm: only of an agent that was reached and hangs is ending it advised.
func TestNoHarm(t *testing.T) {
	harm := func(o Options) bool {
		t.Helper()
		found := text(t, Run(t.Context(), o))
		return strings.Contains(found, "end its process") || strings.Contains(found, "arrêtez son processus")
	}
	for _, lang := range []string{"fr", "en"} {
		for _, c := range []struct {
			err  error
			harm bool
		}{
			{nil, false}, {control.ErrNoAgent, false}, {control.ErrOtherUser, false}, {&control.Error{Code: control.CodeStarting}, false},
			{fmt.Errorf("TEST: %w", control.ErrNoAnswer), true},
		} {
			o := healthy(t)
			o.Lang = lang
			o.Answers = func(context.Context) (state.State, error) { return state.State{}, c.err }
			if harm(o) != c.harm {
				t.Errorf("%s, %v: ending it is advised: %v", lang, c.err, !c.harm)
			}
		}
		o := healthy(t)
		o.Lang = lang
		o.Sockets = func([]int) ([]Socket, error) {
			return []Socket{{Port: 27720, Own: true, Program: "/usr/bin/cpx-agent (deleted)"}}, nil
		}
		if harm(o) {
			t.Errorf("%s: ending an agent that was upgraded is advised", lang)
		}
	}
}

// TestStaleCacheOfAModule: no login succeeds, so no card is said to serve.
func TestStaleCacheOfAModule(t *testing.T) {
	o := healthy(t)
	o.Cards = func(context.Context) (state.Cards, error) {
		return state.Cards{
			Modules:      []state.Module{{Path: "/opt/libcps3_pkcs11_lux.so", Error: "TEST", Reason: "stale_cache"}},
			Readers:      []state.Reader{{Module: "/opt/libcps3_pkcs11_lux.so", Name: "TEST reader", Card: "CPS TEST"}},
			Certificates: []state.Certificate{{ID: "1", Reader: "TEST reader", Usable: true}},
		}, nil
	}
	r := Run(t.Context(), o)
	if f := find(t, r, "module_stale_cache"); f.Outcome != Problem || !strings.Contains(f.Next, "/etc/opt/santesocial/CPS/cache") {
		t.Errorf("%+v", f)
	}
	if slices.Contains(codes(r), "card_usable") || slices.Contains(codes(r), "no_usable_certificate") {
		t.Errorf("%v", codes(r))
	}
}

// TestStaleCacheOfOpenSC: its folder is the person's own, so no administrator is asked for.
func TestStaleCacheOfOpenSC(t *testing.T) {
	o := healthy(t)
	o.Cards = func(context.Context) (state.Cards, error) {
		return state.Cards{Modules: []state.Module{{Path: "/usr/lib/opensc-pkcs11.so", Error: "TEST", Reason: "stale_cache"}}}, nil
	}
	if f := find(t, Run(t.Context(), o), "module_stale_cache"); !strings.Contains(f.Next, "opensc") || strings.Contains(f.Next, "As an administrator") || strings.Contains(f.Next, "En administrateur") {
		t.Errorf("%+v", f)
	}
}
