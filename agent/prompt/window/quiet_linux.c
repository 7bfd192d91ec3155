#include <gtk/gtk.h>

#include "grab.h"
#include "parts.h"
#include "state.h"
#include "window.h"

static void report(const char *what, int number)
{
	char *state = g_strdup_printf("cpx-%s-%d", what, number);

	cpx_report(cpx.window, state);
	g_free(state);
}

/* The window accepts keys and clicks from now on. */
void cpx_ready(void)
{
	cpx.accepts = TRUE;
	if (cpx.passes) {
		cpx_finish(CPX_OK);
		return;
	}
	if (!cpx.busy)
		cpx.ahead = FALSE;
	cpx.early = FALSE;
	cpx_grab();
	gtk_window_set_focus_visible(GTK_WINDOW(cpx.window), TRUE); /* mapping clears it */
	gtk_widget_queue_draw(cpx.window);
	report(cpx.busy ? "busy" : "ready", cpx.id);
}

/* A window that passes cannot see what is typed before it has the keyboard. Where it
   never gets the keyboard, as on a locked screen, it must not stay open for ever. */
#define UNSEEN 6

static gboolean on_quiet(gpointer unused)
{
	(void)unused;
	cpx.quiet = 0;
	cpx_entry_say_away(!cpx_has_keyboard());
	if (cpx_has_keyboard() || (cpx.passes && cpx.unseen == UNSEEN))
		cpx_ready();
	else if (cpx.passes) {
		cpx.unseen++;
		cpx_await_quiet();
	} else if (cpx.entry)
		report("away", cpx.id);
	return G_SOURCE_REMOVE;
}

/* Who types slowly, and has typed a beginning that did not count, must not have the rest
   taken for the whole: they read that it did not, and have stopped by then. */
#define TIMES_EARLY 3

/* Swallows input from now on, until the quiet time has passed. */
void cpx_await_quiet(void)
{
	if (cpx.quiet_ms == 0 || !cpx.mapped)
		return;
	cpx.accepts = FALSE;
	if (cpx.ahead || cpx.early)
		cpx_entry_early();
	cpx_ungrab();
	report("quiet", cpx.quiet_starts++);
	if (cpx.quiet != 0)
		g_source_remove(cpx.quiet);
	cpx.quiet = g_timeout_add((guint)cpx.quiet_ms * (cpx.early ? TIMES_EARLY : 1), on_quiet, NULL);
}

/* The window got the keyboard, perhaps from one that the person was still typing in,
   or lost it. */
gboolean cpx_on_focus(GtkWidget *widget, GdkEventFocus *event, gpointer unused)
{
	(void)widget;
	(void)unused;
	if (event->in)
		cpx_entry_say_away(FALSE);
	cpx.held = 0; /* it is released elsewhere */
	cpx_await_quiet();
	return FALSE;
}

/* What was typed before a warning came must not be sent before the person can have read it. */
#define UNREAD_MS 600

static guint reading;

static gboolean on_read(gpointer unused)
{
	(void)unused;
	reading = 0;
	cpx.unread = FALSE;
	report("read", cpx.id);
	return G_SOURCE_REMOVE;
}

void cpx_await_read(void)
{
	if (reading != 0)
		g_source_remove(reading);
	reading = g_timeout_add(MAX(UNREAD_MS, cpx.quiet_ms), on_read, NULL);
	cpx.unread = TRUE;
}
