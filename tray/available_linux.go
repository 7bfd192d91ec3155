package tray

/*
#cgo pkg-config: gtk+-3.0
#include <gtk/gtk.h>

static int display_answers(void) { return gtk_init_check(NULL, NULL); }
*/
import "C"

// Available tells whether a display answers. GTK would end the process where
// none does, so it is asked in the form that only says no. Call it from the
// main goroutine.
func Available() bool { return C.display_answers() != 0 }
