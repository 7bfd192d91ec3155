package desktop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/godbus/dbus/v5"
)

// The names and members of logind (org.freedesktop.login1, systemd) and of the
// screen savers (Idle Inhibition Service, and the desktops' variants of it).
const (
	login1        = "org.freedesktop.login1"
	login1Manager = "org.freedesktop.login1.Manager"
	login1Session = "org.freedesktop.login1.Session"
	properties    = "org.freedesktop.DBus.Properties"
)

var screenSavers = []string{
	"org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver", "org.mate.ScreenSaver", "org.cinnamon.ScreenSaver", "org.xfce.ScreenSaver",
}

// Watch calls on for each event, until ctx ends. It returns once it listens, and fails
// with ErrUnavailable where it can listen neither to the system's session manager nor to
// the desktop's screen saver. It never reports Ends: a session of Linux ends its programs
// by signals.
func Watch(ctx context.Context, on func(Event)) error {
	var errs []error
	listening := 0
	for _, listen := range []func(context.Context, func(Event)) error{watchSystem, watchSession} {
		if err := listen(ctx, on); err != nil {
			errs = append(errs, err)
			continue
		}
		listening++
	}
	if listening == 0 {
		return fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(errs...))
	}
	return nil
}

// watchSystem listens to logind: sleep, and this session locked or no longer in
// front, and the end of each.
func watchSystem(ctx context.Context, on func(Event)) error {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("system bus: %w", err)
	}
	session, err := ownSession(conn)
	if err == nil {
		err = errors.Join(
			conn.AddMatchSignal(dbus.WithMatchInterface(login1Manager), dbus.WithMatchMember("PrepareForSleep")),
			conn.AddMatchSignal(dbus.WithMatchInterface(login1Session), dbus.WithMatchMember("Lock"), dbus.WithMatchObjectPath(session)),
			conn.AddMatchSignal(dbus.WithMatchInterface(login1Session), dbus.WithMatchMember("Unlock"), dbus.WithMatchObjectPath(session)),
			conn.AddMatchSignal(dbus.WithMatchInterface(properties), dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchObjectPath(session)),
		)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("logind: %w", err), conn.Close())
	}
	follow(ctx, conn, func(s *dbus.Signal) {
		switch {
		case s.Name == login1Manager+".PrepareForSleep" && first(s, true):
			on(Event{Away, "sleep"})
		case s.Name == login1Manager+".PrepareForSleep" && first(s, false):
			on(Event{Resumed, "woken up"})
		case s.Name == login1Session+".Lock":
			on(Event{Away, "locked"})
		case s.Name == login1Session+".Unlock":
			on(Event{Back, "unlocked"})
		case s.Name == properties+".PropertiesChanged":
			propertiesChanged(s, on)
		}
	}, on)
	return nil
}

// propertiesChanged reports what changed of this session's properties, in the order in which
// nothing is missed: that the person leaves comes first.
func propertiesChanged(s *dbus.Signal, on func(Event)) {
	for _, c := range []struct {
		property string
		value    bool
		event    Event
	}{
		{"LockedHint", true, Event{Away, "locked"}},
		{"Active", false, Event{Away, "another session in front"}},
		{"LockedHint", false, Event{Back, "unlocked"}},
		{"Active", true, Event{Resumed, "this session in front"}},
	} {
		if changed(s, c.property, c.value) {
			on(c.event)
		}
	}
}

func ownSession(conn *dbus.Conn) (dbus.ObjectPath, error) {
	manager := conn.Object(login1, "/org/freedesktop/login1")
	var path dbus.ObjectPath
	if id := os.Getenv("XDG_SESSION_ID"); id != "" {
		if err := manager.Call(login1Manager+".GetSession", 0, id).Store(&path); err == nil {
			return path, nil
		}
	}
	err := manager.Call(login1Manager+".GetSessionByPID", 0, uint32(os.Getpid())).Store(&path)
	return path, err
}

// watchSession listens to the desktop's screen saver, whichever it is.
func watchSession(ctx context.Context, on func(Event)) error {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		return errors.New("session bus: there is none") // and one that we started would carry no signals
	}
	conn, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("session bus: %w", err)
	}
	var names []string
	err = conn.BusObject().Call("org.freedesktop.DBus.ListNames", 0).Store(&names)
	running := false
	for _, saver := range screenSavers {
		err = errors.Join(err, conn.AddMatchSignal(dbus.WithMatchInterface(saver), dbus.WithMatchMember("ActiveChanged")))
		for _, name := range names {
			running = running || name == saver
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("session bus: %w", err), conn.Close())
	}
	// Listen in any case: at the desktop's start the agent may come before the
	// screen saver. But a bus without one does not count as watched.
	follow(ctx, conn, func(s *dbus.Signal) {
		switch {
		case first(s, true):
			on(Event{Away, "locked"})
		case first(s, false):
			on(Event{Back, "unlocked"})
		}
	}, on)
	if !running {
		return errors.New("session bus: no screen saver is on it")
	}
	return nil
}

// follow passes signals on until ctx ends. A lost bus can report nothing any
// more.
func follow(ctx context.Context, conn *dbus.Conn, do func(*dbus.Signal), on func(Event)) {
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	var once sync.Once
	closed := func() { once.Do(func() { _ = conn.Close() }) }
	context.AfterFunc(ctx, closed)
	go func() {
		defer closed()
		for s := range signals {
			do(s)
		}
		if ctx.Err() == nil {
			on(Event{Lost, "the bus is gone"})
		}
	}()
}

func first(s *dbus.Signal, want bool) bool {
	if len(s.Body) == 0 {
		return false
	}
	value, ok := s.Body[0].(bool)
	return ok && value == want
}

func changed(s *dbus.Signal, property string, want bool) bool {
	if len(s.Body) < 2 {
		return false
	}
	values, _ := s.Body[1].(map[string]dbus.Variant)
	value, ok := values[property].Value().(bool)
	return ok && value == want
}
