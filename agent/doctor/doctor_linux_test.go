package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/events"
	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// listenVariable makes this program listen on a port until its input ends.
const listenVariable = "CPX_TEST_LISTEN"

func TestMain(m *testing.M) {
	// Whoever runs the tests may sit at a display, which is none of the played ones.
	_, _ = os.Unsetenv("DISPLAY"), os.Unsetenv("WAYLAND_DISPLAY")
	if os.Getenv(listenVariable) != "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(l.Addr().(*net.TCPAddr).Port)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func load(t *testing.T, machine, user string) *policy.Effective {
	t.Helper()
	dir := t.TempDir()
	paths := policy.Paths{Machine: filepath.Join(dir, "policy.toml"), User: filepath.Join(dir, "config.toml"), Owners: owners.Person}
	for path, text := range map[string]string{paths.Machine: machine, paths.User: user} {
		if text != "" {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	p, err := policy.Load(paths)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// healthy is a workstation without a problem, for a test to change.
func healthy(t *testing.T) Options {
	t.Helper()
	p := load(t, "", "")
	p.Pinentry = "/bin/sh"
	return Options{
		Policy: p, Lang: "en", StateDir: t.TempDir(), Root: t.TempDir(),
		Display: func() bool { return true },
		Autostart: func() (Start, error) {
			return Start{Enabled: true, Supervised: true, Where: "/etc/xdg/autostart/cpx-bridge.desktop"}, nil
		},
		Menu: func() (Start, error) {
			return Start{Enabled: true, Where: "/usr/share/applications/cpx-bridge.desktop"}, nil
		},
		Keyring: func(context.Context) error { return nil },
		Readers: func(context.Context) ([]pcsc.Reader, error) {
			return []pcsc.Reader{{Name: "TEST reader", Present: true}}, nil
		},
		Cards: func(context.Context) (state.Cards, error) {
			return state.Cards{
				Modules: []state.Module{{Path: "/opt/test.so", Info: "TEST"}},
				Readers: []state.Reader{{Module: "/opt/test.so", Name: "TEST reader"}},
			}, nil
		},
		Sockets: func([]int) ([]Socket, error) {
			return []Socket{{Port: 27720, Own: true, Program: "/usr/bin/cpx-agent", PID: 7}}, nil
		},
		Closed: func() []Process { return nil },
		Dial:   func(context.Context, string) error { return nil },
	}
}

func codes(r Report) (list []string) {
	for _, f := range r.Findings {
		list = append(list, f.Code)
	}
	return list
}

func find(t *testing.T, r Report, code string) Finding {
	t.Helper()
	asTheSchemaSays(t, r)
	t.Helper()
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == code })
	if i < 0 {
		t.Fatalf("no %s in %v", code, codes(r))
	}
	return r.Findings[i]
}

// reader has one reader with a card, altered by change.
func reader(change func(*state.Reader)) func(*Options) {
	return func(o *Options) {
		r := state.Reader{Module: "/opt/test.so", Name: "TEST reader", Card: "CPS TEST DUPONT"}
		change(&r)
		o.Cards = func(context.Context) (state.Cards, error) {
			return state.Cards{Modules: []state.Module{{Path: "/opt/test.so"}}, Readers: []state.Reader{r}}, nil
		}
	}
}

func withPIN(pin state.PIN) func(*Options) {
	return reader(func(r *state.Reader) { r.PIN = pin })
}

// TestWhoAsks: which programs ask for the PIN and for the rest, as with an agent
// started with the desktop; the terminal that doctor runs in does not count.
func TestWhoAsks(t *testing.T) {
	t.Setenv("WAYLAND_DISPLAY", "")
	for name, c := range map[string]struct {
		program, setting, display string
		answers                   bool
		want                      string
	}{
		"our own window":              {"pinentry-gtk-2", "", ":1", true, "dialog_window"},
		"a display that has gone":     {"pinentry-gtk-2", "", ":1", false, "dialog_program_alone"},
		"one in the settings":         {"pinentry-gtk-2", "pinentry-gtk-2", ":1", true, "dialog_program_alone"},
		"one where Enter is yes":      {"pinentry-gnome3", "pinentry-gnome3", ":1", true, "dialog_window"},
		"for terminals only":          {"pinentry-tty", "", ":1", true, "dialog_window"},
		"for terminals, display gone": {"pinentry-tty", "", ":1", false, "no_dialog_program"},
		"none, and a terminal":        {"pinentry-tty", "", "", false, "dialog_program_alone"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.program), []byte("#!/bin/sh\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir)
			t.Setenv("DISPLAY", c.display)
			testdesktop.AtTerminal(t)
			o := healthy(t)
			o.Display = func() bool { return c.answers }
			if o.Policy.Pinentry = ""; c.setting != "" {
				o.Policy.Pinentry = filepath.Join(dir, c.setting)
			}
			find(t, Run(t.Context(), o), c.want)
		})
	}
}

// TestFindings simulates each fault, and expects its code and outcome in both
// languages, with advice where it is a problem.
func TestFindings(t *testing.T) {
	module := func(err error) func(*Options) {
		return func(o *Options) {
			o.Cards = func(context.Context) (state.Cards, error) {
				return cards.Report(pkcs11.Snapshot{}, []pkcs11.ModuleState{{Path: "/opt/test.so", Err: err}}, cards.Chosen{}, pcsc.Event{}), err
			}
		}
	}
	readers := func(list []pcsc.Reader, err error) func(*Options) {
		return func(o *Options) { o.Readers = func(context.Context) ([]pcsc.Reader, error) { return list, err } }
	}
	sockets := func(list ...Socket) func(*Options) {
		return func(o *Options) { o.Sockets = func([]int) ([]Socket, error) { return list, nil } }
	}
	key := func(err error) func(*Options) {
		return func(o *Options) { o.Keyring = func(context.Context) error { return fmt.Errorf("TEST: %w", err) } }
	}
	answers := func(r state.State, err error) func(*Options) {
		return func(o *Options) { o.Answers = func(context.Context) (state.State, error) { return r, err } }
	}
	closed := func(r state.State, err error) func(*Options) { // an agent that others cannot look into
		return func(o *Options) {
			o.Sockets = func([]int) ([]Socket, error) { return []Socket{{Port: 27720, Own: true}}, nil }
			if errors.Is(err, control.ErrNoAnswer) || errors.Is(err, control.ErrNoAgent) {
				o.Closed = func() []Process { return []Process{{"/usr/bin/cpx-agent", 7, ""}} }
			}
			answers(r, err)(o)
		}
	}
	noSockets := func(r state.State, err error) func(*Options) {
		return func(o *Options) {
			o.Sockets = func([]int) ([]Socket, error) { return nil, ErrNoSockets }
			answers(r, err)(o)
		}
	}
	withWSS := func(change func(*Options)) func(*Options) {
		return func(o *Options) { o.Policy.WSS.Enabled = true; change(o) }
	}
	plain := Socket{Port: 27720, Own: true, Program: "/usr/bin/cpx-agent", PID: 7}
	wss := plain
	wss.Port = 27820
	deaf := func(change func(*Options)) func(*Options) {
		return func(o *Options) {
			o.Dial = func(context.Context, string) error { return errors.New("TEST") }
			change(o)
		}
	}
	atWSS := state.State{Addresses: []string{"127.0.0.1:27720"}, WSS: []string{"127.0.0.1:27820"}}
	sends := func(err error) func(*Options) {
		return func(o *Options) { o.Policy.Log.Events, o.Events = true, func() error { return err } }
	}
	callers := func(err error) func(*Options) { return func(o *Options) { o.Callers = func() error { return err } } }
	entry := func(s Start, err error) func() (Start, error) { return func() (Start, error) { return s, err } }
	start := func(enabled bool, missing string, err error) func(*Options) {
		return func(o *Options) {
			o.Autostart = entry(Start{Enabled: enabled, Where: "/entry.desktop", Missing: missing, Supervised: true}, err)
		}
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere") // a session, whose keyring the cases simulate
	for _, c := range []struct {
		code    string
		outcome Outcome
		change  func(*Options)
	}{
		{"settings_taken", Good, nil},
		{"setting_not_taken", Problem, func(o *Options) { o.Policy = load(t, "lang = \"fr\"\n", "[ports]\nfirst = 30000\n") }},
		{"setup_not_taken", Notice, func(o *Options) { o.Policy = besideSetup(t, textKey{}, textKey{"lang": "fr"}) }},
		{"settings_taken", Good, func(o *Options) { o.Policy = besideSetup(t, textKey{"lang": "en"}, textKey{"lang": "fr"}) }},
		{"no_pcsc_library", Problem, readers(nil, pcsc.ErrNoLibrary)},
		{"no_pcsc_service", Problem, readers(nil, pcsc.ErrNoService)},
		{"pcsc_no_permission", Problem, readers(nil, pcsc.ErrRefused)},
		{"no_reader", Problem, readers(nil, nil)},
		{"pcsc_runs", Good, nil}, {"reader", Good, nil},
		{"no_module", Problem, func(o *Options) {
			o.Cards = func(context.Context) (state.Cards, error) { return state.Cards{}, pkcs11.ErrNoModule }
		}},
		{"module_works", Good, nil},
		{"module_fails_with_cps", Notice, func(o *Options) {
			o.Cards = func(context.Context) (state.Cards, error) {
				return state.Cards{Modules: []state.Module{{Path: "/opt/test.so", Info: "OpenSC Project, OpenSC smartcard framework 0.26, Cryptoki 3.00"}}}, nil
			}
		}},
		{"module_failed", Problem, module(pkcs11.ErrModuleFailed)}, {"module_not_pkcs11", Problem, module(pkcs11.ErrNotPKCS11)},
		{"module_stale_cache", Problem, module(pkcs11.ErrStaleCache)}, {"module_hanging", Problem, module(pkcs11.ErrModuleHangs)},
		{"module_hanging", Problem, func(o *Options) { // and keeps the first reading from its end
			o.Cards = func(context.Context) (state.Cards, error) {
				return state.Cards{Reading: true, Modules: []state.Module{{Path: "/opt/test.so", Error: "TEST", Reason: "hanging"}}}, nil
			}
		}},
		{"module_opening", Unknown, func(o *Options) {
			o.Cards = func(context.Context) (state.Cards, error) {
				return state.Cards{Reading: true, Modules: []state.Module{{Path: "/opt/test.so", Opening: true}}}, nil
			}
		}},
		{"module_failed", Problem, module(pkcs11.ErrNoModule)}, {"module_missing_dependency", Problem, module(pkcs11.ErrMissingDependency)},
		{"module_wrong_architecture", Problem, module(pkcs11.ErrWrongArchitecture)}, {"module_not_loadable", Problem, module(pkcs11.ErrNotLoadable)},
		{"no_card", Unknown, nil},
		{"card_unknown", Problem, reader(func(r *state.Reader) { r.Card, r.Unknown = "", true })},
		{"card_mute", Problem, reader(func(r *state.Reader) { r.Card, r.Unknown, r.Mute = "", true, true })},
		{"card_contactless", Problem, reader(func(r *state.Reader) { r.Card, r.Contactless = "", true })},
		{"pin_locked_or_in_use", Unknown, withPIN(state.PINLockedOrInUse)},
		{"no_usable_certificate", Problem, withPIN("")},
		{"pin_locked", Problem, withPIN(state.PINLocked)}, {"pin_not_set", Problem, withPIN(state.PINNotSet)}, {"pin_expired", Problem, withPIN(state.PINExpired)},
		{"card_failed", Problem, reader(func(r *state.Reader) { r.Error = "TEST" })},
		{"certificates_hidden", Problem, reader(func(r *state.Reader) { r.Hidden = true })},
		{"pin_final_try", Notice, func(o *Options) {
			twoCards(o, state.Reader{Name: "OTHER reader", Card: "CPF TEST", PIN: state.PINFinalTry}, "not_for_authentication")
		}}, {"pin_count_low", Notice, func(o *Options) {
			twoCards(o, state.Reader{Name: "OTHER reader", Card: "CPF TEST", PIN: state.PINCountLow}, "not_for_authentication")
		}},
		{"display_answers", Good, nil}, {"no_display", Problem, func(o *Options) {
			t.Setenv("DISPLAY", ":99999")
			o.Display = func() bool { return false }
		}},
		{"no_toolkit", Notice, func(o *Options) { o.Toolkit = func(bool) string { return "TEST" } }},
		{"no_panel_library", Notice, func(o *Options) {
			o.Toolkit = func(panel bool) string {
				if panel {
					return "TEST"
				}
				return ""
			}
		}},
		{"no_card", Unknown, func(o *Options) { // PC/SC has a reader that the module does not know
			o.Cards = func(context.Context) (state.Cards, error) {
				return state.Cards{Modules: []state.Module{{Path: "/opt/test.so"}}}, nil
			}
		}},
		{"cards_late", Unknown, func(o *Options) {
			o.Cards = func(context.Context) (state.Cards, error) {
				return state.Cards{Outdated: true, Modules: []state.Module{{Path: "/opt/test.so"}}}, nil
			}
		}},
		{"cards_late", Unknown, func(o *Options) {
			o.Cards = func(context.Context) (state.Cards, error) { return state.Cards{Reading: true}, nil }
		}},
		{"no_dialog_program", Problem, func(o *Options) { o.Policy.Pinentry = "/nowhere/pinentry" }},
		{"dialog_program", Good, func(o *Options) { o.Policy.Pinentry = "/bin/sh" }},
		{"keyring_open", Good, nil}, {"keyring_locked", Notice, key(keyring.ErrLocked)}, {"no_keyring", Notice, key(keyring.ErrNone)},
		{"keyring_slow", Notice, key(keyring.ErrSlow)}, {"keyring_refused", Notice, key(keyring.ErrRefused)},
		{"keyring_no_collection", Notice, key(keyring.ErrNoCollection)}, {"keyring_entry_locked", Notice, key(keyring.ErrEntryLocked)},
		{"no_keyring", Good, func(o *Options) { o.Policy.Origins.Mode = policy.ModeListed; key(keyring.ErrNone)(o) }},
		{"log_kept", Good, nil},
		{"events_sent", Good, sends(nil)}, {"events_nowhere", Notice, sends(events.ErrNowhere)}, {"events_unregistered", Notice, sends(events.ErrUnregistered)},
		{"audit_log_refused", Notice, func(o *Options) {
			if err := os.Mkdir(filepath.Join(o.StateDir, "audit.log"), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"log_refused", Notice, func(o *Options) {
			answers(state.State{Log: "/TEST/agent.log", LogFailure: &state.Failure{Reason: "log_refused", Detail: "TEST"}}, nil)(o)
		}},
		{"log_full", Notice, func(o *Options) {
			answers(state.State{Log: "/TEST/agent.log", LogFailure: &state.Failure{Reason: "log_full"}}, nil)(o)
		}},
		{"callers_known", Good, nil}, {"callers_failed", Problem, callers(errors.New("TEST"))},
		{"callers_unsupported", Problem, callers(peer.ErrUnsupported)}, {"callers_forbidden", Problem, callers(peer.ErrForbidden)},
		{"callers_no_sock_diag", Problem, callers(peer.ErrNoSockDiag)}, {"callers_no_module", Problem, callers(peer.ErrNoModule)},
		{"callers_no_loopback", Problem, callers(peer.ErrNoLoopback)},
		{"callers_intercepted", Problem, callers(&peer.FoundError{Kind: peer.ErrIntercepted, What: `8 (C:\TEST\filter.exe)`})},
		{"callers_virtual_loopback", Problem, callers(&peer.FoundError{Kind: peer.ErrVirtualLoopback, What: "127.1.2.3"})},
		{"callers_loopback_cut", Problem, callers(&peer.FoundError{Kind: peer.ErrLoopbackCut, What: "::1"})},
		{"callers_intercepted", Problem, callers(&peer.FoundError{Kind: peer.ErrIntercepted, What: "640 (TEST.exe)"})},
		{"callers_virtual_loopback", Problem, callers(&peer.FoundError{Kind: peer.ErrVirtualLoopback, What: "127.0.0.5"})},
		{"callers_loopback_cut", Problem, callers(&peer.FoundError{Kind: peer.ErrLoopbackCut, What: "127.0.0.1"})},
		{"agent_silent", Problem, answers(state.State{}, control.ErrNoAnswer)},
		{"agent_deaf", Problem, deaf(answers(atWSS, nil))}, {"agent_deaf", Problem, deaf(noSockets(atWSS, nil))},
		{"sites_paused", Notice, answers(state.State{UnknownSitesPaused: time.Now()}, nil)},
		{"agent_runs", Good, answers(state.State{}, nil)}, {"no_agent", Problem, sockets()},
		{"agent_replaced", Notice, answers(state.State{Version: "0.1.0", Replaced: &state.Replaced{Version: "0.2.0"}}, nil)},
		{"agent_replaced", Notice, answers(state.State{Version: "0.1.0", Replaced: &state.Replaced{}}, nil)},
		{"agent_removed", Notice, answers(state.State{Version: "0.1.0", Replaced: &state.Replaced{Removed: true}}, nil)},
		{"agent_runs", Good, sockets(Socket{Port: 27720, Own: true, Program: "/usr/bin/cpx-agent (deleted)"})},
		{"agent_runs", Good, closed(state.State{Program: "/usr/bin/cpx-agent", Addresses: []string{"127.0.0.1:27720"}}, nil)},
		{"agent_runs", Good, closed(state.State{Program: "/usr/bin/cpx-agent (deleted)", Addresses: []string{"[::1]:27720"}}, nil)},
		{"port_taken_unknown", Unknown, closed(state.State{Program: "/usr/bin/cpx-agent", Addresses: []string{"127.0.0.1:27721"}}, nil)},
		{"agent_silent", Problem, closed(state.State{}, control.ErrNoAnswer)}, {"agent_not_asked", Unknown, closed(state.State{}, control.ErrNoAgent)},
		{"agent_serves_wss", Good, withWSS(sockets(plain, wss))},
		{"agent_serves_wss", Good, withWSS(func(o *Options) { sockets(plain, wss)(o); answers(atWSS, nil)(o) })},
		{"agent_no_wss", Problem, withWSS(sockets(plain))},
		{"agent_no_wss", Problem, withWSS(func(o *Options) {
			sockets(plain, wss)(o)
			answers(state.State{WSSFailure: &state.Failure{Reason: "TEST", Detail: "TEST why"}}, nil)(o)
		})},
		{"port_taken", Problem, sockets(Socket{Port: 27720, Own: true, Program: "/usr/bin/other", PID: 7})},
		{"port_taken_unknown", Unknown, sockets(Socket{Port: 27720, Own: true})},
		{"port_other_user", Unknown, sockets(Socket{Port: 27720, Account: "1001"})},
		{"port_other_agent", Good, sockets(Socket{Port: 27720, Session: "3", Program: "cpx-agentw.exe", PID: 7})},
		{"port_other_program", Problem, sockets(Socket{Port: 27720, Session: "0", Program: "System", PID: 4})},
		{"no_free_port", Problem, func(o *Options) { o.Policy.Ports.Count = 1; sockets(Socket{Port: 27720, Account: "1001"})(o) }},
		{"no_free_port", Problem, func(o *Options) {
			o.Policy.Ports.Count, o.Policy.WSS.Enabled = 1, true
			sockets(Socket{Port: 27720, Account: "1001"})(o)
		}},
		{"no_agent", Problem, func(o *Options) {
			o.Policy.Ports.Count, o.Policy.WSS.Enabled = 2, true
			sockets(Socket{Port: 27720, Account: "1001"}, Socket{Port: 27820, Account: "1001"})(o)
		}},
		{"agent_answers", Good, noSockets(atWSS, nil)}, {"no_agent", Problem, noSockets(state.State{}, control.ErrNoAgent)},
		{"agent_silent", Problem, noSockets(state.State{}, control.ErrNoAnswer)},
		{"agent_not_asked", Unknown, answers(state.State{}, control.ErrNoAgent)}, {"agent_not_asked", Unknown, answers(state.State{}, control.ErrOtherUser)},
		{"agent_starting", Unknown, answers(state.State{}, &control.Error{Code: control.CodeStarting})},
		{"agent_serves_wss", Good, withWSS(noSockets(atWSS, nil))}, {"agent_no_wss", Problem, withWSS(noSockets(state.State{}, nil))},
		{"ports_unknown", Unknown, func(o *Options) { o.Sockets = func([]int) ([]Socket, error) { return nil, ErrNoSockets } }},
		{"pin_session_unwatched", Notice, func(o *Options) {
			o.Policy.PIN.Session = time.Minute
			o.Watch = func(context.Context) error { return errors.New("TEST") }
		}},
		{"pin_session_unwatched", Notice, func(o *Options) { // on the person's desktop, whose toolkit is missing
			t.Setenv("DISPLAY", ":99999")
			o.Policy.PIN.Session = time.Minute
			o.Watch = func(context.Context) error { return errors.New("TEST") }
			o.Toolkit, o.Display = func(bool) string { return "TEST" }, func() bool { return false }
		}},
		{"autostart", Good, nil}, {"no_autostart", Problem, start(false, "", nil)}, {"autostart_broken", Problem, start(false, "/gone", nil)},
		{"autostart_unknown", Unknown, start(false, "", errors.New("TEST"))},
		{"autostart_unsupervised", Notice, func(o *Options) { o.Autostart = entry(Start{Enabled: true, Where: "/entry.desktop"}, nil) }},
		{"autostart", Good, func(o *Options) {
			o.Autostart = entry(Start{Enabled: true, Where: "/unit.service", Unit: "/unit.service", Supervised: true}, nil)
		}},
		{"autostart", Good, func(o *Options) {
			o.Autostart = entry(Start{Enabled: true, Where: "/entry.desktop", Unit: "/unit.service", Supervised: true}, nil)
		}},
		{"autostart_unsupervised", Notice, func(o *Options) {
			o.Autostart = entry(Start{Enabled: true, Where: "/unit.service", Unit: "/unit.service"}, nil)
		}},
		{"autostart_other_program", Notice, func(o *Options) {
			o.Autostart = entry(Start{Enabled: true, Where: "/entry.desktop", Supervised: true, Program: "/bin/true"}, nil)
		}},
		{"menu", Good, nil}, {"no_menu", Notice, func(o *Options) { o.Menu = entry(Start{}, nil) }},
		{"menu_broken", Notice, func(o *Options) { o.Menu = entry(Start{Where: "/entry.desktop", Missing: "/gone"}, nil) }},
		{"menu_unknown", Unknown, func(o *Options) { o.Menu = entry(Start{}, errors.New("TEST")) }},
		{"menu_other_program", Notice, func(o *Options) {
			o.Menu = entry(Start{Enabled: true, Where: "/entry.desktop", Program: "/bin/true"}, nil)
		}},
		{"no_portal_named", Good, nil}, {"wss_off", Good, nil},
		{"wss_no_certificate", Problem, func(o *Options) { o.Policy.WSS.Enabled = true }},
		{"wss_damaged", Problem, func(o *Options) {
			if err := os.WriteFile(filepath.Join(o.StateDir, "localhost.json"), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.code, func(t *testing.T) {
			seen := map[string]bool{}
			for _, lang := range []string{"fr", "en"} {
				o := healthy(t)
				o.Lang = lang
				if c.change != nil {
					c.change(&o)
				}
				r := Run(t.Context(), o)
				f := find(t, r, c.code)
				if f.Outcome != c.outcome || f.Text == "" || strings.Contains(f.Text+f.Next, "%!") || seen[f.Text] {
					t.Errorf("%+v", f)
				}
				seen[f.Text] = true
				checkMarks(t, r)
				if c.outcome == Problem && f.Next == "" && !strings.HasPrefix(c.code, "wss_") && !strings.Contains(f.Text, "TEST why") { // those give the advice in the text
					t.Errorf("no advice: %+v", f)
				}
				if c.outcome == Notice && (f.Next == "" || r.Outcome == Problem) {
					t.Errorf("the report is %s: %+v", r.Outcome, f)
				}
				if c.outcome == Problem && r.Outcome != Problem {
					t.Errorf("the report is %s", r.Outcome)
				}
			}
		})
	}
	for _, lang := range []string{"fr", "en"} { // the advice can be followed
		for key, part := range map[texts.Key]string{"doctor.autostart_next": "cpx-agent autostart enable", "doctor.start_agent": "cpx-agent", "doctor.restart_agent": "cpx-agent"} {
			if text := texts.In(lang).Text(key); !strings.Contains(text, part) || strings.Contains(text, "applications") {
				t.Errorf("%s: %q", lang, text)
			}
		}
	}
	if r := Run(t.Context(), healthy(t)); r.Outcome != Unknown { // no card is inserted
		t.Errorf("%s: %v", r.Outcome, codes(r))
	}
}

// TestOverdue: a check that hangs is reported, and so are the others' findings.
func TestOverdue(t *testing.T) {
	o := healthy(t)
	hang := make(chan struct{})
	defer close(hang)
	o.Cards = func(context.Context) (state.Cards, error) {
		<-hang // it does not even end with its context
		return state.Cards{}, nil
	}
	o.Readers = func(context.Context) ([]pcsc.Reader, error) { panic("TEST") }
	o.Limit = 500 * time.Millisecond
	r := Run(t.Context(), o)
	if f := find(t, r, "late"); f.Check != "cards" || f.Outcome != Problem {
		t.Errorf("%+v", f)
	}
	if f := find(t, r, "late"); !strings.Contains(f.Next, "Unplug the reader") {
		t.Errorf("%+v", f)
	}
	o.Cards = healthy(t).Cards
	o.Keyring = func(context.Context) error { <-hang; return nil }
	if f := find(t, Run(t.Context(), o), "late"); f.Check != "keyring" || !strings.Contains(f.Next, "the keyring") || strings.Contains(f.Next, "reader") {
		t.Errorf("%+v", f)
	}
	o.Keyring = healthy(t).Keyring
	o.Autostart = func() (Start, error) { <-hang; return Start{Enabled: true}, nil }
	if f := find(t, Run(t.Context(), o), "late"); f.Check != "autostart" || f.Next == "" || strings.Contains(f.Next, "reader") || strings.Contains(f.Next, "keyring") {
		t.Errorf("%+v", f)
	}
	if f := find(t, r, "failed"); f.Check != "pcsc" || f.Outcome != Unknown {
		t.Errorf("%+v", f)
	}
	find(t, r, "keyring_open")
	find(t, r, "agent_runs")
}

// TestDiscreet: no holder, card or folder of a person is named unless that is asked for.
func TestDiscreet(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	o := healthy(t)
	o.Cards = func(context.Context) (state.Cards, error) {
		return state.Cards{
			Modules: []state.Module{{Path: filepath.Join(home, "module.so"), Error: "not in " + home}},
			Readers: []state.Reader{{Name: "TEST reader", Card: "CPS TEST 8000000001"}},
			Certificates: []state.Certificate{
				{ID: "3f2a", Holder: "TEST DUPONT", Identifier: "899700000001", Profession: "Médecin", Kind: "CPS", Card: "CPS TEST 8000000001", Usable: true},
				{ID: "3f2b", Holder: "TEST DUPONT", Identifier: "899700000001", Kind: "CPS", Reason: "expired"},
			},
		}, nil
	}
	r := Run(t.Context(), o)
	for _, code := range []string{"module_failed", "certificate_usable", "certificate_expired", "card_usable"} {
		find(t, r, code)
	}
	for _, personal := range []string{home, "3f2a", "DUPONT", "899700000001", "Médecin", "8000000001"} {
		if report := text(t, r); strings.Contains(report, personal) {
			t.Errorf("%q is in the report:\n%s", personal, report)
		}
	}
	o.Identity = true
	if report := text(t, Run(t.Context(), o)); !strings.Contains(report, home) || !strings.Contains(report, "CPS TEST DUPONT 899700000001") {
		t.Errorf("not named although asked for:\n%s", report)
	}
}

func text(t *testing.T, r Report) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
