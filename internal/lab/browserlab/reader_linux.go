package browserlab

import (
	"context"
	"fmt"
	"image"
	"time"

	"github.com/godbus/dbus/v5"
)

// The browser's own question is not part of any page. Its text and its buttons,
// with their positions, are in the description of the window for screen readers.

const (
	registry   = "org.a11y.atspi.Registry"
	accessible = "org.a11y.atspi.Accessible"
	component  = "org.a11y.atspi.Component"
)

// thing is an accessible object, as a screen reader gets it.
type thing struct {
	conn *dbus.Conn
	Bus  string
	Path dbus.ObjectPath
}

// readersBus connects to the bus of screen readers, which the session bus starts.
func (s *screen) readersBus(ctx context.Context) (*dbus.Conn, error) {
	session, err := dbus.Connect(s.bus, dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer session.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var address string
	call := session.Object("org.a11y.Bus", "/org/a11y/bus").CallWithContext(ctx, "org.a11y.Bus.GetAddress", 0)
	if err := call.Store(&address); err != nil {
		return nil, fmt.Errorf("the bus of screen readers: %w", err)
	}
	return dbus.Connect(address)
}

// programs are the accessible programs.
func (s *screen) programs(ctx context.Context) ([]thing, error) {
	return thing{s.readers, registry, "/org/a11y/atspi/accessible/root"}.children(ctx)
}

func (t thing) call(ctx context.Context, method string, args ...any) *dbus.Call {
	// A window that is being closed may never answer.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return t.conn.Object(t.Bus, t.Path).CallWithContext(ctx, method, 0, args...)
}

func (t thing) children(ctx context.Context) ([]thing, error) {
	var list []struct {
		Bus  string
		Path dbus.ObjectPath
	}
	if err := t.call(ctx, accessible+".GetChildren").Store(&list); err != nil {
		return nil, err
	}
	found := make([]thing, len(list))
	for i, c := range list {
		found[i] = thing{t.conn, c.Bus, c.Path}
	}
	return found, nil
}

func (t thing) role(ctx context.Context) (role string, err error) {
	err = t.call(ctx, accessible+".GetRoleName").Store(&role)
	return role, err
}

func (t thing) name(ctx context.Context) (name string, err error) {
	var v dbus.Variant
	if err := t.call(ctx, "org.freedesktop.DBus.Properties.Get", accessible, "Name").Store(&v); err != nil {
		return "", err
	}
	name, _ = v.Value().(string)
	return name, nil
}

// middle is the point on the screen where it can be clicked.
func (t thing) middle(ctx context.Context) (image.Point, error) {
	var at struct{ X, Y, W, H int32 }
	if err := t.call(ctx, component+".GetExtents", uint32(0)).Store(&at); err != nil {
		return image.Point{}, err
	}
	return image.Pt(int(at.X+at.W/2), int(at.Y+at.H/2)), nil
}

// pressed reports whether a switch is on.
func (t thing) pressed(ctx context.Context) (bool, error) {
	var states []uint32
	if err := t.call(ctx, accessible+".GetState").Store(&states); err != nil || len(states) == 0 {
		return false, err
	}
	const checked, pressed = 4, 20 // AtspiStateType
	return states[0]&(1<<checked|1<<pressed) != 0, nil
}

// find searches all objects in it but the page's.
func (t thing) find(ctx context.Context, role string, is func(name string) bool) (thing, bool) {
	if r, err := t.role(ctx); err != nil || r == "document web" {
		return t, false
	} else if r == role {
		if name, err := t.name(ctx); err == nil && is(name) {
			return t, true
		}
	}
	children, err := t.children(ctx)
	if err != nil {
		return t, false
	}
	for _, c := range children {
		if found, ok := c.find(ctx, role, is); ok {
			return found, true
		}
	}
	return t, false
}

// buttons returns the positions of the buttons in it, by name.
func (t thing) buttons(ctx context.Context) (map[string]image.Point, error) {
	found := map[string]image.Point{}
	role, err := t.role(ctx)
	if err != nil {
		return nil, err
	}
	if role == "push button" || role == "button" {
		name, err := t.name(ctx)
		if err != nil {
			return nil, err
		}
		found[name], err = t.middle(ctx)
		return found, err
	}
	children, err := t.children(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range children {
		more, err := c.buttons(ctx)
		if err != nil {
			return nil, err
		}
		for name, at := range more {
			found[name] = at
		}
	}
	return found, nil
}
