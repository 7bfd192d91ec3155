package testdesktop

import (
	"github.com/godbus/dbus/v5"
)

// Call does to an object what any program on the accessibility bus can (at-spi2-core's
// xml/Action.xml and its neighbours). It reports whether the window says that it was done.
func (r *Reader) Call(t Thing, method string, args ...any) (done bool) {
	r.T.Helper()
	err := r.conn.Object(t.bus, t.Path).Call("org.a11y.atspi."+method, 0, args...).Store(&done)
	if err != nil {
		r.T.Fatalf("%s: %v", method, err)
	}
	return done
}

// KeyListener is another program, to which the accessibility bus hands keys.
type KeyListener struct {
	Got  chan string
	eats string
}

// NotifyEvent is called for each key, before the window that the key is for gets it. The
// key never gets there where it returns true (at-spi2-core, xml/DeviceEventListener.xml).
func (l *KeyListener) NotifyEvent(e struct {
	Type, ID, HW, Modifiers, Time int32
	Text                          string
	IsText                        bool
}) (bool, *dbus.Error) {
	const press = 0
	if e.Type == press {
		l.Got <- e.Text
	}
	return e.Text == l.eats, nil
}

// Listen asks for all keys, as a screen reader does for its shortcuts, and takes one away.
func (r *Reader) Listen(eats string) *KeyListener {
	r.T.Helper()
	l := &KeyListener{make(chan string, 100), eats}
	path := dbus.ObjectPath("/fr/example/listener")
	if err := r.conn.Export(l, path, "org.a11y.atspi.DeviceEventListener"); err != nil {
		r.T.Fatal(err)
	}
	type key struct {
		Code, Symbol int32
		Name         string
		Unused       int32
	}
	type mode struct{ Synchronous, Preemptive, Global bool }
	const both, shifted = uint32(3), 1
	for modifiers := range uint32(shifted + 1) {
		call := r.conn.Object("org.a11y.atspi.Registry", "/org/a11y/atspi/registry/deviceeventcontroller").Call(
			"org.a11y.atspi.DeviceEventController.RegisterKeystrokeListener", 0,
			path, []key{}, modifiers, both, mode{true, true, false})
		if call.Err != nil {
			r.T.Fatal(call.Err)
		}
	}
	return l
}
