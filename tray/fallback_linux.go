package tray

/*
#cgo pkg-config: gtk+-3.0 ayatana-appindicator3-0.1
#include <libayatana-appindicator/app-indicator.h>

// panel_exists reports whether a panel accepts icons over the bus. It has a connection
// of its own: losing the toolkit's shared one ends the program.
static int panel_exists(void) {
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
	gboolean exists = FALSE;
	g_variant_get(answer, "(b)", &exists);
	g_variant_unref(answer);
	return exists;
}

static GtkStatusIcon *(*fallback)(AppIndicator *);

static GtkStatusIcon *fallback_without_panel(AppIndicator *indicator) { return panel_exists() ? NULL : fallback(indicator); }

// one_icon removes a second icon: where the panel starts at the same time as the agent,
// as at a login, libayatana-appindicator 0.5.92 puts an icon of the old kind (XEmbed)
// beside the one on the bus, and leaves it there. The old kind remains for panels that
// support no other.
static void one_icon(void) {
	AppIndicatorClass *indicators = g_type_class_ref(APP_INDICATOR_TYPE); // never released
	fallback = indicators->fallback;
	if (fallback != NULL) indicators->fallback = fallback_without_panel;
}
*/
import "C"

// onlyOneIcon makes the toolkit show one icon, not two. It is for the main goroutine,
// before the toolkit runs.
func onlyOneIcon() { C.one_icon() }

// panelExists reports whether a panel accepts icons over the session's bus.
func panelExists() bool { return C.panel_exists() != 0 }
