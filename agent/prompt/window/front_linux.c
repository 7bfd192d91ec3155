#include <gdk/gdkx.h>
#include <gtk/gtk.h>

#include "state.h"
#include "window.h"

static gboolean on_x11(void)
{
	return GDK_IS_X11_WINDOW(gtk_widget_get_window(cpx.window));
}

static gboolean managed(void)
{
	return gdk_x11_screen_supports_net_wm_hint(gtk_widget_get_screen(cpx.window), gdk_atom_intern_static_string("_NET_ACTIVE_WINDOW"));
}

/* Whether the person went to another program's window. While the keyboard is grabbed the
   toolkit does not hear of that, and what they type there would come here. */
gboolean cpx_elsewhere(void)
{
	GdkDisplay *display = gtk_widget_get_display(cpx.window);
	Window focus = None;
	int revert;

	if (!on_x11() || !managed())
		return FALSE;
	XGetInputFocus(GDK_DISPLAY_XDISPLAY(display), &focus, &revert);
	return focus != None && focus != PointerRoot && gdk_x11_window_lookup_for_display(display, focus) == NULL;
}

/* Where a window manager decides which window has the keyboard, a window without it
   accepts nothing: what is typed is not meant for it, and a click may be meant for a
   window that was in front of it a moment ago. */
gboolean cpx_has_keyboard(void)
{
	if (on_x11() && !managed())
		return TRUE;
	return gtk_window_is_active(GTK_WINDOW(cpx.window)) && !cpx_elsewhere();
}

/* The window manager says on the root window which window is active, also while the
   keyboard is grabbed. */
static GdkFilterReturn on_active(GdkXEvent *xevent, GdkEvent *event, gpointer unused)
{
	XPropertyEvent *property = xevent;

	(void)event;
	(void)unused;
	if (property->type != PropertyNotify || !cpx.mapped ||
	    property->atom != gdk_x11_get_xatom_by_name_for_display(gtk_widget_get_display(cpx.window), "_NET_ACTIVE_WINDOW"))
		return GDK_FILTER_CONTINUE;
	if (cpx.accepts ? cpx_elsewhere() : cpx.quiet == 0 && cpx_has_keyboard())
		cpx_await_quiet();
	return GDK_FILTER_CONTINUE;
}

void cpx_follow_active(void)
{
	GdkWindow *root = gdk_screen_get_root_window(gtk_widget_get_screen(cpx.window));

	if (!GDK_IS_X11_DISPLAY(gtk_widget_get_display(cpx.window)))
		return;
	gdk_window_set_events(root, gdk_window_get_events(root) | GDK_PROPERTY_CHANGE_MASK);
	gdk_window_add_filter(root, on_active, NULL);
}

/* In front of the browser, with the keyboard: a window manager that prevents windows
   from stealing the focus compares the window's time with that of the person's last
   key, and the X server's present time is later. */
void cpx_in_front(void)
{
	guint32 now = GDK_CURRENT_TIME;

	if (on_x11()) {
		now = gdk_x11_get_server_time(gtk_widget_get_window(cpx.window));
		gdk_x11_window_set_user_time(gtk_widget_get_window(cpx.window), now);
	}
	gtk_window_present_with_time(GTK_WINDOW(cpx.window), now);
}

/* A window manager may hear that the window wants to be back while it still looks for
   another one to give the keyboard to, and then nobody has it. So the window looks once
   more, and asks anew a few times. */
#define LOOK_MS 250
#define LOOKS 8

static guint looking, looks;

static gboolean on_look(gpointer unused)
{
	(void)unused;
	if (cpx_has_keyboard() || ++looks > LOOKS) {
		looking = 0;
		return G_SOURCE_REMOVE;
	}
	cpx_in_front();
	return G_SOURCE_CONTINUE;
}

/* Few task bars show a dialog, and until this one is answered no other login begins: one
   that was minimised, perhaps with all others at once, would be lost. Wayland tells no
   window that it is minimised. */
gboolean cpx_on_state(GtkWidget *window, GdkEventWindowState *event, gpointer unused)
{
	(void)window;
	(void)unused;
	if (!cpx.of_site || !(event->changed_mask & event->new_window_state & GDK_WINDOW_STATE_ICONIFIED))
		return FALSE;
	cpx_in_front();
	looks = 0;
	if (looking == 0)
		looking = g_timeout_add(LOOK_MS, on_look, NULL);
	return FALSE;
}

static gboolean on_front(gpointer unused)
{
	(void)unused;
	if (cpx.mapped)
		cpx_in_front();
	return G_SOURCE_REMOVE;
}

/* Has the window come to the front, as it stands. It may be called on any thread. */
void cpx_front(void)
{
	g_idle_add(on_front, NULL);
}
