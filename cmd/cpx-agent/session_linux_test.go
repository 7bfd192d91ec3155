package main

import (
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

const sessionPath = dbus.ObjectPath("/org/freedesktop/login1/session/TEST")

// logind stands in for systemd's on a real bus, because no test may send the machine to
// sleep.
type logind struct{}

func (logind) GetSession(string) (dbus.ObjectPath, *dbus.Error)      { return sessionPath, nil }
func (logind) GetSessionByPID(uint32) (dbus.ObjectPath, *dbus.Error) { return sessionPath, nil }

// TestCardsReadAnew: the program as it is installed reads the card anew once the screen is
// unlocked, the machine woken, or the session in front once more, also where PC/SC says that
// nothing happened; after the last two with modules that were started anew, as after the
// service for readers went and came.
func TestCardsReadAnew(t *testing.T) {
	const name, manager, session = "org.freedesktop.login1", "org.freedesktop.login1.Manager", "org.freedesktop.login1.Session"
	p, d := workstation.WithReader(t)
	conn := testdesktop.OnBus(t, p.Keyring.Bus)
	if err := conn.Export(logind{}, "/org/freedesktop/login1", manager); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(name, 0); err != nil {
		t.Fatal(err)
	}
	p.Keyring.Env = append(p.Keyring.Env, "DBUS_SYSTEM_BUS_ADDRESS="+p.Keyring.Bus)
	await := p.Starts()
	await("msg=listening")
	before := cardsBecome(t, p, anyUsable)
	const opened = "(?s)module opened.*"
	log := opened
	for _, c := range []struct {
		event, why string
		path       dbus.ObjectPath
		signal     string
		values     []any
		reopened   bool
	}{
		{"back", "unlocked", sessionPath, session + ".Unlock", nil, false},
		{"resumed", "woken up", "/org/freedesktop/login1", manager + ".PrepareForSleep", []any{false}, true},
		{"resumed", "this session in front", sessionPath, "org.freedesktop.DBus.Properties.PropertiesChanged",
			[]any{session, map[string]dbus.Variant{"Active": dbus.MakeVariant(true)}, []string{}}, true},
	} {
		asked := d.APDUs()
		if err := conn.Emit(c.path, c.signal, c.values...); err != nil {
			t.Fatal(err)
		}
		log += `event=` + c.event + ` why="?` + c.why + `.*`
		await(log)
		if c.reopened {
			log += opened
			await(log)
		}
		now := cardsBecome(t, p, anyUsable)
		if idOfUsable(now) != idOfUsable(before) || d.APDUs() == asked {
			t.Errorf("%s: %d commands to the card", c.why, d.APDUs()-asked)
		}
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	log += `no PC/SC service.*` + opened
	await(log)
	cardsBecome(t, p, func(c state.Cards) bool { return len(c.Certificates) == 0 && c.PCSC == state.NoService })
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	cardsBecome(t, p, anyUsable)
	await(log + opened)
}
