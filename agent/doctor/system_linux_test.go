package doctor

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// elsewhere is what only people with another system than Windows can do anything with.
var elsewhere = regexp.MustCompile(`systemctl|pcscd|polkit|XDG_|/run/user|sudo|SELinux|ldconfig|gnome|KWallet|KeePassXC|apt|paquet|package`)

// TestOnWindows: what doctor finds on Windows is said in Windows' words, in both
// languages, with an advice that can be followed there. Windows is played: what it says
// itself is tested in wine.
func TestOnWindows(t *testing.T) {
	readers := func(err error, service Service, serviceErr error, remote bool) func(*Options) {
		return func(o *Options) {
			o.Readers = func(context.Context) ([]pcsc.Reader, error) { return nil, err }
			o.PCSCService = func() (Service, error) { return service, serviceErr }
			o.Remote = func() bool { return remote }
		}
	}
	module := func(reason string) func(*Options) {
		return func(o *Options) {
			o.Cards = func(context.Context) (state.Cards, error) {
				return state.Cards{Modules: []state.Module{{Path: `C:\test.dll`, Error: "TEST", Reason: reason}}}, nil
			}
		}
	}
	ring := func(err error) func(*Options) {
		return func(o *Options) { o.Keyring = func(context.Context) error { return err } }
	}
	sockets := func(s ...Socket) func(*Options) {
		return func(o *Options) { o.Sockets = func([]int) ([]Socket, error) { return s, nil } }
	}
	for name, c := range map[string]struct {
		code    string
		outcome Outcome
		next    string // part of the advice in English
		change  func(*Options)
	}{
		"no winscard.dll":          {"no_pcsc_library", Problem, "sfc /scannow", readers(pcsc.ErrNoLibrary, ServiceRuns, nil, false)},
		"no service":               {"no_pcsc_library", Problem, "sfc /scannow", readers(pcsc.ErrNoService, ServiceMissing, nil, false)},
		"the service is disabled":  {"pcsc_disabled", Problem, "sc config SCardSvr start= demand", readers(pcsc.ErrNoService, ServiceDisabled, nil, false)},
		"stopped without a reader": {"no_reader", Problem, "Device Manager", readers(pcsc.ErrNoService, ServiceStopped, nil, false)},
		"stopped, far away":        {"no_reader", Problem, "Remote Desktop", readers(pcsc.ErrNoService, ServiceStopped, nil, true)},
		"no reader, far away":      {"no_reader", Problem, "Remote Desktop", readers(nil, ServiceRuns, nil, true)},
		"no reader":                {"no_reader", Problem, "Device Manager", readers(nil, ServiceRuns, nil, false)},
		"it runs, and is deaf":     {"no_pcsc_service", Problem, "sc stop SCardSvr", readers(pcsc.ErrNoService, ServiceRuns, nil, false)},
		"nobody says how it is":    {"no_pcsc_service", Problem, "sc stop SCardSvr", readers(pcsc.ErrNoService, "", errors.New("TEST"), false)},
		"it refuses":               {"pcsc_no_permission", Problem, "Local Resources", readers(pcsc.ErrRefused, ServiceRuns, nil, false)},
		"a dependency":             {"module_missing_dependency", Problem, "Visual C++", module("missing_dependency")},
		"not loaded":               {"module_not_loadable", Problem, "AppLocker", module("not_loadable")},
		"all ports kept back": {"ports_reserved", Problem, "startport=27720 numberofports=10", func(o *Options) {
			sockets(Socket{Port: 27720, Session: "0", Program: "System", PID: 4})(o)
			o.Reserved = func(port int) bool { return port > 27720 }
		}},
		"one port is free": {"no_agent", Problem, "cpx-agent", func(o *Options) {
			sockets()(o)
			o.Reserved = func(port int) bool { return port != 27729 }
		}},
		"pin.session": {"pin_session_watched", Good, "", func(o *Options) {
			o.Policy.PIN.Session = time.Minute
			o.Watch = func(context.Context) error { return nil }
		}},
		"pin.session, nothing tells": {"pin_session_unwatched", Notice, "TermService", func(o *Options) {
			o.Policy.PIN.Session = time.Minute
			o.Watch = func(context.Context) error { return desktop.ErrUnavailable }
		}},
		"pin.session, from afar": {"pin_session_unknown", Unknown, "scheduled task", func(o *Options) {
			o.Policy.PIN.Session = time.Minute
			o.Watch = func(context.Context) error { return desktop.ErrUnavailable }
			o.Display = func() bool { return false }
		}},
		"credentials":      {"keyring_open", Good, "", ring(nil)},
		"no credentials":   {"keyring_refused", Notice, "VaultSvc", ring(keyring.ErrRefused)},
		"credentials hang": {"keyring_slow", Notice, "VaultSvc", ring(keyring.ErrSlow)},
		"no desktop":       {"no_display", Unknown, "scheduled task", func(o *Options) { o.Display = func() bool { return false } }},
		"another session's agent": {"agent_not_asked", Unknown, "under their account", func(o *Options) {
			o.Answers = func(context.Context) (state.State, error) { return state.State{}, control.ErrOtherUser }
		}},
		"the agent with a console": {"agent_runs", Good, "", sockets(Socket{Port: 27720, Own: true, Program: `C:\Program Files\CPxBridge\cpx-agent.exe`, PID: 8})},
		"the agent without":        {"agent_runs", Good, "", sockets(Socket{Port: 27720, Own: true, Program: `C:\Program Files\CPxBridge\CPX-AgentW.exe`, PID: 8})},
		"the agent of another session": {"port_other_agent", Good, "", sockets(
			Socket{Port: 27720, Account: "S-1-5-21-1-2-3-1001", Session: "3", Program: `C:\Program Files\CPxBridge\cpx-agentw.exe`, PID: 8})},
		"another program of mine": {"port_taken", Problem, "pass itself off", sockets(Socket{Port: 27720, Own: true, Program: `C:\cpx-agent.exe.bak\other.exe`, PID: 8})},
		"a service's":             {"port_other_program", Problem, "pass itself off", sockets(Socket{Port: 27720, Session: "0", Program: "System", PID: 4})},
		"nobody says whose": {"agent_runs", Good, "", func(o *Options) {
			sockets(Socket{Port: 27720})(o)
			o.Answers = func(context.Context) (state.State, error) {
				return state.State{Addresses: []string{"127.0.0.1:27720"}, Program: `C:\cpx-agent.exe`, PID: 8}, nil
			}
		}},
	} {
		said := map[string]bool{}
		for _, lang := range []string{"fr", "en"} {
			o := healthy(t)
			o.Lang, o.System = lang, "windows"
			o.PCSCService = func() (Service, error) { return ServiceRuns, nil }
			o.VirtualLoopback = func() ([]VirtualLoopback, error) { return nil, nil }
			c.change(&o)
			r := Run(t.Context(), o)
			f := find(t, r, c.code)
			if f.Outcome != c.outcome || said[f.Text] || lang == "en" && !strings.Contains(f.Next, c.next) || (f.Next == "") != (c.next == "") {
				t.Errorf("%s: %+v", name, f)
			}
			said[f.Text] = true
			for _, f := range r.Findings {
				if text := f.Text + " " + f.Next; elsewhere.MatchString(text) || strings.Contains(text, "%!") {
					t.Errorf("%s: %s: %q", name, f.Code, text)
				}
			}
			if r.System != "windows" {
				t.Errorf("the report is of %s", r.System)
			}
		}
	}
}

// TestHolders: who holds a port is told as far as it can be read, and persons by their
// numbers unless their names are asked for.
func TestHolders(t *testing.T) {
	for want, s := range map[string]Socket{
		"account S-1-5-21-1-2-3-1001, session 3":                                   {Account: "S-1-5-21-1-2-3-1001", Session: "3"},
		"account not readable without an administrator’s rights, session 0":        {Session: "0"},
		"account not readable without an administrator’s rights":                   {},
		"C:\\other.exe (process 8, account S-1-5-21-1-2-3-1001, session 3)":        {Account: "S-1-5-21-1-2-3-1001", Session: "3", Program: `C:\other.exe`, PID: 8},
		"System (process 4, account not readable without an administrator’s right": {Session: "0", Program: "System", PID: 4},
	} {
		o := healthy(t)
		s.Port = 27721
		o.Sockets = func([]int) ([]Socket, error) { return []Socket{s}, nil }
		r := Run(t.Context(), o)
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Subject == "27721" })
		if i < 0 || !strings.Contains(r.Findings[i].Text, want) {
			t.Errorf("%+v: %+v, want %q", s, r.Findings, want)
		}
	}
}
