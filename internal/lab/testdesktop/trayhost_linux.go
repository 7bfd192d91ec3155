package testdesktop

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// The names of a desktop's tray: StatusNotifierItem (freedesktop.org) and
// com.canonical.dbusmenu, at the toolkit's paths.
const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = dbus.ObjectPath("/StatusNotifierWatcher")
	itemName    = "org.kde.StatusNotifierItem"
	itemPath    = dbus.ObjectPath("/org/ayatana/NotificationItem/systray")
	menuPath    = itemPath + "/Menu"
	menuName    = "com.canonical.dbusmenu"
	properties  = "org.freedesktop.DBus.Properties"
)

// TrayHost makes the test the desktop's tray, on a bus of its own.
type TrayHost struct {
	T     testing.TB
	conn  *dbus.Conn
	items chan string
}

// NewTrayHost acquires the tray's name on the bus.
func NewTrayHost(t testing.TB, address string) *TrayHost {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	h := &TrayHost{T: t, conn: conn, items: make(chan string, 64)}
	if err := errors.Join(conn.Export(registrar{h.items}, watcherPath, watcherName), conn.Export(registered{}, watcherPath, properties)); err != nil {
		t.Fatal(err)
	}
	h.Come()
	return h
}

// Come acquires the name, as a panel does when it starts.
func (h *TrayHost) Come() {
	h.T.Helper()
	reply, err := h.conn.RequestName(watcherName, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		h.T.Fatal(err, reply)
	}
}

// Go releases the name, as a panel does when it ends.
func (h *TrayHost) Go() {
	h.T.Helper()
	if _, err := h.conn.ReleaseName(watcherName); err != nil {
		h.T.Fatal(err)
	}
}

// registrar receives the name of each icon that registers.
type registrar struct{ items chan string }

func (r registrar) RegisterStatusNotifierItem(_ string, from dbus.Sender) *dbus.Error {
	r.items <- string(from)
	return nil
}

// registered answers that a tray is present.
type registered struct{}

func (registered) Get(_, name string) (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant(name == "IsStatusNotifierHostRegistered"), nil
}

func (registered) GetAll(string) (map[string]dbus.Variant, *dbus.Error) {
	return map[string]dbus.Variant{"IsStatusNotifierHostRegistered": dbus.MakeVariant(true), "ProtocolVersion": dbus.MakeVariant(int32(0))}, nil
}

// Icon waits for an icon to register.
func (h *TrayHost) Icon() *TrayIcon {
	h.T.Helper()
	select {
	case sender := <-h.items:
		i := &TrayIcon{T: h.T, conn: h.conn, sender: sender, changed: make(chan struct{}, 1)}
		i.listen()
		return i
	case <-time.After(Patience):
		h.T.Fatal("no icon registered")
		return nil
	}
}

// TrayIcon is an icon with its menu, as a person sees and clicks them.
type TrayIcon struct {
	T       testing.TB
	conn    *dbus.Conn
	sender  string
	changed chan struct{}
	noMenu  bool // the menu was not on the bus at the last reading
}

func (i *TrayIcon) listen() {
	i.T.Helper()
	for _, of := range []string{menuName, itemName} {
		if err := i.conn.AddMatchSignal(dbus.WithMatchInterface(of), dbus.WithMatchSender(i.sender)); err != nil {
			i.T.Fatal(err)
		}
	}
	signals := make(chan *dbus.Signal, 16)
	i.conn.Signal(signals)
	i.T.Cleanup(func() { i.conn.RemoveSignal(signals); close(signals) })
	go func() {
		for s := range signals {
			if s.Sender != i.sender {
				continue
			}
			select {
			case i.changed <- struct{}{}:
			default:
			}
		}
	}()
}

// File returns the picture that the panel shows, "" before there is one.
func (i *TrayIcon) File() string {
	i.T.Helper()
	v, err := i.conn.Object(i.sender, itemPath).GetProperty(itemName + ".IconName")
	if err != nil {
		i.T.Fatal(err)
	}
	name, _ := v.Value().(string)
	return name
}

// Name returns the icon's name in the panel.
func (i *TrayIcon) Name() string {
	i.T.Helper()
	v, err := i.conn.Object(i.sender, itemPath).GetProperty(itemName + ".Title")
	if err != nil {
		i.T.Fatal(err)
	}
	name, _ := v.Value().(string)
	return name
}

// TrayEntry is an entry of the menu.
type TrayEntry struct {
	ID               int32
	Label            string
	Enabled, Checked bool
	Entries          []TrayEntry
}

// node is an entry in the form of the bus.
type node struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// Entries returns the visible entries that have a label.
func (i *TrayIcon) Entries() []TrayEntry {
	i.T.Helper()
	var revision uint32
	var root node
	err := i.conn.Object(i.sender, menuPath).Call(menuName+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root)
	var refused dbus.Error
	// An icon registers before its menu is on the bus.
	i.noMenu = errors.As(err, &refused) && slices.Contains([]string{"org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.UnknownObject"}, refused.Name)
	if i.noMenu {
		return nil
	}
	if err != nil {
		i.T.Fatal(err)
	}
	return i.entries(root)
}

func (i *TrayIcon) entries(parent node) (list []TrayEntry) {
	i.T.Helper()
	for _, child := range parent.Children {
		var n node
		if err := dbus.Store([]any{child.Value()}, &n); err != nil {
			i.T.Fatal(err)
		}
		label, _ := n.Properties["label"].Value().(string)
		visible, stated := n.Properties["visible"].Value().(bool)
		if label == "" || stated && !visible {
			continue
		}
		enabled, stated := n.Properties["enabled"].Value().(bool)
		state, _ := n.Properties["toggle-state"].Value().(int32)
		list = append(list, TrayEntry{
			ID: n.ID, Label: underlines.Replace(label), Enabled: !stated || enabled, Checked: state == 1, Entries: i.entries(n),
		})
	}
	return list
}

// underlines converts a label to what a panel shows: a single underline marks the
// shortcut and is not shown, a double one is shown as one.
var underlines = strings.NewReplacer("__", "_", "_", "")

// Labels returns the labels of the menu itself, without submenus.
func (i *TrayIcon) Labels() []string {
	i.T.Helper()
	return LabelsOf(i.Entries())
}

// LabelsOf returns the labels of a list of entries.
func LabelsOf(entries []TrayEntry) (labels []string) {
	for _, e := range entries {
		labels = append(labels, e.Label)
	}
	return labels
}

// Find returns the first entry whose label begins with the path's element; longer
// paths lead into submenus.
func (i *TrayIcon) Find(path ...string) (TrayEntry, bool) {
	i.T.Helper()
	return find(i.Entries(), path)
}

func find(entries []TrayEntry, path []string) (TrayEntry, bool) {
	at := slices.IndexFunc(entries, func(e TrayEntry) bool { return strings.HasPrefix(e.Label, path[0]) })
	if at < 0 {
		return TrayEntry{}, false
	}
	if len(path) == 1 {
		return entries[at], true
	}
	return find(entries[at].Entries, path[1:])
}

// Has reports whether Find finds an entry.
func (i *TrayIcon) Has(path ...string) bool {
	i.T.Helper()
	_, ok := i.Find(path...)
	return ok
}

// Click waits for an entry and clicks on it. It does not wait for an answer, because
// a program that quits sends none.
func (i *TrayIcon) Click(path ...string) {
	i.T.Helper()
	i.Await("an entry to click: "+strings.Join(path, " ▸ "), func() bool { return i.Has(path...) })
	e, _ := i.Find(path...)
	if err := i.conn.Object(i.sender, menuPath).Call(menuName+".Event", dbus.FlagNoReplyExpected, e.ID, "clicked", dbus.MakeVariant(""), uint32(0)).Err; err != nil {
		i.T.Fatal(err)
	}
}

// Await waits for signals of icon and menu until wanted returns true.
func (i *TrayIcon) Await(what string, wanted func() bool) {
	i.T.Helper()
	deadline := time.After(Patience)
	for !wanted() {
		var poll <-chan time.Time // no signal reports that the menu is on the bus
		if i.noMenu {
			poll = time.After(10 * time.Millisecond)
		}
		select {
		case <-i.changed:
		case <-poll:
		case <-deadline:
			i.T.Fatalf("%s: the menu stays %q", what, i.Labels())
		}
	}
}
