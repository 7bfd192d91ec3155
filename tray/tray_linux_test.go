package tray

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/testdesk"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// roleVariable makes this program the agent's tray: it wants the main goroutine
// and works once in a process.
const roleVariable = "CPX_TEST_TRAY"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "available":
		fmt.Println(Available())
		os.Exit(0)
	case "run":
		fmt.Println("available", Available())
		a := &cards{changes: make(chan struct{}, 1)}
		go a.follow(os.Stdin)
		fmt.Println("quit", Run(context.Background(), a))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// cards is an agent whose card the test puts in and takes out.
type cards struct {
	mu      sync.Mutex
	present bool
	chosen  string
	changes chan struct{}
}

func (c *cards) follow(in io.Reader) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		c.mu.Lock()
		c.present = lines.Text() == "insert"
		c.mu.Unlock()
		c.changes <- struct{}{}
	}
}

func (c *cards) State() agent.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := agent.State{Lang: agent.French, Readers: 1, Card: "absent"}
	if !c.present {
		return s
	}
	s.Card = "present"
	for _, id := range []string{"one", "two", "expired"} {
		held := agent.CertificateState{ID: id, Holder: prompt.Holder{Name: "TEST_" + id, Kind: "CPS"}, Chosen: id == c.chosen}
		if id == "expired" {
			held.Reason = pkcs11.Expired
		}
		s.Certificates = append(s.Certificates, held)
	}
	return s
}

func (c *cards) Use(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chosen = id
	fmt.Println("use", id)
	return nil
}

func (c *cards) Refresh(context.Context)                 { fmt.Println("refresh") }
func (c *cards) Changes(context.Context) <-chan struct{} { return c.changes }

// desktop starts a display and a session bus of the test's own.
func desktop(t *testing.T) (env []string, address string) {
	t.Helper()
	address = testdesk.Bus(t)
	home := t.TempDir()
	return append(os.Environ(), "DISPLAY="+testdesk.Display(t), "WAYLAND_DISPLAY=", "DBUS_SESSION_BUS_ADDRESS="+address, "HOME="+home,
		"XDG_RUNTIME_DIR="+home, "NO_AT_BRIDGE=1"), address
}

// watcher is the host of tray icons: it gets the name of each that registers.
type watcher struct{ items chan string }

func (w *watcher) RegisterStatusNotifierItem(service string, from dbus.Sender) *dbus.Error {
	w.items <- string(from) + " " + service
	return nil
}

// node is an entry of com.canonical.dbusmenu.
type node struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	menuPath    = dbus.ObjectPath("/org/ayatana/NotificationItem/systray/Menu")
	menuName    = "com.canonical.dbusmenu"
)

// trayMenu is what a person sees when the icon's menu opens.
type trayMenu struct {
	t       *testing.T
	object  dbus.BusObject
	signals chan *dbus.Signal
}

func (m trayMenu) entries() []node {
	m.t.Helper()
	var revision uint32
	var root node
	if err := m.object.Call(menuName+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
		m.t.Fatal(err)
	}
	var list []node
	for _, child := range root.Children {
		var n node
		if err := dbus.Store([]any{child.Value()}, &n); err != nil {
			m.t.Fatal(err)
		}
		if visible, ok := n.Properties["visible"].Value().(bool); !ok || visible {
			list = append(list, n)
		}
	}
	return list
}

func (n node) label() string {
	label, _ := n.Properties["label"].Value().(string)
	return strings.ReplaceAll(label, "__", "_")
}

func (n node) enabled() bool {
	enabled, given := n.Properties["enabled"].Value().(bool)
	return !given || enabled
}

func (n node) checked() bool {
	state, _ := n.Properties["toggle-state"].Value().(int32)
	return state == 1
}

func (m trayMenu) labels() (labels []string) {
	for _, n := range m.entries() {
		if n.label() != "" {
			labels = append(labels, n.label())
		}
	}
	return labels
}

// await waits for signals of the menu until it is as wanted.
func (m trayMenu) await(what string, wanted func() bool) {
	m.t.Helper()
	late := time.After(testdesk.Patience)
	for !wanted() {
		select {
		case <-m.signals:
		case <-late:
			m.t.Fatalf("%s: the menu stays %q", what, m.labels())
		}
	}
}

func (m trayMenu) click(label string) {
	m.t.Helper()
	for _, n := range m.entries() {
		if strings.HasPrefix(n.label(), label) {
			if err := m.object.Call(menuName+".Event", 0, n.ID, "clicked", dbus.MakeVariant(""), uint32(0)).Err; err != nil {
				m.t.Fatal(err)
			}
			return
		}
	}
	m.t.Fatalf("no %q in the menu %q", label, m.labels())
}

// host makes the test the desktop's tray.
func host(t *testing.T, address string) (*dbus.Conn, *watcher) {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	w := &watcher{items: make(chan string, 4)}
	reply, err := conn.RequestName(watcherName, dbus.NameFlagDoNotQueue)
	if err := errors.Join(err, conn.Export(w, "/StatusNotifierWatcher", watcherName),
		conn.Export(registered{}, "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties")); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(err, reply)
	}
	return conn, w
}

// registered answers that a tray is there.
type registered struct{}

func (registered) Get(_, name string) (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant(name == "IsStatusNotifierHostRegistered"), nil
}

func (registered) GetAll(string) (map[string]dbus.Variant, *dbus.Error) {
	return map[string]dbus.Variant{"IsStatusNotifierHostRegistered": dbus.MakeVariant(true), "ProtocolVersion": dbus.MakeVariant(int32(0))}, nil
}

func TestMenuOnARealBus(t *testing.T) {
	env, address := desktop(t)
	conn, w := host(t, address)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(env, roleVariable+"=run")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	said := bufio.NewScanner(out)
	says := func(want string) {
		t.Helper()
		if !said.Scan() || said.Text() != want {
			t.Fatalf("the tray says %q, want %q", said.Text(), want)
		}
	}
	says("available true")

	var m trayMenu
	select {
	case item := <-w.items:
		sender, _, _ := strings.Cut(item, " ")
		m = trayMenu{t, conn.Object(sender, menuPath), make(chan *dbus.Signal, 256)}
	case <-time.After(testdesk.Patience):
		t.Fatal("no icon registered")
	}
	if err := conn.AddMatchSignal(dbus.WithMatchInterface(menuName)); err != nil {
		t.Fatal(err)
	}
	conn.Signal(m.signals)
	empty := []string{"Aucune carte", "Actualiser", "Quitter CPx Bridge"}
	m.await("no card", func() bool { return slices.Equal(m.labels(), empty) })

	if _, err := io.WriteString(in, "insert\n"); err != nil {
		t.Fatal(err)
	}
	m.await("card in", func() bool { l := m.labels(); return len(l) == 6 && l[0] == "Carte prête : TEST_one" })
	// Shown last with the reason, greyed: a click does nothing.
	for i, n := range m.entries()[2:5] {
		expired := i == 2
		if strings.HasPrefix(n.label(), "TEST_expired") != expired || strings.HasSuffix(n.label(), " · expiré") != expired || n.enabled() == expired {
			t.Errorf("entry %d: %q, enabled %v", i, n.label(), n.enabled())
		}
	}
	m.click("TEST_expired")
	m.click("TEST_two")
	says("use two")
	m.await("the choice is marked", func() bool { e := m.entries(); return len(e) > 3 && !e[2].checked() && e[3].checked() })

	m.click("Actualiser")
	says("refresh")
	if _, err := io.WriteString(in, "remove\n"); err != nil {
		t.Fatal(err)
	}
	m.await("card out", func() bool { return slices.Equal(m.labels(), empty) })

	m.click("Quitter")
	says("quit true")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// GTK would end the process: the tray must say no first.
func TestNoDisplay(t *testing.T) {
	for _, display := range []string{"", ":4242"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleVariable+"=available", "DISPLAY="+display, "WAYLAND_DISPLAY=")
		out, err := cmd.Output()
		if err != nil || strings.TrimSpace(string(out)) != "false" {
			t.Errorf("DISPLAY=%q: %q, %v", display, out, err)
		}
	}
}

// Every reason and the end that is near have words in both languages.
func TestTitles(t *testing.T) {
	for _, lang := range []string{agent.French, agent.English} {
		seen := map[string]bool{}
		for _, c := range []agent.CertificateState{
			{}, {Reason: pkcs11.Expired}, {Reason: pkcs11.NotYetValid}, {Reason: pkcs11.NotForAuthentication}, {Reason: pkcs11.KeyWithoutPIN}, {Holder: prompt.Holder{Renew: true}},
		} {
			c.Holder.Name = "TEST_x"
			l := title(c, lang)
			if !strings.HasPrefix(l, "TEST__x") || seen[l] {
				t.Errorf("%s: %+v: %q", lang, c, l)
			}
			seen[l] = true
		}
	}
}

func TestEveryStateHasALine(t *testing.T) {
	usable := []agent.CertificateState{{Holder: prompt.Holder{Name: "TEST"}}}
	for _, lang := range []string{agent.French, agent.English} {
		seen := map[string]bool{}
		for _, s := range []agent.State{
			{Err: errors.New("x")}, {Card: "unknown"}, {Card: "absent"}, {Card: "absent", Readers: 1},
			{Card: "present", Readers: 1}, {Card: "present", Readers: 1, Certificates: usable},
		} {
			s.Lang = lang
			if l := line(s); l == "" || seen[l] {
				t.Errorf("%s: %+v: %q", lang, s, l)
			} else {
				seen[l] = true
			}
		}
	}
}
