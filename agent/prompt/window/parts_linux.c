#include "parts.h"

/* How far the window has come. Tests wait for it: its role, which X11 alone has, and the
   identifier that accessible objects have for tests (ATK 2.34). */
void cpx_report(GtkWidget *window, const char *state)
{
	gtk_window_set_role(GTK_WINDOW(window), state);
	atk_object_set_accessible_id(gtk_widget_get_accessible(window), state);
}

/* A card with its chip, like the icon in the tray. */
GdkPixbuf *cpx_picture(int size)
{
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, size, size);
	cairo_t *c = cairo_create(surface);
	GdkPixbuf *pixbuf;

	cairo_scale(c, size / 32.0, size / 32.0);
	cairo_set_source_rgb(c, 1, 1, 1);
	cairo_rectangle(c, 1, 5, 30, 22);
	cairo_fill(c);
	cairo_set_source_rgb(c, 18 / 255.0, 92 / 255.0, 120 / 255.0);
	cairo_rectangle(c, 2, 6, 28, 20);
	cairo_fill(c);
	cairo_set_source_rgb(c, 240 / 255.0, 205 / 255.0, 110 / 255.0);
	cairo_rectangle(c, 5, 11, 7, 7);
	cairo_fill(c);
	cairo_set_source_rgb(c, 1, 1, 1);
	cairo_rectangle(c, 15, 20, 12, 2);
	cairo_fill(c);
	cairo_destroy(c);
	pixbuf = gdk_pixbuf_get_from_surface(surface, 0, 0, size, size);
	cairo_surface_destroy(surface);
	return pixbuf;
}

/* A triangle with an exclamation mark: no theme need have one. */
GdkPixbuf *cpx_warning(int size)
{
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, size, size);
	cairo_t *c = cairo_create(surface);
	GdkPixbuf *pixbuf;

	cairo_scale(c, size / 32.0, size / 32.0);
	cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
	cairo_set_line_width(c, 3);
	cairo_move_to(c, 16, 4);
	cairo_line_to(c, 30, 28);
	cairo_line_to(c, 2, 28);
	cairo_close_path(c);
	cairo_set_source_rgb(c, 1, 0.82, 0.1);
	cairo_fill_preserve(c);
	cairo_set_source_rgb(c, 0, 0, 0);
	cairo_stroke(c);
	cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
	cairo_move_to(c, 16, 13);
	cairo_line_to(c, 16, 19.5);
	cairo_stroke(c);
	cairo_arc(c, 16, 24, 1.8, 0, 2 * G_PI);
	cairo_fill(c);
	cairo_destroy(c);
	pixbuf = gdk_pixbuf_get_from_surface(surface, 0, 0, size, size);
	cairo_surface_destroy(surface);
	return pixbuf;
}

/* A border in the colour of the theme's text. */
void cpx_thick(GtkWidget *frame)
{
	GtkCssProvider *css = gtk_css_provider_new();

	gtk_css_provider_load_from_data(css, "border { border: 3px solid @theme_fg_color; }", -1, NULL);
	gtk_style_context_add_provider(gtk_widget_get_style_context(frame), GTK_STYLE_PROVIDER(css), GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
	g_object_unref(css);
}

static GtkWidget *label(const char *text, gboolean strong, double scale)
{
	GtkWidget *l = gtk_label_new(NULL);
	PangoAttrList *attributes = pango_attr_list_new();

	gtk_label_set_text(GTK_LABEL(l), text);
	gtk_label_set_xalign(GTK_LABEL(l), 0);
	if (strong)
		pango_attr_list_insert(attributes, pango_attr_weight_new(PANGO_WEIGHT_BOLD));
	if (scale != 1)
		pango_attr_list_insert(attributes, pango_attr_scale_new(scale));
	gtk_label_set_attributes(GTK_LABEL(l), attributes);
	pango_attr_list_unref(attributes);
	return l;
}

GtkWidget *cpx_wrapped(const char *text, gboolean strong, double scale, PangoWrapMode mode)
{
	GtkWidget *l = label(text, strong, scale);

	gtk_label_set_line_wrap(GTK_LABEL(l), TRUE);
	gtk_label_set_line_wrap_mode(GTK_LABEL(l), mode);
	gtk_label_set_max_width_chars(GTK_LABEL(l), 58);
	return l;
}

/* Light-on-dark themes often have the red of other themes, which is illegible there. */
static gboolean light_on_dark(GtkStyleContext *style)
{
	GdkRGBA text;

	return gtk_style_context_lookup_color(style, "theme_fg_color", &text) && text.red + text.green + text.blue > 1.5;
}

/* Dark themes draw a frame in the colour of its ground. One in the colour of what is typed
   shows where to type. */
void cpx_framed(GtkWidget *entry)
{
	GtkStyleContext *style = gtk_widget_get_style_context(entry);
	GtkCssProvider *css;

	if (!light_on_dark(style))
		return;
	css = gtk_css_provider_new();
	gtk_css_provider_load_from_data(css, "entry { border-color: currentColor; }", -1, NULL);
	gtk_style_context_add_provider(style, GTK_STYLE_PROVIDER(css), GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
	g_object_unref(css);
}

/* In the theme's colour of errors where that is legible; the text suffices without. */
GtkWidget *cpx_alarming(const char *text)
{
	GtkWidget *l = cpx_wrapped(text, TRUE, 1, PANGO_WRAP_WORD_CHAR);
	PangoAttrList *attributes = gtk_label_get_attributes(GTK_LABEL(l));

	if (light_on_dark(gtk_widget_get_style_context(l))) {
		pango_attr_list_insert(attributes, pango_attr_foreground_new(0xffff, 0x9999, 0x8f8f));
		gtk_label_set_attributes(GTK_LABEL(l), attributes);
	} else {
		gtk_style_context_add_class(gtk_widget_get_style_context(l), "error");
	}
	return l;
}

/* Shows a tip for a line that did not fit, and for no other: tips cover what is below. */
static gboolean on_tip(GtkWidget *line, gint x, gint y, gboolean keyboard, GtkTooltip *tip, gpointer unused)
{
	(void)x;
	(void)y;
	(void)keyboard;
	(void)unused;
	if (!pango_layout_is_ellipsized(gtk_label_get_layout(GTK_LABEL(line))))
		return FALSE;
	gtk_tooltip_set_text(tip, gtk_label_get_text(GTK_LABEL(line)));
	return TRUE;
}

/* One line, shortened to the width. */
GtkWidget *cpx_one_line(const char *text, gboolean strong)
{
	GtkWidget *l = label(text, strong, 1);

	gtk_label_set_ellipsize(GTK_LABEL(l), PANGO_ELLIPSIZE_END);
	gtk_widget_set_hexpand(l, TRUE);
	gtk_widget_set_has_tooltip(l, TRUE);
	g_signal_connect(l, "query-tooltip", G_CALLBACK(on_tip), NULL);
	return l;
}

/* A few lines, of which the last is shortened in its middle: what tells two apart comes last. */
GtkWidget *cpx_few_lines(const char *text)
{
	GtkWidget *l = cpx_one_line(text, FALSE);

	gtk_label_set_line_wrap(GTK_LABEL(l), TRUE);
	gtk_label_set_line_wrap_mode(GTK_LABEL(l), PANGO_WRAP_WORD_CHAR);
	gtk_label_set_ellipsize(GTK_LABEL(l), PANGO_ELLIPSIZE_MIDDLE);
	gtk_label_set_lines(GTK_LABEL(l), 3);
	return l;
}
