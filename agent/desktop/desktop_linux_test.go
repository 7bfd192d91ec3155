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

func ends() (chan string, func(string)) {
	reasons := make(chan string, 10)
	return reasons, func(reason string) { reasons <- reason }
}

func expect(t *testing.T, reasons chan string, want string) {
	t.Helper()
	select {
	case got := <-reasons:
		if got != want {
			t.Errorf("ended because of %q, want %q", got, want)
		}
	case <-time.After(testdesktop.Patience):
		t.Fatalf("nothing reported, want %q", want)
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
	reasons, f := ends()
	if err := Watch(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	// First what does not concern this session, and is not reported.
	l.emit(t, "/org/freedesktop/login1", login1Manager+".PrepareForSleep", false)
	l.emit(t, sessionPath+"2", login1Session+".Lock")
	l.emit(t, sessionPath, properties+".PropertiesChanged", login1Session, map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(false), "Active": dbus.MakeVariant(true)}, []string{})
	l.emit(t, "/org/freedesktop/login1", login1Manager+".PrepareForSleep", true)
	expect(t, reasons, "sleep")
	l.emit(t, sessionPath, login1Session+".Lock")
	expect(t, reasons, "locked")
	l.emit(t, sessionPath, properties+".PropertiesChanged", login1Session, map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(true)}, []string{})
	expect(t, reasons, "locked")
	l.emit(t, sessionPath, properties+".PropertiesChanged", login1Session, map[string]dbus.Variant{"Active": dbus.MakeVariant(false)}, []string{})
	expect(t, reasons, "another session in front")
}

func TestScreenSaver(t *testing.T) {
	for _, saver := range screenSavers {
		t.Run(saver, func(t *testing.T) {
			address := testdesktop.Bus(t)
			t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
			l := logind{connect(t, address, saver)}
			reasons, f := ends()
			if err := Watch(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			l.emit(t, "/", saver+".ActiveChanged", false)
			l.emit(t, "/", saver+".ActiveChanged", true)
			expect(t, reasons, "locked")
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
	reasons, f := ends()
	if err := Watch(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	saver := logind{connect(t, session, screenSavers[0])}
	saver.emit(t, "/", screenSavers[0]+".ActiveChanged", true)
	expect(t, reasons, "locked")
}

// Watch fails rather than listen in vain: without any bus, and on a bus without a
// screen saver.
func TestUnavailable(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
	for name, address := range map[string]string{"no bus": "", "no screen saver": testdesktop.Bus(t)} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		if err := Watch(t.Context(), func(string) {}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A lost bus can report nothing any more: that counts as leaving. The end of the
// context does not.
func TestBusGoes(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
	reasons, f := ends()
	t.Run("bus", func(t *testing.T) {
		address := testdesktop.Bus(t)
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		connect(t, address, screenSavers[0])
		if err := Watch(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}) // the bus ends here
	expect(t, reasons, "the bus is gone")
}
