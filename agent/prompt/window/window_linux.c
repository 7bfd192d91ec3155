#include <gtk/gtk.h>

#include "grab.h"
#include "memory.h"
#include "parts.h"
#include "pinbuffer.h"
#include "state.h"
#include "window.h"

#define WIDTH 500
#define BORDER 16
#define LEAST_HEIGHT 60

struct cpx_state cpx;

void cpx_finish(int answer)
{
	if (cpx.answered || (answer == CPX_OK && (cpx.unread || cpx_entry_refuses())))
		return;
	cpx.answered = TRUE;
	cpx.answered_at = g_get_monotonic_time();
	cpx.answer = answer;
	if (answer == CPX_CANCEL)
		cpx_pin_wipe();
	cpx.ahead = FALSE; /* the key that answers, and those before it, were for this question */
	cpx_ungrab();
	gtk_main_quit();
}

static void report(const char *what, int number)
{
	char *state = g_strdup_printf("cpx-%s-%d", what, number);

	cpx_report(cpx.window, state);
	g_free(state);
}

static void ready(void)
{
	cpx.accepts = TRUE;
	if (cpx.passes) {
		cpx_finish(CPX_OK);
		return;
	}
	if (!cpx.busy)
		cpx.ahead = FALSE;
	cpx_grab();
	gtk_window_set_focus_visible(GTK_WINDOW(cpx.window), TRUE); /* mapping clears it */
	gtk_widget_queue_draw(cpx.window);
	report(cpx.busy ? "busy" : "ready", cpx.id);
}

/* A window that passes cannot see what is typed before it has the keyboard. Where it
   never gets the keyboard, as on a locked screen, it must not stay open for ever. */
#define UNSEEN 6

static void await_quiet(void);

static gboolean on_quiet(gpointer unused)
{
	(void)unused;
	cpx.quiet = 0;
	cpx_entry_say_away(!cpx_has_keyboard());
	if (cpx_has_keyboard() || (cpx.passes && cpx.unseen == UNSEEN))
		ready();
	else if (cpx.passes) {
		cpx.unseen++;
		await_quiet();
	} else if (cpx.entry)
		report("away", cpx.id);
	return G_SOURCE_REMOVE;
}

/* Swallows input from now on, until the quiet time has passed. */
static void await_quiet(void)
{
	if (cpx.quiet_ms == 0 || !cpx.mapped)
		return;
	cpx.accepts = FALSE;
	if (cpx.ahead)
		cpx_entry_early();
	cpx_ungrab();
	report("quiet", cpx.quiet_starts++);
	if (cpx.quiet != 0)
		g_source_remove(cpx.quiet);
	cpx.quiet = g_timeout_add(cpx.quiet_ms, on_quiet, NULL);
}

/* The window got the keyboard, perhaps from one that the person was still typing in,
   or lost it. */
static gboolean on_focus(GtkWidget *widget, GdkEventFocus *event, gpointer unused)
{
	(void)widget;
	(void)unused;
	if (event->in)
		cpx_entry_say_away(FALSE);
	cpx.held = 0; /* it is released elsewhere */
	await_quiet();
	return FALSE;
}

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

static void await_read(void)
{
	if (reading != 0)
		g_source_remove(reading);
	reading = g_timeout_add(MAX(UNREAD_MS, cpx.quiet_ms), on_read, NULL);
	cpx.unread = TRUE;
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
static void keep_places(void)
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
		keep_places();
}

/* Receives every event before any widget does. A person who goes on typing or clicking
   has not read the question yet, however long that takes. */
static void on_event(GdkEvent *event, gpointer unused)
{
	gboolean counts = cpx.accepts || cpx.quiet_ms == 0;
	gboolean before = is_ahead(event, counts);

	(void)unused;
	if (is_second_click(event->type))
		return;
	if (cpx.unread && is_press(event->type))
		await_read();
	if (before && !cpx.busy)
		await_quiet();
	else if (!before && (counts || !is_input(event->type) || cancels(event)) && !cpx_entry_swallows(event)) {
		if (is_press(event->type))
			cpx_grab();
		serve(event);
	}
	else if (!cpx.accepts && event->type != GDK_KEY_RELEASE && event->type != GDK_BUTTON_RELEASE && event->type != GDK_TOUCH_END)
		await_quiet();
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

static gboolean on_key(GtkWidget *widget, GdkEventKey *event, gpointer unused)
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

static gboolean on_delete(GtkWidget *widget, GdkEvent *event, gpointer unused)
{
	(void)widget;
	(void)event;
	(void)unused;
	cpx_finish(CPX_CANCEL);
	return TRUE;
}

/* A desktop knows a window's program, with its name and icon, by the file name of its
   desktop entry: on Wayland that is the application's identifier, on X11 the class. */
int cpx_display(void)
{
	g_set_prgname("cpx-bridge");
	return gtk_init_check(NULL, NULL);
}

void cpx_add(GtkWidget *widget, gboolean grows)
{
	gtk_box_pack_start(GTK_BOX(cpx.box), widget, grows, TRUE, 0);
}

void cpx_fix(GtkWidget *widget)
{
	gtk_box_pack_start(GTK_BOX(cpx.foot), widget, FALSE, TRUE, 0);
}

/* What of the screen a window may fill. */
static GdkRectangle work_area(void)
{
	GdkRectangle area = { 0, 0, 1024, 600 };
	GdkMonitor *monitor = gdk_display_get_primary_monitor(gdk_display_get_default());

	if (monitor == NULL) /* Wayland has no primary one */
		monitor = gdk_display_get_monitor(gdk_display_get_default(), 0);
	if (monitor != NULL)
		gdk_monitor_get_workarea(monitor, &area);
	return area;
}

static int height_of(GtkWidget *widget, int width)
{
	int least = 0, natural = 0;

	gtk_widget_get_preferred_height_for_width(widget, width, &least, &natural);
	return MAX(least, natural);
}

/* Nothing is below the screen's end, however large the letters are: the upper part
   scrolls, so that what is fixed has the room that it needs. */
void cpx_fit(void)
{
	GdkRectangle area = work_area();
	int width = MIN(WIDTH, area.width - 2 * BORDER);
	int fixed = height_of(cpx.foot, width) + height_of(cpx.buttons, width) + 4 * BORDER;
	int most = MAX(LEAST_HEIGHT, area.height * 9 / 10 - fixed);

	gtk_widget_set_size_request(cpx.window, width, cpx.height == 0 ? -1 : MIN(cpx.height, area.height)); /* what is clicked twice must not be below */
	gtk_scrolled_window_set_max_content_height(GTK_SCROLLED_WINDOW(cpx.scroller), most);
	gtk_widget_set_can_focus(cpx.scroller, height_of(cpx.box, width) > most); /* only then is there anything to scroll by keys */
}

/* A window that grew while it stands is moved up where its end would be hidden. Wayland
   lets no window say where it is. */
static void on_size(GtkWidget *widget, GdkRectangle *size, gpointer unused)
{
	GdkRectangle area = work_area(), frame = { 0, 0, 0, 0 };
	GdkWindow *window = gtk_widget_get_window(widget);
	int hidden;

	(void)size;
	(void)unused;
	if (!cpx.mapped || window == NULL)
		return;
	gdk_window_get_frame_extents(window, &frame);
	hidden = frame.y + frame.height - (area.y + area.height);
	if (hidden > 0)
		gtk_window_move(GTK_WINDOW(widget), frame.x, MAX(area.y, frame.y - hidden));
}

static void new_window(void)
{
	GdkPixbuf *icon = cpx_picture(64);

	cpx.window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	gtk_window_set_icon(GTK_WINDOW(cpx.window), icon);
	g_object_unref(icon);
	gtk_window_set_type_hint(GTK_WINDOW(cpx.window), GDK_WINDOW_TYPE_HINT_DIALOG);
	gtk_window_set_position(GTK_WINDOW(cpx.window), GTK_WIN_POS_CENTER);
	gtk_window_set_role(GTK_WINDOW(cpx.window), "cpx-quiet");
	gtk_container_set_border_width(GTK_CONTAINER(cpx.window), BORDER);
	atk_object_set_role(gtk_widget_get_accessible(cpx.window), ATK_ROLE_DIALOG);
	cpx.frame = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	gtk_container_add(GTK_CONTAINER(cpx.window), cpx.frame);
	gdk_event_handler_set(on_event, NULL, NULL);
	g_signal_connect(cpx.window, "key-press-event", G_CALLBACK(on_key), NULL);
	g_signal_connect(cpx.window, "size-allocate", G_CALLBACK(on_size), NULL);
	g_signal_connect(cpx.window, "delete-event", G_CALLBACK(on_delete), NULL);
	g_signal_connect(cpx.window, "window-state-event", G_CALLBACK(cpx_on_state), NULL);
}

/* What is above the buttons is a stop of the Tab key only where there is more of it than is
   seen, for the arrow keys to scroll. */
static void on_overflow(GtkAdjustment *adjustment, gpointer scroller)
{
	gtk_widget_set_can_focus(scroller, gtk_adjustment_get_upper(adjustment) > gtk_adjustment_get_page_size(adjustment));
}

static gboolean warned; /* the request before had the warning of the last try */

/* Begins a request, in the place of the one before. Whether keys and clicks count by now
   does not change with it: the window has had the keyboard all the time. */
void cpx_begin(int id, const char *title, const char *spoken, int quiet_ms, int passes, int busy, int asks_pin)
{
	AtkObject *a;

	if (cpx.window == NULL)
		new_window();
	else {
		cpx.height = MAX(cpx.height, gtk_widget_get_allocated_height(cpx.window));
		cpx_clear();
	}
	warned = cpx.final;
	cpx.final = cpx.unread = FALSE;
	cpx.id = id;
	cpx.quiet_ms = quiet_ms;
	cpx.passes = passes;
	cpx.busy = busy;
	cpx.asks_pin = asks_pin;
	cpx.answered = cpx.reported = FALSE;
	cpx.row = -1;
	gtk_window_set_title(GTK_WINDOW(cpx.window), title);
	gtk_window_set_default_size(GTK_WINDOW(cpx.window), WIDTH, -1);
	gtk_window_set_resizable(GTK_WINDOW(cpx.window), FALSE);
	a = gtk_widget_get_accessible(cpx.window);
	atk_object_set_name(a, title);
	atk_object_set_description(a, spoken);
	cpx.box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	cpx.scroller = gtk_scrolled_window_new(NULL, NULL);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(cpx.scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_scrolled_window_set_overlay_scrolling(GTK_SCROLLED_WINDOW(cpx.scroller), FALSE); /* that there is more must be visible */
	gtk_scrolled_window_set_propagate_natural_width(GTK_SCROLLED_WINDOW(cpx.scroller), TRUE);
	gtk_scrolled_window_set_propagate_natural_height(GTK_SCROLLED_WINDOW(cpx.scroller), TRUE);
	gtk_widget_set_can_focus(cpx.scroller, FALSE);
	g_signal_connect(gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(cpx.scroller)), "changed", G_CALLBACK(on_overflow), cpx.scroller);
	gtk_container_add(GTK_CONTAINER(cpx.scroller), cpx.box);
	gtk_viewport_set_shadow_type(GTK_VIEWPORT(gtk_bin_get_child(GTK_BIN(cpx.scroller))), GTK_SHADOW_NONE);
	cpx.foot = gtk_box_new(GTK_ORIENTATION_VERTICAL, 8);
	gtk_box_pack_start(GTK_BOX(cpx.frame), cpx.scroller, TRUE, TRUE, 0);
	gtk_box_pack_start(GTK_BOX(cpx.frame), cpx.foot, FALSE, TRUE, 0);
	cpx.buttons = gtk_button_box_new(GTK_ORIENTATION_HORIZONTAL);
	gtk_button_box_set_layout(GTK_BUTTON_BOX(cpx.buttons), GTK_BUTTONBOX_END);
	gtk_box_set_spacing(GTK_BOX(cpx.buttons), 8);
}

static void show(void)
{
	gtk_window_set_keep_above(GTK_WINDOW(cpx.window), TRUE);
	gtk_window_stick(GTK_WINDOW(cpx.window));
	gtk_widget_add_events(cpx.window, GDK_PROPERTY_CHANGE_MASK);
	gtk_widget_realize(cpx.window);
	cpx_in_front();
}

static gboolean on_mapped(GtkWidget *widget, GdkEvent *event, gpointer unused)
{
	(void)widget;
	(void)event;
	(void)unused;
	g_signal_handlers_disconnect_by_func(cpx.window, on_mapped, NULL);
	cpx.mapped = TRUE;
	if (cpx.quiet_ms == 0)
		ready();
	await_quiet();
	return FALSE;
}

static void focus(void)
{
	if (cpx.preferred != NULL)
		gtk_window_set_default(GTK_WINDOW(cpx.window), cpx.preferred);
	if (cpx.entry)
		cpx_entry_focus();
	else if (cpx.first != NULL) {
		cpx.chosen = cpx.first;
		gtk_list_box_select_row(GTK_LIST_BOX(cpx.list), GTK_LIST_BOX_ROW(cpx.first));
		gtk_widget_grab_focus(cpx.first);
	} else if (cpx.body != NULL)
		gtk_widget_grab_focus(cpx.body);
	else if (cpx.preferred != NULL)
		gtk_widget_grab_focus(cpx.preferred);
	else /* Enter presses nothing */
		gtk_window_set_focus(GTK_WINDOW(cpx.window), NULL);
	keep_places();
}

/* Shows what was added since cpx_begin. */
void cpx_show(void)
{
	gtk_box_pack_end(GTK_BOX(cpx.frame), cpx.buttons, FALSE, FALSE, 0);
	gtk_widget_show_all(cpx.frame);
	if (!cpx.entry)
		cpx_entry_forget();
	cpx_fit();
	focus();
	if (cpx.mapped) {
		if (cpx.final && !warned && cpx.entry && cpx_pin_characters() > 0)
			await_read();
		if (!cpx.busy && !cpx_has_keyboard()) { /* the person went elsewhere meanwhile: what is typed next is for this */
			await_quiet();
			cpx_in_front();
		} else if (cpx.ahead && !cpx.busy)
			await_quiet();
		if (cpx.accepts || cpx.quiet_ms == 0)
			ready();
		return;
	}
	g_signal_connect(cpx.window, "map-event", G_CALLBACK(on_mapped), NULL);
	g_signal_connect(cpx.window, "focus-in-event", G_CALLBACK(on_focus), NULL);
	g_signal_connect(cpx.window, "focus-out-event", G_CALLBACK(on_focus), NULL);
	show();
}

static gboolean on_wake(gpointer unused)
{
	(void)unused;
	cpx.woken++;
	gtk_main_quit();
	return G_SOURCE_REMOVE;
}

/* Has cpx_run return CPX_NEXT, once what was typed and clicked until then has been served: it
   was meant for the request before. It may be called on any thread. */
void cpx_wake(void)
{
	g_idle_add_full(GDK_PRIORITY_EVENTS + 1, on_wake, NULL, NULL);
}

/* Runs the window until its request is answered, or another one has come. */
int cpx_run(int *row)
{
	for (;;) {
		if (cpx.answered && !cpx.reported) {
			cpx.reported = TRUE;
			if (cpx.body != NULL || cpx.copied)
				gtk_clipboard_store(gtk_clipboard_get(GDK_SELECTION_CLIPBOARD));
			*row = cpx.row;
			return cpx.answer;
		}
		if (cpx.woken > 0) {
			cpx.woken--;
			return CPX_NEXT;
		}
		gtk_main();
	}
}
