#include <gdk/gdkx.h>
#include <gtk/gtk.h>

#include "grab.h"
#include "parts.h"
#include "state.h"
#include "window.h"

static gboolean grabbed;
static guint idle;       /* the timer, 0 where none runs */
static int release_ms; /* so long without a key it keeps the keyboard; 0: for ever */
static int released;   /* how often it was given back since the window opened */

void cpx_grab_release(int ms)
{
	release_ms = ms;
}

/* A locker of the screen must take the keyboard to lock, tries that for some seconds, and
   gives up: a desk that was left with this window open would stay unlocked. So the grab is
   for the time in which somebody types. */
static gboolean on_idle(gpointer unused)
{
	char *state;

	(void)unused;
	idle = 0;
	cpx_ungrab();
	state = g_strdup_printf("cpx-ready-%d released-%d", cpx.id, ++released);
	cpx_report(cpx.window, state);
	g_free(state);
	return G_SOURCE_REMOVE;
}

static void stop(void)
{
	if (idle != 0)
		g_source_remove(idle);
	idle = 0;
}

/* Takes the keyboard for this window, so that other programs do not get the keys that are
   typed here, as far as X11 goes: what reads the keyboard's own device still does. Where
   it is refused the entry works as it is. On Wayland no other program gets them anyway,
   and a desktop may ask the person whether this one may take them. Each key and click calls
   it once more. */
void cpx_grab(void)
{
	GdkDisplay *display = gdk_display_get_default();
	GdkSeat *seat = gdk_display_get_default_seat(display);

	if (!cpx.entry || cpx.answered || !cpx.accepts || !GDK_IS_X11_DISPLAY(display))
		return;
	if (!grabbed)
		grabbed = gdk_seat_grab(seat, gtk_widget_get_window(cpx.window), GDK_SEAT_CAPABILITY_KEYBOARD, TRUE, NULL, NULL, NULL, NULL) ==
			  GDK_GRAB_SUCCESS;
	stop();
	if (grabbed && release_ms > 0)
		idle = g_timeout_add(release_ms, on_idle, NULL);
}

void cpx_ungrab(void)
{
	stop();
	if (grabbed)
		gdk_seat_ungrab(gdk_display_get_default_seat(gdk_display_get_default()));
	grabbed = FALSE;
}
