package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

// The desktop's notification server (Desktop Notifications Specification 1.2).
const (
	server = "org.freedesktop.Notifications"
	object = "/org/freedesktop/Notifications"
)

// address is that of the session's bus, "" where there is none. None is started
// here, because no server would be on it to show anything.
func address() string {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" {
		return a
	}
	if bus := dirs.SessionBus(); bus != "" {
		return "unix:path=" + bus
	}
	return ""
}

// Send shows the note.
func Send(ctx context.Context, n Note) (func(), error) {
	bus := address()
	if bus == "" {
		return nil, fmt.Errorf("%w: no session bus", ErrUnsupported)
	}
	conn, err := dbus.Connect(bus, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: session bus: %w", ErrUnsupported, err)
	}
	defer conn.Close()
	o := conn.Object(server, object)
	var abilities []string
	if err := o.CallWithContext(ctx, server+".GetCapabilities", 0).Store(&abilities); err != nil {
		// When the context ends, the error may be that of the closed connection.
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, errors.Join(ctx.Err(), err))
	}
	body := safe(n.Body)
	if slices.Contains(abilities, "body-markup") {
		body = escape.Replace(body)
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant("cpx-bridge"), "urgency": dbus.MakeVariant(byte(1))}
	call := o.CallWithContext(ctx, server+".Notify", 0,
		"CPx Bridge", uint32(0), "", safe(n.Title), body, []string{}, hints, int32(-1))
	var id uint32
	if err := call.Store(&id); err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	return func() { retract(bus, id) }, nil
}

// retract closes a note, also where the desktop has it in a list of those that were
// shown. One that the person closed is unknown to the server, which is no error.
func retract(bus string, id uint32) {
	ctx, cancel := context.WithTimeout(context.Background(), sendLimit)
	defer cancel()
	conn, err := dbus.Connect(bus, dbus.WithContext(ctx))
	if err != nil {
		return // the desktop has gone, with its notes
	}
	defer conn.Close()
	_ = conn.Object(server, object).CallWithContext(ctx, server+".CloseNotification", 0, id).Err
}

// withdraw has nothing to do: a note is the server's once it is sent.
func withdraw() {}

// escape is for servers that parse markup in a body; a title is always plain.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")
