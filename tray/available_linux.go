package tray

/*
#cgo pkg-config: gtk+-3.0
#include <gtk/gtk.h>
#include <string.h>
#include <unistd.h>

// lost sees that the toolkit asks the panel before it has its connection to the
// bus, which libayatana-appindicator 0.5.92 does where the panel is the faster
// one: the icon would never show. Another start settles it.
static void lost(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer status) {
	g_log_default_handler(domain, level, message, NULL);
	if (strstr(message, "g_dbus_proxy_new") != NULL) _exit(GPOINTER_TO_INT(status));
}

static int display_answers(void) { return gtk_init_check(NULL, NULL); }

static int make_ready(const char *name, int status) {
	g_log_set_handler("GLib-GIO", G_LOG_LEVEL_CRITICAL | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION, lost, GINT_TO_POINTER(status));
	g_set_application_name(name); // what a panel calls the icon
	if (!gtk_init_check(NULL, NULL)) return 0;
	// With the connection there beforehand the above is rare. It is kept.
	g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
	return 1;
}
*/
import "C"

import (
	"unsafe"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// needsDisplay says that a display has to be named.
const needsDisplay = true

// Available tells whether a display answers. GTK would end the process where
// none does, so it is asked in the form that only says no. Call it from the
// main goroutine.
func Available() bool { return C.display_answers() != 0 }

// makeReady readies the toolkit in the menu's process, and tells whether a
// display answers. For the main goroutine.
func makeReady() bool {
	name := C.CString(state.Name)
	defer C.free(unsafe.Pointer(name))
	if C.make_ready(name, role.ExitRestart) == 0 {
		return false
	}
	oneIcon()
	return true
}
