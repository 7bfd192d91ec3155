package notify

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// notes is a notification server that records what it receives.
type notes struct {
	abilities []string
	shown     chan [3]string // program, title, body
	hang      chan struct{}
}

func (n *notes) GetCapabilities() ([]string, *dbus.Error) {
	if n.hang != nil {
		<-n.hang
	}
	return n.abilities, nil
}

func (n *notes) Notify(program string, _ uint32, _, title, body string, _ []string, hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	if hints["urgency"].Value() != byte(1) || hints["desktop-entry"].Value() != "cpx-bridge" {
		return 0, dbus.MakeFailedError(errors.New("hints"))
	}
	n.shown <- [3]string{program, title, body}
	return 1, nil
}

// onBus gives the test a session bus, with a notification server where n is not
// nil.
func onBus(t *testing.T, n *notes) (address string) {
	t.Helper()
	address = testdesktop.Bus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	if n == nil {
		return address
	}
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Export(n, object, server); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName(server, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	return address
}

// hostile is a name that a card may hold.
const hostile = `<b>Dr</b> & "Co"` + "\u202e\x1b[31m"

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		abilities []string
		body      string
	}{
		"markup": {[]string{"actions", "body", "body-markup"}, "&lt;b&gt;Dr&lt;/b&gt; &amp; &quot;Co&quot;\uFFFD\uFFFD[31m"},
		"plain":  {[]string{"body"}, `<b>Dr</b> & "Co"` + "\uFFFD\uFFFD[31m"},
	} {
		t.Run(name, func(t *testing.T) {
			n := &notes{abilities: c.abilities, shown: make(chan [3]string, 1)}
			onBus(t, n)
			if _, err := Send(within(t, testdesktop.Patience), Note{hostile, hostile}); err != nil {
				t.Fatal(err)
			}
			want := [3]string{"CPx Bridge", `<b>Dr</b> & "Co"` + "\uFFFD\uFFFD[31m", c.body}
			if got := <-n.shown; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// TestNobody: without a bus, without a server, and with one that hangs, Send fails
// within its context's time.
func TestNobody(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	for _, bus := range []string{"", "unix:path=/nonexistent/bus", "rubbish"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
		if _, err := Send(within(t, testdesktop.Patience), Note{"a", "b"}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("bus %q: %v", bus, err)
		}
	}
	onBus(t, nil)
	if _, err := Send(within(t, testdesktop.Patience), Note{"a", "b"}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a bus alone: %v", err)
	}
	n := &notes{hang: make(chan struct{}), shown: make(chan [3]string, 1)}
	defer close(n.hang)
	onBus(t, n)
	if _, err := Send(within(t, time.Second), Note{"a", "b"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that hangs: %v", err)
	}
}

// TestRealServer has dunst show a note, and asks it what it shows: markup in a name
// is not interpreted.
func TestRealServer(t *testing.T) {
	dunst, dunstctl := need.Program(t, "dunst"), need.Program(t, "dunstctl")
	address := onBus(t, nil)
	env := []string{"DISPLAY=" + testdesktop.Display(t), "DBUS_SESSION_BUS_ADDRESS=" + address, "HOME=" + t.TempDir(), "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	daemon := exec.Command(dunst)
	daemon.Env = env
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, server)); err != nil {
		t.Fatal(err)
	}
	owned := make(chan *dbus.Signal, 1)
	conn.Signal(owned)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait() })
	select {
	case <-owned:
	case <-time.After(testdesktop.Patience):
		t.Fatal("dunst does not start")
	}
	retract, err := Send(within(t, testdesktop.Patience), Note{"CPx Bridge est prêt", `<b>Dr</b> TEST & "Co"`})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) []byte {
		cmd := exec.CommandContext(within(t, testdesktop.Patience), dunstctl, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("dunstctl %v: %v\n%s", args, err, out)
		}
		return out
	}
	counts := func(what string) {
		t.Helper()
		for end := time.Now().Add(testdesktop.Patience); strings.TrimSpace(string(ask("count", what))) != "1"; {
			if time.Now().After(end) {
				t.Fatalf("dunst does not count one note %s", what)
			}
		}
	}
	counts("displayed")
	retract()
	counts("history")
	retract() // once more is no error
	var history struct {
		Data [][]map[string]struct{ Data any }
	}
	if err := json.Unmarshal(ask("history"), &history); err != nil || len(history.Data) != 1 || len(history.Data[0]) != 1 {
		t.Fatalf("%v %+v", err, history)
	}
	shown := history.Data[0][0]
	if shown["appname"].Data != "CPx Bridge" || shown["summary"].Data != "CPx Bridge est prêt" || shown["body"].Data != `&lt;b&gt;Dr&lt;/b&gt; TEST &amp; &quot;Co&quot;` {
		t.Errorf("%+v", shown)
	}
}
