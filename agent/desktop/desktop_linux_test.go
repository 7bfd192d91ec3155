package desktop

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

const sessionPath = dbus.ObjectPath("/org/freedesktop/login1/session/TEST")

// logind is a stand-in on a real bus, because no test may lock the machine or
// send it to sleep.
type logind struct{ conn *dbus.Conn }

func (logind) GetSession(string) (dbus.ObjectPath, *dbus.Error)      { return sessionPath, nil }
func (logind) GetSessionByPID(uint32) (dbus.ObjectPath, *dbus.Error) { return sessionPath, nil }

func (l logind) emit(t *testing.T, path dbus.ObjectPath, name string, values ...any) {
	t.Helper()
	if err := l.conn.Emit(path, name, values...); err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, address, name string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.RequestName(name, 0); err != nil {
		t.Fatal(err)
	}
	return conn
}

func watched() (chan Event, func(Event)) {
	events := make(chan Event, 10)
	return events, func(e Event) { events <- e }
}

func expect(t *testing.T, events chan Event, want Event) {
	t.Helper()
	select {
	case got := <-events:
		if got != want {
			t.Errorf("%v %q, want %v %q", got.Kind, got.Reason, want.Kind, want.Reason)
		}
	case <-time.After(testdesktop.Patience):
		t.Fatalf("nothing reported, want %v %q", want.Kind, want.Reason)
	}
}

func TestSystem(t *testing.T) {
	address := testdesktop.Bus(t)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	l := logind{connect(t, address, login1)}
	if err := l.conn.Export(l, "/org/freedesktop/login1", login1Manager); err != nil {
		t.Fatal(err)
	}
	events, f := watched()
	if err := Watch(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	// First what does not concern this session, and is not reported.
	l.emit(t, sessionPath+"2", login1Session+".Lock")
	l.emit(t, sessionPath+"2", login1Session+".Unlock")
	l.emit(t, sessionPath, properties+".PropertiesChanged", login1Session, map[string]dbus.Variant{"IdleHint": dbus.MakeVariant(true)}, []string{})
	l.emit(t, "/org/freedesktop/login1", login1Manager+".PrepareForSleep", true)
	expect(t, events, Event{Away, "sleep"})
	l.emit(t, "/org/freedesktop/login1", login1Manager+".PrepareForSleep", false)
	expect(t, events, Event{Resumed, "woken up"})
	l.emit(t, sessionPath, login1Session+".Lock")
	expect(t, events, Event{Away, "locked"})
	l.emit(t, sessionPath, login1Session+".Unlock")
	expect(t, events, Event{Back, "unlocked"})
	for _, c := range []struct {
		values map[string]dbus.Variant
		want   []Event
	}{
		{map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(true)}, []Event{{Away, "locked"}}},
		{map[string]dbus.Variant{"Active": dbus.MakeVariant(false)}, []Event{{Away, "another session in front"}}},
		{map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(false), "Active": dbus.MakeVariant(true)}, []Event{{Back, "unlocked"}, {Resumed, "this session in front"}}},
		{map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(true), "Active": dbus.MakeVariant(true)}, []Event{{Away, "locked"}, {Resumed, "this session in front"}}},
	} {
		l.emit(t, sessionPath, properties+".PropertiesChanged", login1Session, c.values, []string{})
		for _, want := range c.want {
			expect(t, events, want)
		}
	}
}

func TestScreenSaver(t *testing.T) {
	for _, saver := range screenSavers {
		t.Run(saver, func(t *testing.T) {
			address := testdesktop.Bus(t)
			t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
			l := logind{connect(t, address, saver)}
			events, f := watched()
			if err := Watch(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			l.emit(t, "/", saver+".ActiveChanged", true)
			expect(t, events, Event{Away, "locked"})
			l.emit(t, "/", saver+".ActiveChanged", false)
			expect(t, events, Event{Back, "unlocked"})
		})
	}
}

// At the desktop's start the agent may come before the screen saver.
func TestScreenSaverComesLater(t *testing.T) {
	system, session := testdesktop.Bus(t), testdesktop.Bus(t)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", system)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", session)
	l := logind{connect(t, system, login1)}
	if err := l.conn.Export(l, "/org/freedesktop/login1", login1Manager); err != nil {
		t.Fatal(err)
	}
	events, f := watched()
	if err := Watch(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	saver := logind{connect(t, session, screenSavers[0])}
	saver.emit(t, "/", screenSavers[0]+".ActiveChanged", true)
	expect(t, events, Event{Away, "locked"})
}

// Watch fails rather than listen in vain: without any bus, and on a bus without a
// screen saver.
func TestUnavailable(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
	for name, address := range map[string]string{"no bus": "", "no screen saver": testdesktop.Bus(t)} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		if err := Watch(t.Context(), func(Event) {}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A lost bus can report nothing any more: that is reported. The end of the
// context is not.
func TestBusGoes(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
	events, f := watched()
	t.Run("bus", func(t *testing.T) {
		address := testdesktop.Bus(t)
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		connect(t, address, screenSavers[0])
		if err := Watch(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}) // the bus ends here
	expect(t, events, Event{Lost, "the bus is gone"})
}
