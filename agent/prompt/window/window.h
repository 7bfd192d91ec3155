/* One dialog window with GTK 3. All functions are for one thread. Text is never
   markup; an underscore makes a shortcut in the label of a button only. */
#ifndef CPX_WINDOW_H
#define CPX_WINDOW_H

enum { CPX_CANCEL = 0, CPX_OK = 1, CPX_COPY = 2, CPX_NEVER = 3 };

int cpx_display(void);
void cpx_begin(const char *title, const char *spoken, int quiet_ms, int passes);
void cpx_header(const char *site, const char *origin, int domain, int domain_end, const char *program);
void cpx_holder(const char *line, int first);
void cpx_alert(const char *text);
void cpx_text(const char *text);
void cpx_hint(const char *text);
void cpx_list(void);
void cpx_row(const char *name, const char *detail, const char *note, const char *spoken);
void cpx_body(const char *text);
void cpx_button(const char *label, const char *done, int answer, int is_default);
int cpx_run(int *row);

#endif
