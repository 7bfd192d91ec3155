package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// withBad is a workstation whose settings are bad.
func withBad(o Options, err error) Options {
	o.SettingsErr, o.Policy = err, policy.Rest(policy.Paths{})
	return o
}

// TestBadSettings: bad settings are named by file, line and key without a personal folder,
// and end no other check. Nothing is advised that cures nothing while they are bad, and
// nothing is said that only they could tell.
func TestBadSettings(t *testing.T) {
	need.Program(t, "pinentry-gtk-2")
	home := t.TempDir()
	t.Setenv("HOME", home)
	file := filepath.Join(home, "config.toml")
	if err := os.WriteFile(file, []byte("\n[wss]\nenabled = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := policy.Load(policy.Paths{User: file})
	for lang, said := range map[string]string{"fr": "il faut true ou false, sans guillemets, et non un nombre. Un agent", "en": "must be true or false, without quotes, not a number. An agent"} {
		o := withBad(healthy(t), err)
		o.Lang = lang
		whole := codes(Run(t.Context(), healthy(t)))
		o.Sockets = func([]int) ([]Socket, error) { return nil, nil }
		r := Run(t.Context(), o)
		f := r.Findings[0]
		if f.Check != "settings" || f.Code != "settings_bad" || f.Subject != "wss.enabled" || f.Next == "" || !strings.Contains(f.Text, "~/config.toml:3: wss.enabled: "+said) {
			t.Errorf("%+v", f)
		}
		for _, code := range whole {
			of := map[string]string{"settings_taken": "settings_bad", "agent_runs": "no_agent", "no_portal_named": "", "wss_off": ""}
			if want, other := of[code]; (!other || want != "") != slices.Contains(codes(r), map[bool]string{true: want, false: code}[other]) {
				t.Errorf("%s: %v", code, codes(r))
			}
		}
		if f := find(t, r, "no_agent"); strings.Contains(f.Next, "cpx-agent") || f.Next == "" {
			t.Errorf("%+v", f)
		}
	}
}

// TestBadSettingsOfARunningAgent: it started with other ports than the usual ones, and its
// own tell that it runs.
func TestBadSettingsOfARunningAgent(t *testing.T) {
	o := withBad(healthy(t), errors.New("TEST"))
	o.Answers = func(context.Context) (state.State, error) {
		return state.State{Addresses: []string{"127.0.0.1:30001", "[::1]:30001"}, WSS: []string{"127.0.0.1:30101"}}, nil
	}
	o.Sockets = func(ports []int) (list []Socket, err error) {
		for _, s := range []Socket{{Port: 30101, Own: true, Program: "/usr/bin/cpx-agent", PID: 7}, {Port: 30001, Own: true, Program: "/usr/bin/cpx-agent", PID: 7}} {
			if slices.Contains(ports, s.Port) {
				list = append(list, s)
			}
		}
		return list, nil
	}
	r := Run(t.Context(), o)
	if f := find(t, r, "agent_runs"); f.Subject != "30001" {
		t.Errorf("%+v", f)
	}
	find(t, r, "agent_serves_wss")
	if slices.Contains(codes(r), "no_agent") {
		t.Errorf("%v", codes(r))
	}
	// Its modules may be those that the settings named: that the usual ones are missing is no
	// problem that is known.
	o.Cards = func(context.Context) (state.Cards, error) { return state.Cards{}, nil }
	if f := find(t, Run(t.Context(), o), "no_module"); f.Outcome != Unknown {
		t.Errorf("%+v", f)
	}
}

// TestAdviceOnBadSettings: what is advised cures what is wrong.
func TestAdviceOnBadSettings(t *testing.T) {
	said := tomlfile.Say("settings.missing")
	for _, lang := range []string{"fr", "en"} {
		for name, c := range map[string]struct {
			err  error
			want string
		}{
			"missing": {tomlfile.Refused("/TEST/config.toml", fs.ErrNotExist, said), "--config"},
			"closed":  {tomlfile.Refused("/TEST/config.toml", &fs.PathError{Op: "open", Path: "/TEST", Err: fs.ErrPermission}, said), "chmod a+r"},
			"a line":  {tomlfile.New("/TEST/config.toml", 2, "lang", said), "administrat"},
		} {
			o := withBad(healthy(t), c.err)
			o.Lang = lang
			if f := find(t, Run(t.Context(), o), "settings_bad"); !strings.Contains(f.Next, c.want) {
				t.Errorf("%s: %+v", name, f)
			}
		}
		// A value of the registry is named, and is not called a file.
		name := `HKLM\SOFTWARE\Policies\CPxBridge\ports\first`
		o := withBad(healthy(t), tomlfile.New(name, 0, "", tomlfile.Say("settings.unknown_value")))
		o.Lang = lang
		f := find(t, Run(t.Context(), o), "settings_bad")
		if f.Subject != name || !strings.Contains(f.Text, name) || strings.Contains(f.Next, "fichier") || strings.Contains(f.Next, "file") || f.Next == "" {
			t.Errorf("%+v", f)
		}
	}
}

// TestPortsInOrder: however the system lists them.
func TestPortsInOrder(t *testing.T) {
	o := healthy(t)
	o.Answers = func(context.Context) (state.State, error) { return state.State{}, control.ErrNoAgent }
	o.Sockets = func([]int) (list []Socket, err error) {
		for _, port := range []int{27725, 27720, 27729, 27721} {
			list = append(list, Socket{Port: port, Own: true, Program: "/opt/TEST", PID: 7})
		}
		return list, nil
	}
	var ports []string
	for _, f := range Run(t.Context(), o).Findings {
		if f.Code == "port_taken" {
			ports = append(ports, f.Subject)
		}
	}
	if !slices.Equal(ports, []string{"27720", "27721", "27725", "27729"}) {
		t.Errorf("%v", ports)
	}
}
