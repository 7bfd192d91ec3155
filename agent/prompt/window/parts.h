/* The parts of the window that do not depend on the question. */
#ifndef CPX_PARTS_H
#define CPX_PARTS_H

#include <gtk/gtk.h>

void cpx_report(GtkWidget *window, const char *state);
GdkPixbuf *cpx_picture(int size);
GdkPixbuf *cpx_warning(int size);
void cpx_thick(GtkWidget *frame);
GtkWidget *cpx_wrapped(const char *text, gboolean strong, double scale, PangoWrapMode mode);
void cpx_framed(GtkWidget *entry);
GtkWidget *cpx_alarming(const char *text);
GtkWidget *cpx_one_line(const char *text, gboolean strong);
GtkWidget *cpx_few_lines(const char *text);

#endif
