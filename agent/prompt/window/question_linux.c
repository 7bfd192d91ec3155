#include "parts.h"
#include "state.h"
#include "window.h"

#define BODY_HEIGHT 320
#define BODY_WIDE 900 /* fits a certificate's line at the usual font size */
#define BODY_TALL 600
#define HANGING 32
#define ICON_SIZE 48

/* Takes away the request before. An entry outlives it, for one that continues. */
void cpx_clear(void)
{
	cpx_entry_detach();
	cpx.chosen = NULL;
	gtk_window_set_default(GTK_WINDOW(cpx.window), NULL);
	gtk_container_foreach(GTK_CONTAINER(cpx.frame), (GtkCallback)(void (*)(void))gtk_widget_destroy, NULL);
	cpx.scroller = cpx.foot = cpx.box = cpx.holder = cpx.question = cpx.list = cpx.body = cpx.buttons = cpx.first = cpx.preferred = cpx.note = NULL;
	cpx.entry = FALSE;
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

void cpx_header(const char *site, const char *origin, int domain, int domain_end, const char *program, int path)
{
	GdkPixbuf *card = cpx_picture(ICON_SIZE);
	GtkWidget *image = gtk_image_new_from_pixbuf(card);
	GtkWidget *lines = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	GtkWidget *header = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);

	cpx.of_site = TRUE;
	g_object_unref(card);
	atk_object_set_role(gtk_widget_get_accessible(image), ATK_ROLE_REDUNDANT_OBJECT); /* an ornament */
	gtk_widget_set_valign(image, GTK_ALIGN_START);
	gtk_box_pack_start(GTK_BOX(header), image, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(header), lines, TRUE, TRUE, 0);
	gtk_box_pack_start(GTK_BOX(lines), cpx_wrapped(site, FALSE, 1, PANGO_WRAP_WORD_CHAR), FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(lines), site_line(origin, domain, domain_end), FALSE, FALSE, 0);
	if (program[0] != '\0')
		gtk_box_pack_start(GTK_BOX(lines), cpx_wrapped(program, FALSE, path ? PANGO_SCALE_SMALL : 1, PANGO_WRAP_WORD_CHAR), FALSE, FALSE, 0);
	cpx_add(header, FALSE);
}

void cpx_holder(const char *line, int first)
{
	if (first) {
		cpx.holder = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
		cpx_add(cpx.holder, FALSE);
	}
	gtk_box_pack_start(GTK_BOX(cpx.holder), cpx_wrapped(line, first, 1, PANGO_WRAP_WORD_CHAR), FALSE, FALSE, 0);
}

void cpx_alert(const char *text)
{
	cpx_add(cpx_alarming(text), FALSE);
}

/* The most visible thing of all: framed, larger, with a sign, not by colour alone. */
void cpx_final(const char *text)
{
	GtkWidget *framed = gtk_frame_new(NULL);
	GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	GdkPixbuf *warning = cpx_warning(ICON_SIZE);
	GtkWidget *sign = gtk_image_new_from_pixbuf(warning);
	GtkWidget *l = cpx_alarming(text);
	PangoAttrList *attributes = gtk_label_get_attributes(GTK_LABEL(l));

	cpx.final = TRUE;
	g_object_unref(warning);
	pango_attr_list_insert(attributes, pango_attr_scale_new(PANGO_SCALE_X_LARGE));
	gtk_label_set_attributes(GTK_LABEL(l), attributes);
	gtk_label_set_max_width_chars(GTK_LABEL(l), 36);
	atk_object_set_role(gtk_widget_get_accessible(sign), ATK_ROLE_REDUNDANT_OBJECT);
	atk_object_set_role(gtk_widget_get_accessible(l), ATK_ROLE_ALERT);
	gtk_container_set_border_width(GTK_CONTAINER(line), 10);
	gtk_box_pack_start(GTK_BOX(line), sign, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(line), l, TRUE, TRUE, 0);
	gtk_container_add(GTK_CONTAINER(framed), line);
	cpx_thick(framed);
	cpx_fix(framed);
}

/* A busy window says so with a sign that moves, too. */
void cpx_text(const char *text)
{
	GtkWidget *line, *sign;

	cpx.question = cpx_wrapped(text, FALSE, 1, PANGO_WRAP_WORD_CHAR);
	if (cpx.asks_pin) {
		cpx_fix(cpx.question);
		return;
	}
	if (!cpx.busy) {
		cpx_add(cpx.question, FALSE);
		return;
	}
	line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	sign = gtk_spinner_new();
	gtk_spinner_start(GTK_SPINNER(sign));
	atk_object_set_role(gtk_widget_get_accessible(sign), ATK_ROLE_REDUNDANT_OBJECT);
	gtk_box_pack_start(GTK_BOX(line), sign, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(line), cpx.question, TRUE, TRUE, 0);
	cpx_fix(line);
}

void cpx_hint(const char *text)
{
	cpx_add(cpx_wrapped(text, FALSE, 1, PANGO_WRAP_WORD_CHAR), FALSE);
}

/* Only the person's own key, click or touch answers. Any program can press buttons by the
   accessibility bus, which may cancel and no more. */
static void answer_by_hand(int answer)
{
	if (cpx.by_hand || answer == CPX_CANCEL)
		cpx_finish(answer);
}

/* Nor does another program choose for the person, not even to be seen. */
static void on_chosen(GtkListBox *list, GtkListBoxRow *row, gpointer unused)
{
	(void)unused;
	if (cpx.by_hand && row != NULL)
		cpx.chosen = GTK_WIDGET(row);
	else if (cpx.chosen != NULL && GTK_WIDGET(row) != cpx.chosen && !gtk_widget_in_destruction(GTK_WIDGET(list)))
		gtk_list_box_select_row(list, GTK_LIST_BOX_ROW(cpx.chosen));
}

static void on_row(GtkListBox *list, GtkListBoxRow *row, gpointer unused)
{
	(void)list;
	(void)unused;
	cpx.row = gtk_list_box_row_get_index(row);
	answer_by_hand(CPX_OK);
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
	cpx.list = gtk_list_box_new();
	gtk_list_box_set_selection_mode(GTK_LIST_BOX(cpx.list), GTK_SELECTION_BROWSE);
	gtk_list_box_set_activate_on_single_click(GTK_LIST_BOX(cpx.list), FALSE);
	g_signal_connect(cpx.list, "row-activated", G_CALLBACK(on_row), NULL);
	g_signal_connect(cpx.list, "row-selected", G_CALLBACK(on_chosen), NULL);
	if (cpx.question != NULL) {
		gtk_label_set_mnemonic_widget(GTK_LABEL(cpx.question), cpx.list); /* "labelled by" */
		atk_object_set_name(gtk_widget_get_accessible(cpx.list), gtk_label_get_text(GTK_LABEL(cpx.question)));
	}
	gtk_window_set_resizable(GTK_WINDOW(cpx.window), TRUE);
	cpx_add(scrolled(cpx.list, CPX_LIST_HEIGHT), TRUE);
}

void cpx_row(const char *name, const char *detail, const char *note, const char *spoken)
{
	GtkWidget *row = gtk_list_box_row_new();
	GtkWidget *lines = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);

	gtk_container_set_border_width(GTK_CONTAINER(lines), 8);
	gtk_box_pack_start(GTK_BOX(lines), cpx_one_line(name, TRUE), FALSE, FALSE, 0);
	if (detail[0] != '\0')
		gtk_box_pack_start(GTK_BOX(lines), cpx_few_lines(detail), FALSE, FALSE, 0);
	if (note[0] != '\0')
		gtk_box_pack_start(GTK_BOX(lines), cpx_few_lines(note), FALSE, FALSE, 0);
	gtk_container_add(GTK_CONTAINER(row), lines);
	atk_object_set_name(gtk_widget_get_accessible(row), spoken);
	gtk_list_box_insert(GTK_LIST_BOX(cpx.list), row, -1);
	if (cpx.first == NULL)
		cpx.first = row;
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
	gtk_window_set_default_size(GTK_WINDOW(cpx.window), MIN(BODY_WIDE, free.width * 9 / 10),
		MIN(BODY_TALL, free.height * 9 / 10));
}

void cpx_body(const char *text)
{
	GtkWidget *s;
	GtkTextBuffer *buffer;
	GtkTextIter start;

	cpx.body = gtk_text_view_new();
	buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(cpx.body));
	gtk_text_buffer_set_text(buffer, text, -1);
	gtk_text_buffer_get_start_iter(buffer, &start);
	gtk_text_buffer_place_cursor(buffer, &start);
	gtk_text_view_set_editable(GTK_TEXT_VIEW(cpx.body), FALSE);
	gtk_text_view_set_accepts_tab(GTK_TEXT_VIEW(cpx.body), FALSE); /* Tab leaves it */
	gtk_text_view_set_wrap_mode(GTK_TEXT_VIEW(cpx.body), GTK_WRAP_WORD_CHAR);
	gtk_text_view_set_indent(GTK_TEXT_VIEW(cpx.body), -HANGING); /* shows where a line was wrapped */
	gtk_text_view_set_left_margin(GTK_TEXT_VIEW(cpx.body), 8);
	gtk_text_view_set_right_margin(GTK_TEXT_VIEW(cpx.body), 8);
	gtk_text_view_set_top_margin(GTK_TEXT_VIEW(cpx.body), 8);
	gtk_text_view_set_bottom_margin(GTK_TEXT_VIEW(cpx.body), 8);
	atk_object_set_name(gtk_widget_get_accessible(cpx.body), gtk_window_get_title(GTK_WINDOW(cpx.window)));
	gtk_window_set_resizable(GTK_WINDOW(cpx.window), TRUE);
	widen();
	s = scrolled(cpx.body, BODY_HEIGHT);
	gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(s), BODY_HEIGHT / 2);
	cpx_add(s, TRUE);
}

static void copy_body(GtkButton *button)
{
	GtkTextIter start, end;
	GtkTextBuffer *buffer;
	GtkClipboard *clipboard = gtk_clipboard_get(GDK_SELECTION_CLIPBOARD);
	const char *copies = g_object_get_data(G_OBJECT(button), "copies");
	char *text;

	if (copies[0] != '\0') {
		text = g_strdup(copies);
	} else if (cpx.body != NULL) {
		buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(cpx.body));
		gtk_text_buffer_get_bounds(buffer, &start, &end);
		text = gtk_text_buffer_get_text(buffer, &start, &end, FALSE);
	} else { /* nothing to copy */
		return;
	}
	cpx.copied = TRUE;
	gtk_clipboard_set_text(clipboard, text, -1);
	gtk_clipboard_set_can_store(clipboard, NULL, 0);
	g_free(text);
	gtk_button_set_label(button, g_object_get_data(G_OBJECT(button), "done"));
	cpx_report(cpx.window, "cpx-copied");
}

static void on_button(GtkButton *button, gpointer answer)
{
	GtkListBoxRow *row;

	if (GPOINTER_TO_INT(answer) == CPX_COPY) {
		copy_body(button);
		return;
	}
	if (GPOINTER_TO_INT(answer) == CPX_OK && cpx.list != NULL) {
		row = gtk_list_box_get_selected_row(GTK_LIST_BOX(cpx.list));
		if (row == NULL)
			return;
		cpx.row = gtk_list_box_row_get_index(row);
	}
	answer_by_hand(GPOINTER_TO_INT(answer));
}

/* A key's press counts at once. GTK says "clicked" a quarter of a second later, for the
   button to be seen pressed: a digit typed meanwhile would still become part of the PIN. */
static void on_pressed_by_key(GtkButton *button, gpointer answer)
{
	if (GPOINTER_TO_INT(answer) != CPX_COPY)
		on_button(button, answer);
}

void cpx_button(const char *text, const char *done, const char *copies, int answer, int is_default)
{
	GtkWidget *button = gtk_button_new_with_mnemonic(text);

	g_object_set_data_full(G_OBJECT(button), "done", g_strdup(done), g_free);
	g_object_set_data_full(G_OBJECT(button), "copies", g_strdup(copies), g_free);
	g_signal_connect(button, "clicked", G_CALLBACK(on_button), GINT_TO_POINTER(answer));
	g_signal_connect(button, "activate", G_CALLBACK(on_pressed_by_key), GINT_TO_POINTER(answer));
	gtk_widget_set_can_default(button, TRUE);
	gtk_box_pack_start(GTK_BOX(cpx.buttons), button, FALSE, FALSE, 0);
	if (answer == CPX_NEVER) { /* apart from the others, and as wide as its own label */
		gtk_button_box_set_child_secondary(GTK_BUTTON_BOX(cpx.buttons), button, TRUE);
		gtk_button_box_set_child_non_homogeneous(GTK_BUTTON_BOX(cpx.buttons), button, TRUE);
	}
	if (is_default)
		cpx.preferred = button;
}

