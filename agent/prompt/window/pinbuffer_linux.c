#include <string.h>

#include "memory.h"
#include "pinbuffer.h"
#include "state.h"
#include "window.h"

#define MOST_CHARACTERS 64
#define MOST_BYTES (MOST_CHARACTERS * 4) /* of UTF-8; dialog.Longest */

/* What is typed. The process has one entry, so that there is one. */
static struct {
	char *text; /* MOST_BYTES and a zero byte */
	size_t bytes;
	guint characters;
	gboolean typing; /* a key's character is being inserted, and nothing else */
	GtkEntryBuffer *buffer; /* that an entry shows, NULL without one */
} pin;

typedef struct {
	GtkEntryBuffer parent;
} CpxPinBuffer;

typedef struct {
	GtkEntryBufferClass parent;
} CpxPinBufferClass;

static GType cpx_pin_buffer_get_type(void);
G_DEFINE_TYPE(CpxPinBuffer, cpx_pin_buffer, GTK_TYPE_ENTRY_BUFFER)

static const gchar *get_text(GtkEntryBuffer *buffer, gsize *bytes)
{
	(void)buffer;
	if (bytes != NULL)
		*bytes = pin.bytes;
	return pin.text;
}

static guint get_length(GtkEntryBuffer *buffer)
{
	(void)buffer;
	return pin.characters;
}

/* Only a key inserts: neither the clipboard, nor what is dropped, nor an input method,
   nor another program through the accessibility bus. */
static guint insert_text(GtkEntryBuffer *buffer, guint position, const gchar *text, guint characters)
{
	size_t at, more;

	if (!pin.typing || characters == 0 || position > pin.characters || pin.characters + characters > MOST_CHARACTERS)
		return 0;
	more = (size_t)(g_utf8_offset_to_pointer(text, characters) - text);
	if (pin.bytes + more > MOST_BYTES)
		return 0;
	at = (size_t)(g_utf8_offset_to_pointer(pin.text, position) - pin.text);
	memmove(pin.text + at + more, pin.text + at, pin.bytes - at);
	memcpy(pin.text + at, text, more);
	pin.bytes += more;
	pin.characters += characters;
	gtk_entry_buffer_emit_inserted_text(buffer, position, text, characters);
	return characters;
}

/* Only the person's own key deletes, and no other program. What moves down leaves its old end behind, which is overwritten with what is deleted. */
static guint delete_text(GtkEntryBuffer *buffer, guint position, guint characters)
{
	size_t at, end;

	if (!cpx.by_hand)
		return 0;
	if (position > pin.characters)
		position = pin.characters;
	if (characters > pin.characters - position)
		characters = pin.characters - position;
	if (characters == 0)
		return 0;
	at = (size_t)(g_utf8_offset_to_pointer(pin.text, position) - pin.text);
	end = (size_t)(g_utf8_offset_to_pointer(pin.text + at, characters) - pin.text);
	memmove(pin.text + at, pin.text + end, pin.bytes - end);
	cpx_wipe(pin.text + pin.bytes - (end - at), end - at);
	pin.bytes -= end - at;
	pin.characters -= characters;
	gtk_entry_buffer_emit_deleted_text(buffer, position, characters);
	return characters;
}

static void cpx_pin_buffer_class_init(CpxPinBufferClass *class)
{
	GtkEntryBufferClass *c = GTK_ENTRY_BUFFER_CLASS(class);

	c->get_text = get_text;
	c->get_length = get_length;
	c->insert_text = insert_text;
	c->delete_text = delete_text;
}

static void cpx_pin_buffer_init(CpxPinBuffer *buffer)
{
	(void)buffer;
}

/* An empty buffer. NULL without memory. */
GtkEntryBuffer *cpx_pin_buffer(void)
{
	if (pin.text == NULL)
		pin.text = cpx_locked(MOST_BYTES + 1);
	if (pin.text == NULL)
		return NULL;
	cpx_pin_wipe();
	g_set_weak_pointer(&pin.buffer, g_object_new(cpx_pin_buffer_get_type(), NULL));
	return pin.buffer;
}

/* Inserts a character at the cursor, in the place of what is selected. FALSE where
   there is no room for it. */
gboolean cpx_pin_type(GtkEntry *entry, gunichar character)
{
	GtkEditable *editable = GTK_EDITABLE(entry);
	char text[7] = { 0 };
	int length = g_unichar_to_utf8(character, text);
	guint before;
	gint at;

	gtk_editable_delete_selection(editable);
	at = gtk_editable_get_position(editable);
	before = pin.characters;
	pin.typing = TRUE;
	gtk_editable_insert_text(editable, text, length, &at);
	pin.typing = FALSE;
	gtk_editable_set_position(editable, at);
	cpx_wipe(text, sizeof(text));
	return pin.characters > before;
}

/* The entry is told, for it may be drawn once more: a cursor behind the end of its text has
   it read memory that is none. */
void cpx_pin_wipe(void)
{
	guint gone = pin.characters;

	if (pin.text != NULL)
		cpx_wipe(pin.text, MOST_BYTES + 1);
	pin.bytes = 0;
	pin.characters = 0;
	if (gone > 0 && pin.buffer != NULL)
		gtk_entry_buffer_emit_deleted_text(pin.buffer, 0, gone);
}

size_t cpx_pin_bytes(void)
{
	return pin.bytes;
}

int cpx_pin_characters(void)
{
	return (int)pin.characters;
}

int cpx_pin_length(void)
{
	return (int)pin.bytes;
}

/* Writes the PIN, and overwrites it whatever comes of that. */
int cpx_pin_write(int descriptor)
{
	int done = pin.text != NULL && cpx_write_all(descriptor, pin.text, pin.bytes);

	cpx_pin_wipe();
	return done;
}
