package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// notes is the desktop's notification server.
type notes struct{ titles chan string }

func (n *notes) GetCapabilities() ([]string, *dbus.Error) { return []string{"body"}, nil }

func (n *notes) Notify(_ string, _ uint32, _, title, _ string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	n.titles <- title
	return 1, nil
}

// TestRunNotifies: a running agent notifies once that it is ready, and not at all
// where the settings say so.
func TestRunNotifies(t *testing.T) {
	address := testdesktop.Bus(t)
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	n := &notes{titles: make(chan string, 10)}
	const name = "org.freedesktop.Notifications"
	if err := conn.Export(n, "/org/freedesktop/Notifications", name); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	w := workstation.New(t, "cps")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	run := func(settings string, until func(stop context.CancelFunc)) {
		w.Settings(t, "modules = [%q]\nlang = \"fr\"\n%s", w.Module, settings)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan int, 1)
		log := &started{stop: func() {}}
		if until == nil {
			log.stop = stop
		} else {
			go until(stop)
		}
		go func() {
			ended <- program().Run(ctx, []string{"--config", w.Config, "run", "--no-tray"}, &bytes.Buffer{}, log)
		}()
		if code := <-ended; code != 0 {
			t.Fatalf("exit %d: %s", code, log.text.String())
		}
	}
	run("notifications = false\n", nil)
	var got string
	run("", func(stop context.CancelFunc) {
		defer stop()
		select {
		case got = <-n.titles: // and until it is recorded that the desktop answered
			file := filepath.Join(os.Getenv("XDG_STATE_HOME"), "cpx-bridge", "notified.json")
			if err := testdesktop.AwaitFile(t.Context(), file, func(string) bool { return true }); err != nil {
				t.Error(err)
			}
		case <-time.After(testdesktop.Patience):
			t.Error("nobody was notified")
		}
	})
	run("", nil)
	if got != "CPx Bridge est prêt" || len(n.titles) != 0 {
		t.Errorf("told %q, and %s more: %q", got, fmt.Sprint(len(n.titles)), <-n.titles)
	}
}
