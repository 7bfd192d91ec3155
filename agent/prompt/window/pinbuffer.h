/* The text of the entry: a GtkEntryBuffer in locked memory of a fixed size. */
#ifndef CPX_PINBUFFER_H
#define CPX_PINBUFFER_H

#include <gtk/gtk.h>

GtkEntryBuffer *cpx_pin_buffer(void);
gboolean cpx_pin_type(GtkEntry *entry, gunichar character);
void cpx_pin_wipe(void);
size_t cpx_pin_bytes(void);
int cpx_pin_characters(void);

#endif
