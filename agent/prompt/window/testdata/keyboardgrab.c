/* Takes the keyboard of an X server for a moment, as a program of the same person's could,
   and says whether it got it. */
#include <X11/Xlib.h>
#include <stdio.h>

int main(void)
{
	Display *display = XOpenDisplay(NULL);
	int result;

	if (display == NULL)
		return 1;
	result = XGrabKeyboard(display, DefaultRootWindow(display), False, GrabModeAsync, GrabModeAsync, CurrentTime);
	XCloseDisplay(display);
	if (result != GrabSuccess && result != AlreadyGrabbed)
		return 1;
	puts(result == GrabSuccess ? "taken" : "refused");
	return 0;
}
