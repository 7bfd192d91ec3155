package tray

/*
#cgo pkg-config: gtk+-3.0
#include <gtk/gtk.h>
#include <string.h>
#include <unistd.h>

// lost notices that the toolkit calls the panel before it has its connection to the
// bus, as libayatana-appindicator 0.5.92 does where the panel is faster: the icon
// would never appear. Starting again helps.
static void lost(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer status) {
	g_log_default_handler(domain, level, message, NULL);
	if (strstr(message, "g_dbus_proxy_new") != NULL) _exit(GPOINTER_TO_INT(status));
}

static int display_answers(void) { return gtk_init_check(NULL, NULL); }

static int init_toolkit(const char *name, int status) {
	g_log_set_handler("GLib-GIO", G_LOG_LEVEL_CRITICAL | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION, lost, GINT_TO_POINTER(status));
	g_set_application_name(name); // the icon's name on a panel
	if (!gtk_init_check(NULL, NULL)) return 0;
	// With this connection open beforehand the above is rare. It is never released.
	g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
	return 1;
}
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/gtk"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// needsDisplay says that the environment has to name a display.
const needsDisplay = true

// Available reports whether a display answers. It is for the main goroutine. GTK's
// other ways to initialise end the process where none answers.
func Available() bool { return gtk.Load(false) == nil && C.display_answers() != 0 }

// initToolkit initialises the toolkit in the menu's process, and reports whether a
// display answers. It is for the main goroutine.
func initToolkit() bool {
	if err := gtk.Load(true); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(role.ExitNoToolkit)
	}
	name := C.CString(state.Name)
	defer C.free(unsafe.Pointer(name))
	if C.init_toolkit(name, role.ExitRestart) == 0 {
		return false
	}
	onlyOneIcon()
	return true
}
