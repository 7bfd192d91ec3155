#include <gdk/gdkx.h>
#include <gtk/gtk.h>

#include "parts.h"
#include "window.h"

#define WIDTH 500
#define LIST_HEIGHT 320
#define BODY_HEIGHT 320
#define BODY_WIDE 900 /* fits a certificate's line at the usual font size */
#define BODY_TALL 600
#define HANGING 32
#define ICON_SIZE 48

/* The process shows one window. */
static struct {
	GtkWidget *window, *box, *holder, *question, *list, *body, *buttons, *first, *preferred;
	int quiet_ms;             /* it accepts keys and clicks only after that */
	gboolean passes;          /* and then closes by itself */
	gboolean mapped, accepts; /* keys and clicks */
	guint quiet;              /* the timer, 0 where none runs */
	int quiet_starts;         /* how often it was started */
	int unseen;               /* how often it ended without the keyboard */
	gboolean answered;
	int answer, row;
} w;

static void finish(int answer)
{
	if (w.answered)
		return;
	w.answered = TRUE;
	w.answer = answer;
	gtk_main_quit();
}

static void ready(void)
{
	w.accepts = TRUE;
	if (w.passes) {
		finish(CPX_OK);
		return;
	}
	gtk_window_set_focus_visible(GTK_WINDOW(w.window), TRUE); /* mapping clears it */
	gtk_widget_queue_draw(w.window);
	cpx_report(w.window, "cpx-ready");
}

/* Where a window manager decides which window has the keyboard, a window without it
   accepts nothing: what is typed is not meant for it, and a click may be meant for a
   window that was in front of it a moment ago. */
static gboolean has_keyboard(void)
{
#ifdef GDK_WINDOWING_X11
	if (GDK_IS_X11_WINDOW(gtk_widget_get_window(w.window)) &&
	    !gdk_x11_screen_supports_net_wm_hint(gtk_widget_get_screen(w.window), gdk_atom_intern_static_string("_NET_ACTIVE_WINDOW")))
		return TRUE;
#endif
	return gtk_window_is_active(GTK_WINDOW(w.window));
}

/* A window that passes cannot see what is typed before it has the keyboard. Where it
   never gets the keyboard, as on a locked screen, it must not stay open for ever. */
#define UNSEEN 6

static void await_quiet(void);

static gboolean on_quiet(gpointer unused)
{
	(void)unused;
	w.quiet = 0;
	if (has_keyboard() || (w.passes && w.unseen == UNSEEN))
		ready();
	else if (w.passes) {
		w.unseen++;
		await_quiet();
	}
	return G_SOURCE_REMOVE;
}

/* Swallows input from now on, until the quiet time has passed. */
static void await_quiet(void)
{
	char *role;

	if (w.quiet_ms == 0 || !w.mapped)
		return;
	w.accepts = FALSE;
	role = g_strdup_printf("cpx-quiet-%d", w.quiet_starts++);
	cpx_report(w.window, role);
	g_free(role);
	if (w.quiet != 0)
		g_source_remove(w.quiet);
	w.quiet = g_timeout_add(w.quiet_ms, on_quiet, NULL);
}

/* The window got the keyboard, perhaps from one that the person was still typing in,
   or lost it. */
static gboolean on_focus(GtkWidget *widget, GdkEventFocus *event, gpointer unused)
{
	(void)widget;
	(void)event;
	(void)unused;
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

/* Receives every event before any widget does. A person who goes on typing or clicking
   has not read the question yet, however long that takes. */
static void on_event(GdkEvent *event, gpointer unused)
{
	(void)unused;
	if (w.accepts || w.quiet_ms == 0 || !is_input(event->type)) {
		gtk_main_do_event(event);
		return;
	}
	if (event->type != GDK_KEY_RELEASE && event->type != GDK_BUTTON_RELEASE && event->type != GDK_TOUCH_END)
		await_quiet();
}

/* GTK's Tab would visit the rows, and choose each of them. */
static gboolean leave_list(gboolean back)
{
	GtkWidget *focus = gtk_window_get_focus(GTK_WINDOW(w.window));
	GList *buttons;

	if (w.list == NULL || focus == NULL || !gtk_widget_is_ancestor(focus, w.list))
		return FALSE;
	buttons = gtk_container_get_children(GTK_CONTAINER(w.buttons));
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
		finish(CPX_CANCEL);
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
	finish(CPX_CANCEL);
	return TRUE;
}

/* A desktop knows a window's program, with its name and icon, by the file name of its
   desktop entry: on Wayland that is the application's identifier, on X11 the class. */
int cpx_display(void)
{
	g_set_prgname("cpx-bridge");
	return gtk_init_check(NULL, NULL);
}

static void add(GtkWidget *widget, gboolean grows)
{
	gtk_box_pack_start(GTK_BOX(w.box), widget, grows, TRUE, 0);
}

void cpx_begin(const char *title, const char *spoken, int quiet_ms, int passes)
{
	AtkObject *a;
	GdkPixbuf *icon = cpx_picture(64);

	w.window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	gtk_window_set_title(GTK_WINDOW(w.window), title);
	gtk_window_set_icon(GTK_WINDOW(w.window), icon);
	g_object_unref(icon);
	gtk_window_set_type_hint(GTK_WINDOW(w.window), GDK_WINDOW_TYPE_HINT_DIALOG);
	gtk_window_set_position(GTK_WINDOW(w.window), GTK_WIN_POS_CENTER);
	gtk_window_set_default_size(GTK_WINDOW(w.window), WIDTH, -1);
	gtk_window_set_resizable(GTK_WINDOW(w.window), FALSE);
	gtk_widget_set_size_request(w.window, WIDTH, -1);
	cpx_report(w.window, "cpx-quiet");
	gtk_container_set_border_width(GTK_CONTAINER(w.window), 16);
	a = gtk_widget_get_accessible(w.window);
	atk_object_set_role(a, ATK_ROLE_DIALOG);
	atk_object_set_name(a, title);
	atk_object_set_description(a, spoken);
	w.box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	gtk_container_add(GTK_CONTAINER(w.window), w.box);
	w.buttons = gtk_button_box_new(GTK_ORIENTATION_HORIZONTAL);
	gtk_button_box_set_layout(GTK_BUTTON_BOX(w.buttons), GTK_BUTTONBOX_END);
	gtk_box_set_spacing(GTK_BOX(w.buttons), 8);
	w.quiet_ms = quiet_ms;
	w.passes = passes;
	gdk_event_handler_set(on_event, NULL, NULL);
	g_signal_connect(w.window, "key-press-event", G_CALLBACK(on_key), NULL);
	g_signal_connect(w.window, "delete-event", G_CALLBACK(on_delete), NULL);
}

/* Never shortened: the whole site must be visible. The domain in it, by which a
   person knows a site, is bold. */
static GtkWidget *site_line(const char *origin, int domain, int domain_end)
{
	GtkWidget *l = cpx_wrapped(origin, FALSE, PANGO_SCALE_LARGE, PANGO_WRAP_CHAR);
	PangoAttrList *attributes = gtk_label_get_attributes(GTK_LABEL(l));
	PangoAttribute *bold = pango_attr_weight_new(PANGO_WEIGHT_BOLD);

	bold->start_index = domain;
	bold->end_index = domain_end;
	pango_attr_list_insert(attributes, bold);
	gtk_label_set_attributes(GTK_LABEL(l), attributes);
	return l;
}

void cpx_header(const char *site, const char *origin, int domain, int domain_end, const char *program)
{
	GdkPixbuf *card = cpx_picture(ICON_SIZE);
	GtkWidget *image = gtk_image_new_from_pixbuf(card);
	GtkWidget *lines = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	GtkWidget *header = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);

	g_object_unref(card);
	atk_object_set_role(gtk_widget_get_accessible(image), ATK_ROLE_REDUNDANT_OBJECT); /* an ornament */
	gtk_widget_set_valign(image, GTK_ALIGN_START);
	gtk_box_pack_start(GTK_BOX(header), image, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(header), lines, TRUE, TRUE, 0);
	gtk_box_pack_start(GTK_BOX(lines), cpx_wrapped(site, FALSE, 1, PANGO_WRAP_WORD_CHAR), FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(lines), site_line(origin, domain, domain_end), FALSE, FALSE, 0);
	if (program[0] != '\0')
		gtk_box_pack_start(GTK_BOX(lines), cpx_wrapped(program, FALSE, 1, PANGO_WRAP_WORD_CHAR), FALSE, FALSE, 0);
	add(header, FALSE);
}

void cpx_holder(const char *line, int first)
{
	if (first) {
		w.holder = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
		add(w.holder, FALSE);
	}
	gtk_box_pack_start(GTK_BOX(w.holder), cpx_wrapped(line, first, 1, PANGO_WRAP_WORD_CHAR), FALSE, FALSE, 0);
}

/* Light-on-dark themes often have the red of other themes, which is illegible there. */
static gboolean light_on_dark(GtkStyleContext *style)
{
	GdkRGBA text;

	return gtk_style_context_lookup_color(style, "theme_fg_color", &text) && text.red + text.green + text.blue > 1.5;
}

/* In the theme's colour of errors where that is legible; the text suffices without. */
void cpx_alert(const char *text)
{
	GtkWidget *l = cpx_wrapped(text, TRUE, 1, PANGO_WRAP_WORD_CHAR);
	PangoAttrList *attributes = gtk_label_get_attributes(GTK_LABEL(l));

	if (light_on_dark(gtk_widget_get_style_context(l))) {
		pango_attr_list_insert(attributes, pango_attr_foreground_new(0xffff, 0x9999, 0x8f8f));
		gtk_label_set_attributes(GTK_LABEL(l), attributes);
	} else {
		gtk_style_context_add_class(gtk_widget_get_style_context(l), "error");
	}
	add(l, FALSE);
}

void cpx_text(const char *text)
{
	w.question = cpx_wrapped(text, FALSE, 1, PANGO_WRAP_WORD_CHAR);
	add(w.question, FALSE);
}

void cpx_hint(const char *text)
{
	add(cpx_wrapped(text, FALSE, 1, PANGO_WRAP_WORD_CHAR), FALSE);
}

static void on_row(GtkListBox *list, GtkListBoxRow *row, gpointer unused)
{
	(void)list;
	(void)unused;
	w.row = gtk_list_box_row_get_index(row);
	finish(CPX_OK);
}

static GtkWidget *scrolled(GtkWidget *inside, int height)
{
	GtkWidget *s = gtk_scrolled_window_new(NULL, NULL);

	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(s), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_scrolled_window_set_shadow_type(GTK_SCROLLED_WINDOW(s), GTK_SHADOW_IN);
	gtk_scrolled_window_set_propagate_natural_height(GTK_SCROLLED_WINDOW(s), TRUE);
	gtk_scrolled_window_set_max_content_height(GTK_SCROLLED_WINDOW(s), height);
	gtk_container_add(GTK_CONTAINER(s), inside);
	return s;
}

void cpx_list(void)
{
	w.list = gtk_list_box_new();
	gtk_list_box_set_selection_mode(GTK_LIST_BOX(w.list), GTK_SELECTION_BROWSE);
	gtk_list_box_set_activate_on_single_click(GTK_LIST_BOX(w.list), FALSE);
	g_signal_connect(w.list, "row-activated", G_CALLBACK(on_row), NULL);
	if (w.question != NULL) {
		gtk_label_set_mnemonic_widget(GTK_LABEL(w.question), w.list); /* "labelled by" */
		atk_object_set_name(gtk_widget_get_accessible(w.list), gtk_label_get_text(GTK_LABEL(w.question)));
	}
	gtk_window_set_resizable(GTK_WINDOW(w.window), TRUE);
	add(scrolled(w.list, LIST_HEIGHT), TRUE);
}

void cpx_row(const char *name, const char *detail, const char *note, const char *spoken)
{
	GtkWidget *row = gtk_list_box_row_new();
	GtkWidget *lines = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);

	gtk_container_set_border_width(GTK_CONTAINER(lines), 8);
	gtk_box_pack_start(GTK_BOX(lines), cpx_one_line(name, TRUE), FALSE, FALSE, 0);
	if (detail[0] != '\0')
		gtk_box_pack_start(GTK_BOX(lines), cpx_one_line(detail, FALSE), FALSE, FALSE, 0);
	if (note[0] != '\0')
		gtk_box_pack_start(GTK_BOX(lines), cpx_one_line(note, FALSE), FALSE, FALSE, 0);
	gtk_container_add(GTK_CONTAINER(row), lines);
	atk_object_set_name(gtk_widget_get_accessible(row), spoken);
	gtk_list_box_insert(GTK_LIST_BOX(w.list), row, -1);
	if (w.first == NULL)
		w.first = row;
}

/* As large as a long text needs, but no larger than the screen. */
static void widen(void)
{
	GdkRectangle free = { 0, 0, BODY_WIDE, BODY_TALL };
	GdkMonitor *monitor = gdk_display_get_primary_monitor(gdk_display_get_default());

	if (monitor == NULL) /* Wayland has no primary one */
		monitor = gdk_display_get_monitor(gdk_display_get_default(), 0);
	if (monitor != NULL)
		gdk_monitor_get_workarea(monitor, &free);
	gtk_window_set_default_size(GTK_WINDOW(w.window), MAX(WIDTH, MIN(BODY_WIDE, free.width * 9 / 10)),
		MIN(BODY_TALL, free.height * 9 / 10));
}

void cpx_body(const char *text)
{
	GtkWidget *s;
	GtkTextBuffer *buffer;
	GtkTextIter start;

	w.body = gtk_text_view_new();
	buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(w.body));
	gtk_text_buffer_set_text(buffer, text, -1);
	gtk_text_buffer_get_start_iter(buffer, &start);
	gtk_text_buffer_place_cursor(buffer, &start);
	gtk_text_view_set_editable(GTK_TEXT_VIEW(w.body), FALSE);
	gtk_text_view_set_accepts_tab(GTK_TEXT_VIEW(w.body), FALSE); /* Tab leaves it */
	gtk_text_view_set_wrap_mode(GTK_TEXT_VIEW(w.body), GTK_WRAP_WORD_CHAR);
	gtk_text_view_set_indent(GTK_TEXT_VIEW(w.body), -HANGING); /* shows where a line was wrapped */
	gtk_text_view_set_left_margin(GTK_TEXT_VIEW(w.body), 8);
	gtk_text_view_set_right_margin(GTK_TEXT_VIEW(w.body), 8);
	gtk_text_view_set_top_margin(GTK_TEXT_VIEW(w.body), 8);
	gtk_text_view_set_bottom_margin(GTK_TEXT_VIEW(w.body), 8);
	atk_object_set_name(gtk_widget_get_accessible(w.body), gtk_window_get_title(GTK_WINDOW(w.window)));
	gtk_window_set_resizable(GTK_WINDOW(w.window), TRUE);
	widen();
	s = scrolled(w.body, BODY_HEIGHT);
	gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(s), BODY_HEIGHT / 2);
	add(s, TRUE);
}

static void copy_body(GtkButton *button)
{
	GtkTextIter start, end;
	GtkTextBuffer *buffer;
	GtkClipboard *clipboard = gtk_clipboard_get(GDK_SELECTION_CLIPBOARD);
	char *text;

	if (w.body == NULL) /* nothing to copy */
		return;
	buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(w.body));
	gtk_text_buffer_get_bounds(buffer, &start, &end);
	text = gtk_text_buffer_get_text(buffer, &start, &end, FALSE);
	gtk_clipboard_set_text(clipboard, text, -1);
	gtk_clipboard_set_can_store(clipboard, NULL, 0);
	g_free(text);
	gtk_button_set_label(button, g_object_get_data(G_OBJECT(button), "done"));
	cpx_report(w.window, "cpx-copied");
}

static void on_button(GtkButton *button, gpointer answer)
{
	GtkListBoxRow *row;

	if (GPOINTER_TO_INT(answer) == CPX_COPY) {
		copy_body(button);
		return;
	}
	if (GPOINTER_TO_INT(answer) == CPX_OK && w.list != NULL) {
		row = gtk_list_box_get_selected_row(GTK_LIST_BOX(w.list));
		if (row == NULL)
			return;
		w.row = gtk_list_box_row_get_index(row);
	}
	finish(GPOINTER_TO_INT(answer));
}

void cpx_button(const char *text, const char *done, int answer, int is_default)
{
	GtkWidget *button = gtk_button_new_with_mnemonic(text);

	g_object_set_data_full(G_OBJECT(button), "done", g_strdup(done), g_free);
	g_signal_connect(button, "clicked", G_CALLBACK(on_button), GINT_TO_POINTER(answer));
	gtk_widget_set_can_default(button, TRUE);
	gtk_box_pack_start(GTK_BOX(w.buttons), button, FALSE, FALSE, 0);
	if (answer == CPX_NEVER) { /* apart from the others, and as wide as its own label */
		gtk_button_box_set_child_secondary(GTK_BUTTON_BOX(w.buttons), button, TRUE);
		gtk_button_box_set_child_non_homogeneous(GTK_BUTTON_BOX(w.buttons), button, TRUE);
	}
	if (is_default)
		w.preferred = button;
}

/* In front of the browser, with the keyboard: a window manager that prevents windows
   from stealing the focus compares the window's time with that of the person's last
   key, and the X server's present time is later. */
static void show(void)
{
	guint32 now = GDK_CURRENT_TIME;

	gtk_window_set_keep_above(GTK_WINDOW(w.window), TRUE);
	gtk_window_stick(GTK_WINDOW(w.window));
	gtk_widget_add_events(w.window, GDK_PROPERTY_CHANGE_MASK);
	gtk_widget_show_all(w.box);
	gtk_widget_realize(w.window);
#ifdef GDK_WINDOWING_X11
	if (GDK_IS_X11_WINDOW(gtk_widget_get_window(w.window))) {
		now = gdk_x11_get_server_time(gtk_widget_get_window(w.window));
		gdk_x11_window_set_user_time(gtk_widget_get_window(w.window), now);
	}
#endif
	gtk_window_present_with_time(GTK_WINDOW(w.window), now);
}

static gboolean on_mapped(GtkWidget *widget, GdkEvent *event, gpointer unused)
{
	(void)widget;
	(void)event;
	(void)unused;
	g_signal_handlers_disconnect_by_func(w.window, on_mapped, NULL);
	w.mapped = TRUE;
	if (w.quiet_ms == 0)
		ready();
	await_quiet();
	return FALSE;
}

int cpx_run(int *row)
{
	add(w.buttons, FALSE);
	w.row = -1;
	if (w.preferred != NULL) {
		gtk_window_set_default(GTK_WINDOW(w.window), w.preferred);
		gtk_widget_grab_focus(w.preferred);
	}
	if (w.first != NULL) {
		gtk_list_box_select_row(GTK_LIST_BOX(w.list), GTK_LIST_BOX_ROW(w.first));
		gtk_widget_grab_focus(w.first);
	} else if (w.body != NULL) {
		gtk_widget_grab_focus(w.body);
	}
	g_signal_connect(w.window, "map-event", G_CALLBACK(on_mapped), NULL);
	g_signal_connect(w.window, "focus-in-event", G_CALLBACK(on_focus), NULL);
	g_signal_connect(w.window, "focus-out-event", G_CALLBACK(on_focus), NULL);
	show();
	gtk_main();
	if (w.body != NULL)
		gtk_clipboard_store(gtk_clipboard_get(GDK_SELECTION_CLIPBOARD));
	gtk_widget_hide(w.window);
	*row = w.row;
	return w.answer;
}
