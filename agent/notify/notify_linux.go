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
func Send(ctx context.Context, n Note) error {
	bus := address()
	if bus == "" {
		return fmt.Errorf("%w: no session bus", ErrUnsupported)
	}
	conn, err := dbus.Connect(bus, dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("%w: session bus: %w", ErrUnsupported, err)
	}
	defer conn.Close()
	o := conn.Object(server, object)
	var abilities []string
	if err := o.CallWithContext(ctx, server+".GetCapabilities", 0).Store(&abilities); err != nil {
		// When the context ends, the error may be that of the closed connection.
		return fmt.Errorf("%w: %w", ErrUnsupported, errors.Join(ctx.Err(), err))
	}
	body := safe(n.Body)
	if slices.Contains(abilities, "body-markup") {
		body = escape.Replace(body)
	}
	hints := map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant("cpx-bridge"), "urgency": dbus.MakeVariant(byte(1))}
	call := o.CallWithContext(ctx, server+".Notify", 0,
		"CPx Bridge", uint32(0), "", safe(n.Title), body, []string{}, hints, int32(-1))
	if call.Err != nil {
		return errors.Join(ctx.Err(), call.Err)
	}
	return nil
}

// withdraw has nothing to do: a note is the server's once it is sent.
func withdraw() {}

// escape is for servers that parse markup in a body; a title is always plain.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")
