/* The keyboard, which the window takes for itself while a PIN is typed, where it is X11's. */
#ifndef CPX_GRAB_H
#define CPX_GRAB_H

void cpx_grab(void);         /* where the window accepts keys, and has them */
void cpx_grab_release(int ms); /* after so long without a key it gives the keyboard back */
void cpx_ungrab(void);

#endif
