package testdesktop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// Reader reads the windows of a screen as a screen reader does, over AT-SPI.
type Reader struct {
	T    *testing.T
	conn *dbus.Conn
}

const (
	accessible   = "org.a11y.atspi.Accessible"
	registryName = "org.a11y.atspi.Registry"
	rootPath     = dbus.ObjectPath("/org/a11y/atspi/accessible/root")
)

// The states of AT-SPI that tests use (atspi-constants.h).
const (
	StateFocusable = 11
	StateFocused   = 12
	StateSelected  = 23
	StateShowing   = 25
)

// Labelled is the relation from an object to the text that labels it.
const Labelled = 2

// NewReader starts the accessibility bus of the session bus at that address, where
// programs find it by themselves.
func NewReader(t *testing.T, session string) *Reader {
	t.Helper()
	bus, err := dbus.Connect(session)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	var address string
	if err := bus.Object("org.a11y.Bus", "/org/a11y/bus").Call("org.a11y.Bus.GetAddress", 0).Store(&address); err != nil {
		need.Lacks(t, "the accessibility bus ("+err.Error()+")")
	}
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &Reader{t, conn}
}

// Thing is one accessible object, with those inside it.
type Thing struct {
	Role, Name, Description string
	Path                    dbus.ObjectPath
	bus                     string
	States                  uint64
	Relations               map[uint32][]string // the names of related objects, by relation
	Inside                  []Thing
}

// Is reports whether a state is set.
func (t Thing) Is(state int) bool { return t.States&(1<<state) != 0 }

// All returns the object and all inside it, in their order.
func (t Thing) All() []Thing {
	all := []Thing{t}
	for _, inside := range t.Inside {
		all = append(all, inside.All()...)
	}
	return all
}

// Outline describes the tree, for a failure's message.
func (t Thing) Outline() string {
	var b strings.Builder
	var write func(t Thing, depth int)
	write = func(t Thing, depth int) {
		fmt.Fprintf(&b, "%s%s %q %q\n", strings.Repeat("  ", depth), t.Role, t.Name, t.Description)
		for _, inside := range t.Inside {
			write(inside, depth+1)
		}
	}
	write(t, 0)
	return b.String()
}

type reference struct {
	Bus  string
	Path dbus.ObjectPath
}

// Window waits for a window that wanted accepts, and returns it with all inside it.
func (r *Reader) Window(wanted func(Thing) bool) Thing {
	r.T.Helper()
	var seen []string
	for end := time.Now().Add(Patience); ; seen = nil {
		for _, app := range r.children(reference{registryName, rootPath}) {
			for _, window := range r.children(app) {
				thing := r.see(window)
				if wanted(thing) {
					return thing
				}
				seen = append(seen, thing.Outline())
			}
		}
		if time.Now().After(end) {
			r.T.Fatalf("no such window on the accessibility bus, but:\n%s", strings.Join(seen, "\n"))
		}
	}
}

// Reports waits until a window with that title has an identifier that wanted accepts, by
// which our windows report how far they have come. It is the only way on Wayland, and the
// window need not be seen for it.
func (r *Reader) Reports(title string, wanted func(id string) bool) {
	r.T.Helper()
	var seen []string
	for end := time.Now().Add(Patience); ; seen = nil {
		for _, app := range r.children(reference{registryName, rootPath}) {
			for _, window := range r.children(app) {
				if r.text(window, "Name") != title {
					continue
				}
				id := r.text(window, "AccessibleId")
				if wanted(id) {
					return
				}
				seen = append(seen, id)
			}
		}
		if time.Now().After(end) {
			r.T.Fatalf("%s reports none of what is awaited, but %q", title, seen)
		}
	}
}

// Text is what a screen reader gets of an entry's text.
func (r *Reader) Text(t Thing) (text string) {
	r.T.Helper()
	if err := r.conn.Object(t.bus, t.Path).Call("org.a11y.atspi.Text.GetText", 0, int32(0), int32(-1)).Store(&text); err != nil {
		r.T.Fatal(err)
	}
	return text
}

// Insert writes into an entry as assistive programs can. It reports whether
// that was accepted.
func (r *Reader) Insert(t Thing, text string) (accepted bool) {
	r.T.Helper()
	if err := r.conn.Object(t.bus, t.Path).Call("org.a11y.atspi.EditableText.InsertText", 0, int32(0), text, int32(len(text))).Store(&accepted); err != nil {
		return false
	}
	return accepted
}

// ScreenReader announces to all programs that a screen reader runs, without which
// some describe nothing.
func ScreenReader(t *testing.T, session string) {
	t.Helper()
	bus, err := dbus.Connect(session)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	status := bus.Object("org.a11y.Bus", "/org/a11y/bus")
	for _, property := range []string{"ScreenReaderEnabled", "IsEnabled"} {
		if err := status.SetProperty("org.a11y.Status."+property, dbus.MakeVariant(true)); err != nil {
			t.Fatal(err)
		}
	}
}

// see reads an object. One that has gone in the meantime is empty.
func (r *Reader) see(o reference) Thing {
	t := Thing{Path: o.Path, bus: o.Bus, Name: r.text(o, "Name"), Description: r.text(o, "Description"), Relations: map[uint32][]string{}}
	_ = r.call(o, "GetRoleName").Store(&t.Role)
	var states []uint32
	if err := r.call(o, "GetState").Store(&states); err == nil && len(states) == 2 {
		t.States = uint64(states[0]) | uint64(states[1])<<32
	}
	var relations []struct {
		Kind uint32
		To   []reference
	}
	_ = r.call(o, "GetRelationSet").Store(&relations)
	for _, relation := range relations {
		for _, to := range relation.To {
			t.Relations[relation.Kind] = append(t.Relations[relation.Kind], r.text(to, "Name"))
		}
	}
	for _, child := range r.children(o) {
		t.Inside = append(t.Inside, r.see(child))
	}
	return t
}

func (r *Reader) call(o reference, method string) *dbus.Call {
	return r.conn.Object(o.Bus, o.Path).Call(accessible+"."+method, 0)
}

func (r *Reader) children(o reference) (list []reference) {
	_ = r.call(o, "GetChildren").Store(&list)
	return list
}

func (r *Reader) text(o reference, property string) string {
	v, err := r.conn.Object(o.Bus, o.Path).GetProperty(accessible + "." + property)
	if err != nil {
		return ""
	}
	text, _ := v.Value().(string)
	return text
}
