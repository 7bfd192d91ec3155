package tray

/*
#cgo pkg-config: gtk+-3.0 ayatana-appindicator3-0.1
#include <libayatana-appindicator/app-indicator.h>

// panel_there tells whether a panel takes the icons that the toolkit offers over
// the bus. The toolkit's own connection is not shared: its end ends the program.
static int panel_there(void) {
	gchar *address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SESSION, NULL, NULL);
	if (address == NULL) return 0;
	GDBusConnection *bus = g_dbus_connection_new_for_address_sync(address,
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL, NULL);
	g_free(address);
	if (bus == NULL) return 0;
	GVariant *answer = g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
		"NameHasOwner", g_variant_new("(s)", "org.kde.StatusNotifierWatcher"), G_VARIANT_TYPE("(b)"), G_DBUS_CALL_FLAGS_NONE, 1000, NULL, NULL);
	g_dbus_connection_close_sync(bus, NULL, NULL);
	g_object_unref(bus);
	if (answer == NULL) return 0;
	gboolean there = FALSE;
	g_variant_get(answer, "(b)", &there);
	g_variant_unref(answer);
	return there;
}

static GtkStatusIcon *(*fallback)(AppIndicator *);

static GtkStatusIcon *unless_there(AppIndicator *indicator) { return panel_there() ? NULL : fallback(indicator); }

// one_icon: libayatana-appindicator 0.5.92 puts an icon of the old kind (XEmbed)
// beside the one on the bus, and leaves it there, where the panel starts at the
// same time as we do, as at a login. The old kind stays for panels that know no other.
static void one_icon(void) {
	AppIndicatorClass *indicators = g_type_class_ref(APP_INDICATOR_TYPE); // kept
	fallback = indicators->fallback;
	if (fallback != NULL) indicators->fallback = unless_there;
}
*/
import "C"

// oneIcon has the toolkit show one icon, not two. For the main goroutine, before
// the toolkit runs.
func oneIcon() { C.one_icon() }

// panelThere tells whether a panel takes icons over the session's bus.
func panelThere() bool { return C.panel_there() != 0 }
