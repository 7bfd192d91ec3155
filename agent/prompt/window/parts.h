/* What the window is made of, without anything of its one question. */
#ifndef CPX_PARTS_H
#define CPX_PARTS_H

#include <gtk/gtk.h>

GdkPixbuf *cpx_picture(int size);
GtkWidget *cpx_wrapped(const char *text, gboolean strong, double scale, PangoWrapMode mode);
GtkWidget *cpx_one_line(const char *text, gboolean strong);

#endif
