/* What the window's own files know of the window. The process has one, which shows one
   request after the other. */
#ifndef CPX_STATE_H
#define CPX_STATE_H

#include <gtk/gtk.h>

struct cpx_state {
	GtkWidget *window, *frame;

	/* Of the request that is shown. */
	int id;
	GtkWidget *scroller, *foot, *box, *holder, *question, *list, *body, *buttons, *first, *preferred;
	GtkWidget *note;          /* what is wrong with the entry */
	gboolean asks_pin;        /* it has an entry, or will */
	gboolean entry;           /* it has the entry of entry_linux.c */
	gboolean busy;            /* it asks nothing */
	gboolean of_site;         /* it is of a site's login */
	gboolean answered, reported;
	gboolean copied;          /* a button's text is in the clipboard */
	int answer, row;

	gboolean final, unread;   /* the last try, and nobody can have read that yet */
	gint64 answered_at;       /* when the person answered last */
	int height;               /* of the window as it stands */

	int quiet_ms;             /* it accepts keys and clicks only after that */
	gboolean passes;          /* and then closes by itself */
	gboolean mapped, accepts; /* keys and clicks */
	gboolean by_hand;         /* a key, a click or a touch that counts is being served */
	GtkWidget *focus, *chosen; /* as the person's keys, clicks and touches had them last */
	gboolean ahead;           /* keys were typed that no question received, or its rest would */
	gboolean early;           /* keys were typed while the entry did not accept any */
	guint held;               /* the key that is down, 0 for none */
	int held_at;              /* the request at which it went down */
	guint quiet;              /* the timer, 0 where none runs */
	int quiet_starts;         /* how often it was started */
	int unseen;               /* how often it ended without the keyboard */
	int woken;                /* requests that have come and are not shown yet */
};
extern struct cpx_state cpx;

/* window_linux.c */
void cpx_finish(int answer);
void cpx_add(GtkWidget *widget, gboolean grows);  /* to what scrolls where there is no room */
void cpx_fix(GtkWidget *widget);                  /* to what is always visible, above the buttons */

/* size_linux.c */
#define CPX_WIDTH 500
#define CPX_BORDER 16
#define CPX_LIST_HEIGHT 320 /* at most */
void cpx_fit(void); /* the fixed parts have another height */
void cpx_on_size(GtkWidget *window, GdkRectangle *size, gpointer unused);

/* events_linux.c */
void cpx_on_event(GdkEvent *event, gpointer unused);
gboolean cpx_on_key(GtkWidget *window, GdkEventKey *event, gpointer unused);
void cpx_keep_places(void); /* focus, cursor and selection are where the person has them */

/* quiet_linux.c */
void cpx_ready(void);
void cpx_await_quiet(void);
void cpx_await_read(void); /* a warning has come, and no Enter counts before it can be read */
gboolean cpx_on_focus(GtkWidget *window, GdkEventFocus *event, gpointer unused);

/* front_linux.c */
gboolean cpx_has_keyboard(void);
gboolean cpx_elsewhere(void);
void cpx_follow_active(void);
void cpx_in_front(void);
gboolean cpx_on_state(GtkWidget *window, GdkEventWindowState *event, gpointer unused);

/* question_linux.c */
void cpx_clear(void);

/* entry_linux.c */
void cpx_entry_detach(void); /* from what is taken away */
void cpx_entry_forget(void); /* no request continues it */
gboolean cpx_entry_refuses(void); /* what was typed is no answer, and the window says why */
void cpx_entry_early(void);   /* what was typed for it came too early, and the window says so */
void cpx_entry_focus(void);
gboolean cpx_entry_swallows(GdkEvent *event);
void cpx_entry_keep(void);    /* cursor and selection are where the person has them */
void cpx_entry_restore(void); /* cursor and selection go back there */
void cpx_entry_say_away(gboolean away); /* that the window has no keyboard */

#endif
