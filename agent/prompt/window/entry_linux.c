#include <gtk/gtk.h>
#include <string.h>

#include "grab.h"
#include "memory.h"
#include "parts.h"
#include "pinbuffer.h"
#include "state.h"
#include "window.h"

/* The entry of the request that is shown, or of the one before where that continues. */
static struct {
	GtkWidget *entry, *caps, *away;
	int least, most;
	char *length, *typed, *early;
	char *wrong;  /* what was wrong with the entry before, "" where nothing */
	char *spoken; /* the warnings that stand around the entry */
	int cursor, other_end; /* of the selection, as the person's keys and clicks have them */
} e;

/* What is wrong with what was typed, always at the same place. A screen reader reads it
   with the entry, and once more when it comes, as an alert. */
static void note(const char *text)
{
	char *all = g_strdup_printf("%s%s%s", text, text[0] != '\0' && e.spoken[0] != '\0' ? "\n" : "", e.spoken);

	atk_object_set_description(gtk_widget_get_accessible(e.entry), all);
	g_free(all);
	if (strcmp(gtk_label_get_text(GTK_LABEL(cpx.note)), text) == 0)
		return;
	gtk_label_set_text(GTK_LABEL(cpx.note), text);
	gtk_widget_set_visible(cpx.note, text[0] != '\0');
	cpx_fit();
	if (text[0] != '\0')
		atk_object_notify_state_change(gtk_widget_get_accessible(cpx.note), ATK_STATE_SHOWING, TRUE);
}

static void on_caps(GdkKeymap *keymap, gpointer unused)
{
	(void)unused;
	gtk_widget_set_visible(e.caps, gdk_keymap_get_caps_lock_state(keymap));
	cpx_fit();
}

static GdkKeymap *keymap(void)
{
	return gdk_keymap_get_for_display(gdk_display_get_default());
}

/* Every character goes to the buffer by this way, past the input methods, which are other
   programs. What is no character moves the cursor or deletes. */
static gboolean on_entry_key(GtkWidget *entry, GdkEventKey *event, gpointer unused)
{
	gunichar character = gdk_keyval_to_unicode(event->keyval);

	(void)unused;
	if (event->state & (GDK_CONTROL_MASK | GDK_MOD1_MASK | GDK_SUPER_MASK | GDK_HYPER_MASK | GDK_META_MASK))
		return FALSE;
	if (character == 0 || g_unichar_iscntrl(character))
		return FALSE;
	if (event->type == GDK_KEY_PRESS && !cpx.answered) {
		if (cpx_pin_type(GTK_ENTRY(entry), character))
			note(e.wrong);
		else
			gtk_widget_error_bell(entry);
	}
	return TRUE;
}

static void on_paste(GtkWidget *entry, gpointer unused)
{
	(void)unused;
	g_signal_stop_emission_by_name(entry, "paste-clipboard");
	note(e.typed);
}

static gboolean no_menu(GtkWidget *entry, gpointer unused)
{
	(void)entry;
	(void)unused;
	return TRUE;
}

static void stop_copy(GtkWidget *entry, gpointer name)
{
	g_signal_stop_emission_by_name(entry, name);
}

static GtkWidget *new_entry(void)
{
	GtkEntryBuffer *buffer = cpx_pin_buffer();
	GtkWidget *entry;

	if (buffer == NULL)
		g_error("no memory");
	entry = gtk_entry_new_with_buffer(buffer);
	g_object_unref(buffer);
	gtk_entry_set_visibility(GTK_ENTRY(entry), FALSE);
	gtk_entry_set_input_purpose(GTK_ENTRY(entry), GTK_INPUT_PURPOSE_PASSWORD);
	gtk_entry_set_input_hints(GTK_ENTRY(entry), GTK_INPUT_HINT_NO_SPELLCHECK | GTK_INPUT_HINT_NO_EMOJI);
	gtk_entry_set_activates_default(GTK_ENTRY(entry), TRUE);
	g_object_set(entry, "im-module", "gtk-im-context-simple", "caps-lock-warning", FALSE, "enable-emoji-completion", FALSE, NULL);
	gtk_drag_dest_unset(entry);
	cpx_framed(entry);
	g_signal_connect(entry, "key-press-event", G_CALLBACK(on_entry_key), NULL);
	g_signal_connect(entry, "key-release-event", G_CALLBACK(on_entry_key), NULL);
	g_signal_connect(entry, "paste-clipboard", G_CALLBACK(on_paste), NULL);
	g_signal_connect(entry, "copy-clipboard", G_CALLBACK(stop_copy), "copy-clipboard");
	g_signal_connect(entry, "cut-clipboard", G_CALLBACK(stop_copy), "cut-clipboard");
	g_signal_connect(entry, "popup-menu", G_CALLBACK(no_menu), NULL);
	return entry;
}

/* Adds the entry, after the text that is its name. With continues it is the one of the
   request before, with what was typed into it. */
void cpx_entry(int least, int most, int continues, int release_ms, const char *length, const char *typed, const char *early,
	       const char *caps_lock, const char *spoken)
{
	AtkObject *a;

	if (e.entry == NULL || !continues || cpx_pin_characters() == 0) {
		cpx_entry_forget();
		e.entry = g_object_ref_sink(new_entry());
	} else
		cpx.held_at = cpx.id; /* a key that is held down goes on, too */
	cpx_grab_release(release_ms);
	e.least = least;
	e.most = most;
	g_free(e.length);
	g_free(e.typed);
	e.length = g_strdup(length);
	g_free(e.wrong);
	g_free(e.spoken);
	e.typed = g_strdup(typed);
	g_free(e.early);
	e.early = g_strdup(early);
	e.wrong = g_strdup("");
	e.spoken = g_strdup(spoken);
	e.caps = cpx_wrapped(caps_lock, TRUE, 1, PANGO_WRAP_WORD_CHAR);
	gtk_widget_set_no_show_all(e.caps, TRUE);
	atk_object_set_role(gtk_widget_get_accessible(e.caps), ATK_ROLE_ALERT);
	cpx.note = cpx_alarming("");
	gtk_widget_set_no_show_all(cpx.note, TRUE);
	atk_object_set_role(gtk_widget_get_accessible(cpx.note), ATK_ROLE_ALERT);
	a = gtk_widget_get_accessible(e.entry);
	if (cpx.question != NULL) {
		gtk_label_set_mnemonic_widget(GTK_LABEL(cpx.question), e.entry); /* "labelled by" */
		atk_object_set_name(a, gtk_label_get_text(GTK_LABEL(cpx.question)));
	}
	cpx_fix(e.entry);
	cpx_fix(cpx.note);
	cpx_fix(e.caps);
	g_signal_connect_object(keymap(), "state-changed", G_CALLBACK(on_caps), e.caps, G_CONNECT_AFTER);
	on_caps(keymap(), NULL);
	e.away = NULL;
	cpx.entry = TRUE;
}

/* Says, where the desktop gives the window no keyboard, what the person has to do. */
void cpx_entry_away(const char *text)
{
	e.away = cpx_alarming(text);
	gtk_widget_set_no_show_all(e.away, TRUE);
	atk_object_set_role(gtk_widget_get_accessible(e.away), ATK_ROLE_ALERT);
	cpx_fix(e.away);
}

void cpx_entry_say_away(gboolean away)
{
	if (!cpx.entry || e.away == NULL || gtk_widget_get_visible(e.away) == away)
		return;
	gtk_widget_set_visible(e.away, away);
	cpx_fit();
}

/* Says what was wrong, "" where nothing: at the entry, where there is one. */
void cpx_wrong(const char *text)
{
	if (cpx.entry) {
		g_free(e.wrong);
		e.wrong = g_strdup(text);
		note(text);
	} else
		cpx_add(cpx_alarming(text), FALSE);
}

void cpx_entry_detach(void)
{
	GtkWidget *parent = e.entry == NULL ? NULL : gtk_widget_get_parent(e.entry);

	if (parent != NULL)
		gtk_container_remove(GTK_CONTAINER(parent), e.entry);
}

void cpx_entry_forget(void)
{
	cpx_ungrab();
	cpx_pin_wipe();
	g_clear_object(&e.entry);
}

/* What is typed must be as long as a PIN of the card, or nothing is sent. */
gboolean cpx_entry_refuses(void)
{
	int characters = cpx_pin_characters();

	if (!cpx.entry)
		return FALSE;
	if (characters > 0 && characters >= e.least && (e.most == 0 || characters <= e.most))
		return FALSE;
	note(e.length);
	cpx_entry_focus();
	return TRUE;
}

/* What was wrong with the entry before remains: it is why this one stands. */
void cpx_entry_early(void)
{
	char *text;

	if (!cpx.entry || cpx.answered || cpx_pin_characters() > 0)
		return;
	text = g_strdup_printf("%s%s%s", e.wrong, e.wrong[0] != '\0' ? " " : "", e.early);
	note(text);
	g_free(text);
}

void cpx_entry_focus(void)
{
	gtk_entry_grab_focus_without_selecting(GTK_ENTRY(e.entry));
	gtk_editable_set_position(GTK_EDITABLE(e.entry), -1);
	cpx_entry_keep();
}

static void places(int *cursor, int *other_end)
{
	int start = 0, end = 0;

	*cursor = gtk_editable_get_position(GTK_EDITABLE(e.entry));
	*other_end = *cursor;
	if (gtk_editable_get_selection_bounds(GTK_EDITABLE(e.entry), &start, &end))
		*other_end = start == *cursor ? end : start;
}

void cpx_entry_keep(void)
{
	if (cpx.entry)
		places(&e.cursor, &e.other_end);
}

/* A cursor moved by another program would have the digits come in another order. */
void cpx_entry_restore(void)
{
	int cursor, other_end;

	if (!cpx.entry)
		return;
	places(&cursor, &other_end);
	if (cursor != e.cursor || other_end != e.other_end)
		gtk_editable_select_region(GTK_EDITABLE(e.entry), e.other_end, e.cursor);
}

/* Of the mouse only the first button reaches the entry: the others paste and open menus. */
gboolean cpx_entry_swallows(GdkEvent *event)
{
	switch (event->type) {
	case GDK_BUTTON_PRESS:
	case GDK_2BUTTON_PRESS:
	case GDK_3BUTTON_PRESS:
	case GDK_BUTTON_RELEASE:
		return cpx.entry && event->button.button != GDK_BUTTON_PRIMARY;
	default:
		return FALSE;
	}
}
