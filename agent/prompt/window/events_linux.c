#include <gtk/gtk.h>

#include "grab.h"
#include "memory.h"
#include "state.h"
#include "window.h"

static gboolean is_input(GdkEventType type)
{
	switch (type) {
	case GDK_KEY_PRESS:
	case GDK_KEY_RELEASE:
	case GDK_BUTTON_PRESS:
	case GDK_2BUTTON_PRESS:
	case GDK_3BUTTON_PRESS:
	case GDK_BUTTON_RELEASE:
	case GDK_TOUCH_BEGIN:
	case GDK_TOUCH_END:
		return TRUE;
	default:
		return FALSE;
	}
}

static gboolean is_press(GdkEventType type)
{
	return is_input(type) && type != GDK_KEY_RELEASE && type != GDK_BUTTON_RELEASE && type != GDK_TOUCH_END;
}

/* The second click of a double click on an answer is none on what takes its place. */
#define DOUBLE_CLICK (600 * G_TIME_SPAN_MILLISECOND)

static gboolean is_second_click(GdkEventType type)
{
	return cpx.busy && is_input(type) && type != GDK_KEY_PRESS && type != GDK_KEY_RELEASE &&
	       cpx.answered_at != 0 && g_get_monotonic_time() - cpx.answered_at < DOUBLE_CLICK;
}

static gboolean is_typed(guint keyval)
{
	gunichar character = gdk_keyval_to_unicode(keyval);

	return character != 0 && (character == '\r' || character == '\n' || !g_unichar_iscntrl(character));
}

/* A key that is held down repeats its press without a release. Its repetitions count at
   the question at which it went down, and at no other. */
static gboolean repeats_from_before(GdkEventKey *event)
{
	guint key = event->hardware_keycode;

	if (event->type == GDK_KEY_RELEASE) {
		if (key == cpx.held)
			cpx.held = 0;
		return FALSE;
	}
	if (key == cpx.held && cpx.held_at != cpx.id)
		return TRUE;
	cpx.held = key;
	cpx.held_at = cpx.id;
	return FALSE;
}

/* Of what is typed while no entry stands, the rest must not reach the one that comes: it
   would be sent as a PIN without its beginning. Nor may it press a button of a question
   that nobody has read. */
static gboolean is_ahead(GdkEvent *event, gboolean counts)
{
	gboolean before;

	if (event->type != GDK_KEY_PRESS && event->type != GDK_KEY_RELEASE)
		return FALSE;
	before = repeats_from_before(&event->key) && counts;
	if (counts && event->type == GDK_KEY_PRESS && is_typed(event->key.keyval) && (before || !cpx.entry || cpx.answered))
		cpx.ahead = TRUE;
	return before;
}

/* Whether a key cancels what it was typed ahead of. */
static gboolean cancels(GdkEvent *event)
{
	return cpx.ahead && event->type == GDK_KEY_PRESS && event->key.keyval == GDK_KEY_Escape;
}

/* What a key meant is in no memory once it has been served: its event is freed as it is. */
static void forget_key(GdkEvent *event)
{
	if (event->type != GDK_KEY_PRESS && event->type != GDK_KEY_RELEASE)
		return;
	if (event->key.string != NULL)
		cpx_wipe(event->key.string, (size_t)event->key.length);
	event->key.length = 0;
	event->key.keyval = 0;
	event->key.hardware_keycode = 0;
}

/* Other programs can move the focus, the cursor and the selection, by the accessibility
   bus. The person's next key counts where it would have without them. */
void cpx_keep_places(void)
{
	g_set_weak_pointer(&cpx.focus, gtk_window_get_focus(GTK_WINDOW(cpx.window)));
	cpx_entry_keep();
}

static void restore_places(void)
{
	if (cpx.focus != NULL && cpx.focus != gtk_window_get_focus(GTK_WINDOW(cpx.window)))
		gtk_window_set_focus(GTK_WINDOW(cpx.window), cpx.focus);
	cpx_entry_restore();
}

/* gtk_main_do_event hands each key to the accessibility bus first, and from there to any
   program that asks for keys, which may even take it away. So what may be of a PIN goes by
   another way. What else gtk_main_do_event does for keys is to underline the shortcuts. */
static void serve_key(GdkEvent *event)
{
	if (event->key.keyval == GDK_KEY_Alt_L || event->key.keyval == GDK_KEY_Alt_R)
		gtk_window_set_mnemonics_visible(GTK_WINDOW(cpx.window), event->type == GDK_KEY_PRESS);
	gtk_propagate_event(cpx.window, event);
}

static void serve(GdkEvent *event)
{
	gboolean key = event->type == GDK_KEY_PRESS || event->type == GDK_KEY_RELEASE;
	gboolean moves = is_input(event->type) || event->type == GDK_MOTION_NOTIFY || event->type == GDK_TOUCH_UPDATE;

	if (moves)
		restore_places();
	cpx.by_hand = is_input(event->type);
	if (key && (cpx.entry || cpx.busy))
		serve_key(event);
	else
		gtk_main_do_event(event);
	cpx.by_hand = FALSE;
	if (moves)
		cpx_keep_places();
}

/* Under the grab the desktop gets no key, not even those that lock the screen or switch
   windows. One that looks like those gives it the keyboard, so that it works the next time. */
static gboolean for_desktop(GdkEvent *event)
{
	guint key, state;

	if (event->type != GDK_KEY_PRESS)
		return FALSE;
	key = event->key.keyval;
	state = event->key.state;
	return key == GDK_KEY_Super_L || key == GDK_KEY_Super_R || (state & GDK_SUPER_MASK) ||
	       (state & (GDK_CONTROL_MASK | GDK_MOD1_MASK)) == (GDK_CONTROL_MASK | GDK_MOD1_MASK) ||
	       ((state & GDK_MOD1_MASK) && (key == GDK_KEY_Tab || key == GDK_KEY_ISO_Left_Tab));
}

/* Receives every event before any widget does. A person who goes on typing or clicking
   has not read the question yet, however long that takes. */
void cpx_on_event(GdkEvent *event, gpointer unused)
{
	gboolean counts = cpx.accepts || cpx.quiet_ms == 0;
	gboolean before = is_ahead(event, counts);

	(void)unused;
	if (is_second_click(event->type))
		return;
	/* The window manager says that only after the person clicked, and they may type at once. */
	if (event->type == GDK_KEY_PRESS && cpx.accepts && cpx_elsewhere()) {
		cpx_await_quiet();
		forget_key(event);
		return;
	}
	if (cpx.unread && is_press(event->type))
		cpx_await_read();
	if (before && !cpx.busy)
		cpx_await_quiet();
	else if (!before && (counts || !is_input(event->type) || cancels(event)) && !cpx_entry_swallows(event)) {
		if (for_desktop(event))
			cpx_ungrab();
		else if (is_press(event->type))
			cpx_grab();
		serve(event);
	} else if (!cpx.accepts && event->type != GDK_KEY_RELEASE && event->type != GDK_BUTTON_RELEASE && event->type != GDK_TOUCH_END) {
		if (cpx.entry && !cpx.answered && event->type == GDK_KEY_PRESS && is_typed(event->key.keyval))
			cpx.early = TRUE;
		cpx_await_quiet();
	}
	forget_key(event);
}

/* GTK's Tab would visit the rows, and choose each of them. */
static gboolean leave_list(gboolean back)
{
	GtkWidget *focus = gtk_window_get_focus(GTK_WINDOW(cpx.window));
	GList *buttons;

	if (cpx.list == NULL || focus == NULL || !gtk_widget_is_ancestor(focus, cpx.list))
		return FALSE;
	buttons = gtk_container_get_children(GTK_CONTAINER(cpx.buttons));
	gtk_widget_grab_focus(back ? g_list_last(buttons)->data : buttons->data);
	g_list_free(buttons);
	return TRUE;
}

gboolean cpx_on_key(GtkWidget *widget, GdkEventKey *event, gpointer unused)
{
	(void)widget;
	(void)unused;
	switch (event->keyval) {
	case GDK_KEY_Escape:
		cpx_finish(CPX_CANCEL);
		return TRUE;
	case GDK_KEY_Tab:
	case GDK_KEY_KP_Tab:
		return leave_list(FALSE);
	case GDK_KEY_ISO_Left_Tab:
		return leave_list(TRUE);
	default:
		return FALSE;
	}
}
