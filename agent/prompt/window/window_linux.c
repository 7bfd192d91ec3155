#include <gtk/gtk.h>

#include "grab.h"
#include "parts.h"
#include "pinbuffer.h"
#include "state.h"
#include "window.h"

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

static void new_window(void)
{
	GdkPixbuf *icon = cpx_picture(64);

	cpx.window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	gtk_window_set_icon(GTK_WINDOW(cpx.window), icon);
	g_object_unref(icon);
	gtk_window_set_type_hint(GTK_WINDOW(cpx.window), GDK_WINDOW_TYPE_HINT_DIALOG);
	gtk_window_set_position(GTK_WINDOW(cpx.window), GTK_WIN_POS_CENTER);
	gtk_window_set_role(GTK_WINDOW(cpx.window), "cpx-quiet");
	gtk_container_set_border_width(GTK_CONTAINER(cpx.window), CPX_BORDER);
	atk_object_set_role(gtk_widget_get_accessible(cpx.window), ATK_ROLE_DIALOG);
	cpx.frame = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	gtk_container_add(GTK_CONTAINER(cpx.window), cpx.frame);
	gdk_event_handler_set(cpx_on_event, NULL, NULL);
	g_signal_connect(cpx.window, "key-press-event", G_CALLBACK(cpx_on_key), NULL);
	g_signal_connect(cpx.window, "size-allocate", G_CALLBACK(cpx_on_size), NULL);
	g_signal_connect(cpx.window, "delete-event", G_CALLBACK(on_delete), NULL);
	cpx_follow_active();
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
	cpx.of_site = cpx.early = FALSE;
	cpx.row = -1;
	gtk_window_set_title(GTK_WINDOW(cpx.window), title);
	gtk_window_set_default_size(GTK_WINDOW(cpx.window), CPX_WIDTH, -1);
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
		cpx_ready();
	cpx_await_quiet();
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
	cpx_keep_places();
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
			cpx_await_read();
		if (!cpx.busy && !cpx_has_keyboard()) { /* the person went elsewhere meanwhile: what is typed next is for this */
			cpx_await_quiet();
			cpx_in_front();
		} else if (cpx.ahead && !cpx.busy)
			cpx_await_quiet();
		if (cpx.accepts || cpx.quiet_ms == 0)
			cpx_ready();
		return;
	}
	g_signal_connect(cpx.window, "map-event", G_CALLBACK(on_mapped), NULL);
	g_signal_connect(cpx.window, "focus-in-event", G_CALLBACK(cpx_on_focus), NULL);
	g_signal_connect(cpx.window, "focus-out-event", G_CALLBACK(cpx_on_focus), NULL);
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
