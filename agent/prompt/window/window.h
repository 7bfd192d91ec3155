/* One window with GTK 3, which shows one request after the other: cpx_begin, its parts, cpx_show.
   All functions but cpx_wake and cpx_front are for one thread. Text is never
   markup; an underscore makes a shortcut in the label of a button only. */
#ifndef CPX_WINDOW_H
#define CPX_WINDOW_H

enum { CPX_CANCEL = 0, CPX_OK = 1, CPX_COPY = 2, CPX_NEVER = 3, CPX_NEXT = 4 };

int cpx_display(void);
void cpx_begin(int id, const char *title, const char *spoken, int quiet_ms, int passes, int busy, int asks_pin);
void cpx_header(const char *site, const char *origin, int domain, int domain_end, const char *program, int path);
void cpx_holder(const char *line, int first);
void cpx_final(const char *text);
void cpx_wrong(const char *text);
void cpx_alert(const char *text);
void cpx_text(const char *text);
void cpx_hint(const char *text);
void cpx_list(void);
void cpx_row(const char *name, const char *detail, const char *note, const char *spoken);
void cpx_body(const char *text);
void cpx_button(const char *label, const char *done, const char *copies, int answer, int is_default);
void cpx_entry(int least, int most, int continues, int release_ms, const char *length, const char *typed, const char *early, const char *caps_lock, const char *spoken);
void cpx_entry_away(const char *text);
void cpx_show(void);
void cpx_wake(void);
void cpx_front(void);
int cpx_run(int *row);
int cpx_pin_length(void);
int cpx_pin_write(int descriptor);

#endif
