/*
 * A winscard.dll for tests: Windows' PC/SC as programs see it, over our virtual readers.
 *
 * wine's own winscard drops what a program knows of a reader, so that waits return at
 * once. This one speaks the protocol of package vreader (pcsc-lite's) over TCP, as wine
 * has no Unix sockets, to the port that CPX_TEST_PCSC names. It waits for events, never
 * by polling, and answers as Windows does where pcsc-lite differs:
 *
 *   - without a service: SCARD_E_NO_SERVICE for a new context, SCARD_E_SERVICE_STOPPED
 *     in one that there was;
 *   - a cancel ends the waits that have begun, and nothing else;
 *   - a handle that is none: ERROR_INVALID_HANDLE.
 *
 * Contexts and cards are never freed: a released handle is answered, not touched.
 */
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <windows.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What programs see (winscard.h, winsmcrd.h, winerror.h). */

typedef ULONG_PTR HANDLE_OF_PROGRAM;

typedef struct {
	const void *reader; /* char or WCHAR, by the function */
	void *user;
	DWORD current, event, atr_size;
	BYTE atr[36];
} reader_state;

enum {
	STATE_IGNORE = 0x1, STATE_CHANGED = 0x2, STATE_UNKNOWN = 0x4, STATE_UNAVAILABLE = 0x8,
	STATE_EMPTY = 0x10, STATE_PRESENT = 0x20, STATE_EXCLUSIVE = 0x80, STATE_INUSE = 0x100, STATE_MUTE = 0x200,
	CARD_ABSENT = 1, CARD_SPECIFIC = 6, /* of SCardStatus */
	PROTOCOLS_T0_T1 = 3,
};

#define E_CANCELLED           ((LONG)0x80100002)
#define E_INVALID_PARAMETER   ((LONG)0x80100004)
#define E_INSUFFICIENT_BUFFER ((LONG)0x80100008)
#define E_UNKNOWN_READER      ((LONG)0x80100009)
#define E_TIMEOUT             ((LONG)0x8010000A)
#define E_SHARING_VIOLATION   ((LONG)0x8010000B)
#define E_READER_UNAVAILABLE  ((LONG)0x80100017)
#define E_NO_SERVICE          ((LONG)0x8010001D)
#define E_SERVICE_STOPPED     ((LONG)0x8010001E)
#define E_UNSUPPORTED_FEATURE ((LONG)0x80100022)
#define E_NO_READERS          ((LONG)0x8010002E)

#define ALLOCATE ((DWORD)-1) /* SCARD_AUTOALLOCATE */

/* What the service sees (winscard_msg.h). */

enum {
	ESTABLISH = 0x01, CONNECT = 0x04, RECONNECT = 0x05, DISCONNECT = 0x06, BEGIN = 0x07, END = 0x08,
	TRANSMIT = 0x09, STATUS = 0x0B, VERSION = 0x11, READERS = 0x12, WAIT = 0x13, STOP_WAIT = 0x14,
	MAX_READERS = 16, NAME = 128,
	SERVICE_PRESENT = 0x04, SERVICE_SWALLOWED = 0x08,
};

typedef struct {
	char name[NAME];
	uint32_t count, state;
	int32_t sharing;
	BYTE atr[33], padding[3];
	uint32_t atr_size, protocol;
} table_row;

typedef struct {
	uint32_t context;
	char reader[NAME];
	uint32_t share, preferred;
	int32_t card;
	uint32_t active, code;
} connect_message;

typedef struct {
	int32_t card;
	uint32_t send_protocol, send_pci, length, receive_protocol, receive_pci, received, code;
} transmit_message;

/* A connection to the service, for one call at a time. */
typedef struct {
	SOCKET socket;
	CRITICAL_SECTION lock;
} line;

static BOOL receive_all(SOCKET s, void *into, int n)
{
	for (char *at = into; n > 0;) {
		int got = recv(s, at, n, 0);
		if (got <= 0)
			return FALSE;
		at += got, n -= got;
	}
	return TRUE;
}

static BOOL send_all(SOCKET s, const void *from, int n)
{
	for (const char *at = from; n > 0;) {
		int sent = send(s, at, n, 0);
		if (sent <= 0)
			return FALSE;
		at += sent, n -= sent;
	}
	return TRUE;
}

static BOOL send_message(SOCKET s, uint32_t command, const void *body, uint32_t n)
{
	uint32_t header[2] = { n, command };
	return send_all(s, header, sizeof header) && (n == 0 || send_all(s, body, n));
}

/* call sends a message and receives its answer, which has the message's own shape. */
static BOOL call(line *l, uint32_t command, void *message, uint32_t n)
{
	EnterCriticalSection(&l->lock);
	BOOL ok = send_message(l->socket, command, message, n) && receive_all(l->socket, message, n);
	LeaveCriticalSection(&l->lock);
	return ok;
}

static BOOL dial(line *l)
{
	char port[16];
	WSADATA data;
	if (WSAStartup(MAKEWORD(2, 2), &data) || !GetEnvironmentVariableA("CPX_TEST_PCSC", port, sizeof port))
		return FALSE;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((u_short)atoi(port)) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l->socket = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	BOOL at_once = TRUE;
	setsockopt(l->socket, IPPROTO_TCP, TCP_NODELAY, (const char *)&at_once, sizeof at_once);
	InitializeCriticalSection(&l->lock);
	int32_t version[3] = { 4, 4, 0 };
	if (connect(l->socket, (struct sockaddr *)&to, sizeof to) == 0 && call(l, VERSION, version, sizeof version) && version[2] == 0)
		return TRUE;
	closesocket(l->socket);
	return FALSE;
}

/* A context has a line for its calls and one for its waits, so that neither stands in
 * the other's way. */
typedef struct {
	uint32_t magic, id;
	volatile LONG released;
	line calls, waits;
	CRITICAL_SECTION lock; /* of waiting */
	int waiting;
	HANDLE cancelled; /* an event */
} context;

typedef struct {
	uint32_t magic;
	context *context;
	int32_t id;
	DWORD protocol;
	char reader[NAME];
} card;

#define CONTEXT_MAGIC 0x43505863
#define CARD_MAGIC    0x43505864

static context *context_of(HANDLE_OF_PROGRAM h)
{
	context *c = (context *)h;
	return c && !((ULONG_PTR)c & 3) && !IsBadReadPtr(c, sizeof *c) && c->magic == CONTEXT_MAGIC && !c->released ? c : NULL;
}

static card *card_of(HANDLE_OF_PROGRAM h)
{
	card *k = (card *)h;
	return k && !((ULONG_PTR)k & 3) && !IsBadReadPtr(k, sizeof *k) && k->magic == CARD_MAGIC && !k->context->released ? k : NULL;
}

LONG WINAPI SCardEstablishContext(DWORD scope, LPCVOID reserved1, LPCVOID reserved2, HANDLE_OF_PROGRAM *out)
{
	if (!out)
		return E_INVALID_PARAMETER;
	*out = 0;
	context *c = calloc(1, sizeof *c);
	if (!dial(&c->calls) || !dial(&c->waits))
		return E_NO_SERVICE;
	uint32_t message[3] = { scope, 0, 0 };
	if (!call(&c->calls, ESTABLISH, message, sizeof message))
		return E_NO_SERVICE;
	if (message[2])
		return (LONG)message[2];
	c->magic = CONTEXT_MAGIC, c->id = message[1];
	InitializeCriticalSection(&c->lock);
	c->cancelled = CreateEvent(NULL, TRUE, FALSE, NULL);
	*out = (HANDLE_OF_PROGRAM)c;
	return 0;
}

LONG WINAPI SCardIsValidContext(HANDLE_OF_PROGRAM h)
{
	return context_of(h) ? 0 : ERROR_INVALID_HANDLE;
}

LONG WINAPI SCardCancel(HANDLE_OF_PROGRAM h)
{
	context *c = context_of(h);
	if (!c)
		return ERROR_INVALID_HANDLE;
	EnterCriticalSection(&c->lock);
	if (c->waiting)
		SetEvent(c->cancelled);
	LeaveCriticalSection(&c->lock);
	return 0;
}

LONG WINAPI SCardReleaseContext(HANDLE_OF_PROGRAM h)
{
	context *c = context_of(h);
	if (!c || InterlockedExchange(&c->released, TRUE))
		return ERROR_INVALID_HANDLE;
	shutdown(c->calls.socket, SD_BOTH); /* the service ends the context's cards with it */
	closesocket(c->calls.socket);
	EnterCriticalSection(&c->lock);
	if (c->waiting)
		SetEvent(c->cancelled); /* who waits ends the line */
	else
		closesocket(c->waits.socket);
	LeaveCriticalSection(&c->lock);
	return 0;
}

LONG WINAPI SCardFreeMemory(HANDLE_OF_PROGRAM h, LPCVOID memory)
{
	free((void *)memory);
	return 0;
}

static LONG read_table(context *c, table_row *rows)
{
	EnterCriticalSection(&c->calls.lock);
	BOOL ok = send_message(c->calls.socket, READERS, NULL, 0) && receive_all(c->calls.socket, rows, sizeof *rows * MAX_READERS);
	LeaveCriticalSection(&c->calls.lock);
	return ok ? 0 : E_SERVICE_STOPPED;
}

/* Names are bytes of one alphabet here: virtual readers have ASCII names. */

static void narrow(const void *name, BOOL wide, char out[NAME])
{
	int i = 0;
	for (; i < NAME - 1; i++) {
		out[i] = wide ? (char)((const WCHAR *)name)[i] : ((const char *)name)[i];
		if (!out[i])
			return;
	}
	out[i] = 0;
}

/* hand_out gives a program n characters, in its buffer or one of ours. */
static LONG hand_out(const char *text, DWORD n, BOOL wide, void *out, DWORD *length)
{
	size_t size = wide ? sizeof(WCHAR) : 1;
	if (!length)
		return E_INVALID_PARAMETER;
	void *into = out;
	if (out && *length == ALLOCATE) {
		into = malloc(n * size);
		*(void **)out = into;
	} else if (out && *length < n) {
		*length = n;
		return E_INSUFFICIENT_BUFFER;
	}
	for (DWORD i = 0; into && i < n; i++) {
		if (wide)
			((WCHAR *)into)[i] = (BYTE)text[i];
		else
			((char *)into)[i] = text[i];
	}
	*length = n;
	return 0;
}

static LONG list_readers(HANDLE_OF_PROGRAM h, BOOL wide, void *out, DWORD *length)
{
	context *c = context_of(h);
	if (!c)
		return ERROR_INVALID_HANDLE;
	table_row rows[MAX_READERS];
	LONG code = read_table(c, rows);
	if (code)
		return code;
	char names[MAX_READERS * NAME + 1];
	DWORD n = 0;
	for (int i = 0; i < MAX_READERS; i++) {
		if (rows[i].name[0]) {
			strcpy(names + n, rows[i].name);
			n += strlen(rows[i].name) + 1;
		}
	}
	if (n == 0)
		return E_NO_READERS;
	names[n++] = 0;
	return hand_out(names, n, wide, out, length);
}

LONG WINAPI SCardListReadersA(HANDLE_OF_PROGRAM h, LPCSTR groups, LPSTR out, DWORD *length) { return list_readers(h, FALSE, out, length); }
LONG WINAPI SCardListReadersW(HANDLE_OF_PROGRAM h, LPCWSTR groups, LPWSTR out, DWORD *length) { return list_readers(h, TRUE, out, length); }

/* state_now is a reader's state, with its count of insertions in the upper half. */
static DWORD state_now(const table_row *rows, const char *name, reader_state *s)
{
	int i = 0, readers = 0;
	for (int r = 0; r < MAX_READERS; r++)
		readers += rows[r].name[0] != 0;
	if (!lstrcmpiA(name, "\\\\?PnP?\\Notification"))
		return (DWORD)readers << 16;
	s->atr_size = 0;
	while (i < MAX_READERS && strcmp(rows[i].name, name))
		i++;
	if (i == MAX_READERS)
		return STATE_UNKNOWN | STATE_UNAVAILABLE;
	DWORD state = (rows[i].count & 0xFFFF) << 16;
	if (!(rows[i].state & SERVICE_PRESENT))
		return state | STATE_EMPTY;
	state |= STATE_PRESENT;
	if (rows[i].state & SERVICE_SWALLOWED)
		state |= STATE_MUTE;
	if (rows[i].sharing)
		state |= rows[i].sharing < 0 ? STATE_EXCLUSIVE | STATE_INUSE : STATE_INUSE;
	s->atr_size = min(rows[i].atr_size, sizeof rows[i].atr);
	memcpy(s->atr, rows[i].atr, s->atr_size);
	return state;
}

/* differs compares with what the program knows. Without a count only the flags say. */
static BOOL differs(DWORD known, DWORD now, BOOL pnp)
{
	known &= ~(DWORD)STATE_CHANGED;
	if (pnp || known >> 16)
		return known != now;
	return (known & 0xFFFF) != (now & 0xFFFF);
}

/* update fills in the events, and reports whether any of them is news. */
static BOOL update(const table_row *rows, reader_state *states, DWORD n, BOOL wide)
{
	BOOL news = FALSE;
	for (DWORD i = 0; i < n; i++) {
		reader_state *s = &states[i];
		if (s->current & STATE_IGNORE) {
			s->event = STATE_IGNORE;
			continue;
		}
		char name[NAME];
		narrow(s->reader, wide, name);
		s->event = state_now(rows, name, s);
		if (differs(s->current, s->event, name[0] == '\\')) {
			s->event |= STATE_CHANGED;
			news = TRUE;
		}
	}
	return news;
}

/* unknown_reader: a program that asks for a reader which it does not know the state of,
 * and which there is none of, has its name from elsewhere. */
static BOOL unknown_reader(const reader_state *states, DWORD n)
{
	for (DWORD i = 0; i < n; i++) {
		if ((states[i].current & ~(DWORD)STATE_CHANGED) == 0 && states[i].event & STATE_UNKNOWN)
			return TRUE;
	}
	return FALSE;
}

enum outcome { CHANGED, CANCELLED, TIMED_OUT, STOPPED };

/* block waits until the service wakes the line, the program cancels, or time is up. */
static enum outcome block(context *c, DWORD limit)
{
	WSAEVENT readable = WSACreateEvent();
	WSAEventSelect(c->waits.socket, readable, FD_READ | FD_CLOSE);
	HANDLE both[2] = { c->cancelled, readable };
	DWORD first = WaitForMultipleObjects(2, both, FALSE, limit);
	u_long blocking = 0;
	WSAEventSelect(c->waits.socket, NULL, 0);
	ioctlsocket(c->waits.socket, FIONBIO, &blocking);
	WSACloseEvent(readable);
	if (c->released)
		return CANCELLED;
	/* A wait that the service has woken meanwhile takes this for the answer. */
	uint32_t answer[2];
	if (first != WAIT_OBJECT_0 + 1 && !send_message(c->waits.socket, STOP_WAIT, NULL, 0))
		return STOPPED;
	if (!receive_all(c->waits.socket, answer, sizeof answer))
		return STOPPED;
	return first == WAIT_OBJECT_0 ? CANCELLED : first == WAIT_TIMEOUT ? TIMED_OUT : CHANGED;
}

static LONG await_change(context *c, DWORD limit, reader_state *states, DWORD n, BOOL wide)
{
	ULONGLONG end = GetTickCount64() + limit;
	for (BOOL first = TRUE;; first = FALSE) {
		table_row rows[MAX_READERS];
		if (!send_message(c->waits.socket, WAIT, NULL, 0) || !receive_all(c->waits.socket, rows, sizeof rows))
			return E_SERVICE_STOPPED;
		BOOL news = update(rows, states, n, wide);
		if (news || limit == 0) {
			uint32_t answer[2];
			if (!send_message(c->waits.socket, STOP_WAIT, NULL, 0) || !receive_all(c->waits.socket, answer, sizeof answer))
				return E_SERVICE_STOPPED;
			if (first && unknown_reader(states, n))
				return E_UNKNOWN_READER;
			return news ? 0 : E_TIMEOUT;
		}
		ULONGLONG now = GetTickCount64();
		switch (block(c, limit == INFINITE ? INFINITE : now < end ? (DWORD)(end - now) : 0)) {
		case CANCELLED: return E_CANCELLED;
		case TIMED_OUT: return E_TIMEOUT;
		case STOPPED: return E_SERVICE_STOPPED;
		case CHANGED: break; /* of any reader: look whether it is one of these */
		}
	}
}

static LONG get_status_change(HANDLE_OF_PROGRAM h, DWORD limit, reader_state *states, DWORD n, BOOL wide)
{
	context *c = context_of(h);
	if (!c)
		return ERROR_INVALID_HANDLE;
	if (!states || n == 0)
		return E_INVALID_PARAMETER;
	EnterCriticalSection(&c->waits.lock); /* one wait of a context at a time */
	EnterCriticalSection(&c->lock);
	ResetEvent(c->cancelled);
	c->waiting = 1;
	LeaveCriticalSection(&c->lock);
	LONG code = await_change(c, limit, states, n, wide);
	EnterCriticalSection(&c->lock);
	c->waiting = 0;
	if (c->released)
		closesocket(c->waits.socket);
	LeaveCriticalSection(&c->lock);
	LeaveCriticalSection(&c->waits.lock);
	return code;
}

LONG WINAPI SCardGetStatusChangeA(HANDLE_OF_PROGRAM h, DWORD limit, reader_state *s, DWORD n) { return get_status_change(h, limit, s, n, FALSE); }
LONG WINAPI SCardGetStatusChangeW(HANDLE_OF_PROGRAM h, DWORD limit, reader_state *s, DWORD n) { return get_status_change(h, limit, s, n, TRUE); }

static LONG connect_card(HANDLE_OF_PROGRAM h, const void *reader, BOOL wide, DWORD share, DWORD preferred, HANDLE_OF_PROGRAM *out, DWORD *active)
{
	context *c = context_of(h);
	if (!c)
		return ERROR_INVALID_HANDLE;
	connect_message m = { .context = c->id, .share = share, .preferred = preferred };
	narrow(reader, wide, m.reader);
	if (!call(&c->calls, CONNECT, &m, sizeof m))
		return E_SERVICE_STOPPED;
	if (m.code)
		return (LONG)m.code;
	card *k = calloc(1, sizeof *k);
	k->magic = CARD_MAGIC, k->context = c, k->id = m.card, k->protocol = m.active;
	narrow(reader, wide, k->reader);
	*out = (HANDLE_OF_PROGRAM)k;
	if (active)
		*active = m.active;
	return 0;
}

LONG WINAPI SCardConnectA(HANDLE_OF_PROGRAM h, LPCSTR reader, DWORD share, DWORD preferred, HANDLE_OF_PROGRAM *out, DWORD *active) { return connect_card(h, reader, FALSE, share, preferred, out, active); }
LONG WINAPI SCardConnectW(HANDLE_OF_PROGRAM h, LPCWSTR reader, DWORD share, DWORD preferred, HANDLE_OF_PROGRAM *out, DWORD *active) { return connect_card(h, reader, TRUE, share, preferred, out, active); }

/* card_call makes a call whose message begins with the card and ends with the code. */
static LONG card_call(card *k, uint32_t command, int32_t *message, int words)
{
	message[0] = k->id;
	return call(&k->context->calls, command, message, words * 4) ? message[words - 1] : E_SERVICE_STOPPED;
}

LONG WINAPI SCardReconnect(HANDLE_OF_PROGRAM h, DWORD share, DWORD preferred, DWORD initialise, DWORD *active)
{
	card *k = card_of(h);
	if (!k)
		return ERROR_INVALID_HANDLE;
	int32_t message[6] = { 0, (int32_t)share, (int32_t)preferred, (int32_t)initialise };
	LONG code = card_call(k, RECONNECT, message, 6);
	if (code == 0) {
		k->protocol = (DWORD)message[4];
		if (active)
			*active = k->protocol;
	}
	return code;
}

LONG WINAPI SCardDisconnect(HANDLE_OF_PROGRAM h, DWORD disposition)
{
	card *k = card_of(h);
	if (!k)
		return ERROR_INVALID_HANDLE;
	int32_t message[3] = { 0, (int32_t)disposition };
	LONG code = card_call(k, DISCONNECT, message, 3);
	k->magic = 0;
	return code;
}

LONG WINAPI SCardBeginTransaction(HANDLE_OF_PROGRAM h)
{
	card *k = card_of(h);
	if (!k)
		return ERROR_INVALID_HANDLE;
	for (;;) { /* the service tells nobody when a transaction ends: pcsc-lite asks again, too */
		int32_t message[2] = { 0 };
		LONG code = card_call(k, BEGIN, message, 2);
		if (code != E_SHARING_VIOLATION)
			return code;
		Sleep(10);
	}
}

LONG WINAPI SCardEndTransaction(HANDLE_OF_PROGRAM h, DWORD disposition)
{
	card *k = card_of(h);
	if (!k)
		return ERROR_INVALID_HANDLE;
	int32_t message[3] = { 0, (int32_t)disposition };
	return card_call(k, END, message, 3);
}

static LONG status(HANDLE_OF_PROGRAM h, BOOL wide, void *names, DWORD *length, DWORD *state, DWORD *protocol, BYTE *atr, DWORD *atr_size)
{
	card *k = card_of(h);
	if (!k)
		return ERROR_INVALID_HANDLE;
	int32_t message[2] = { 0 };
	LONG code = card_call(k, STATUS, message, 2);
	if (code)
		return code;
	table_row rows[MAX_READERS];
	if ((code = read_table(k->context, rows)))
		return code;
	int i = 0;
	while (i < MAX_READERS && strcmp(rows[i].name, k->reader))
		i++;
	if (i == MAX_READERS)
		return E_READER_UNAVAILABLE;
	if (state)
		*state = rows[i].state & SERVICE_PRESENT ? CARD_SPECIFIC : CARD_ABSENT;
	if (protocol)
		*protocol = k->protocol;
	if (atr_size) {
		DWORD n = min(rows[i].atr_size, sizeof rows[i].atr);
		if (atr && *atr_size < n)
			return E_INSUFFICIENT_BUFFER;
		if (atr)
			memcpy(atr, rows[i].atr, n);
		*atr_size = n;
	}
	if (!length)
		return 0;
	char two_zeros[NAME + 1] = { 0 }; /* a list of one name */
	strcpy(two_zeros, k->reader);
	return hand_out(two_zeros, strlen(k->reader) + 2, wide, names, length);
}

LONG WINAPI SCardStatusA(HANDLE_OF_PROGRAM h, LPSTR names, DWORD *length, DWORD *state, DWORD *protocol, BYTE *atr, DWORD *atr_size) { return status(h, FALSE, names, length, state, protocol, atr, atr_size); }
LONG WINAPI SCardStatusW(HANDLE_OF_PROGRAM h, LPWSTR names, DWORD *length, DWORD *state, DWORD *protocol, BYTE *atr, DWORD *atr_size) { return status(h, TRUE, names, length, state, protocol, atr, atr_size); }

LONG WINAPI SCardTransmit(HANDLE_OF_PROGRAM h, const DWORD *pci, const BYTE *command, DWORD length, DWORD *received_pci, BYTE *answer, DWORD *answer_size)
{
	card *k = card_of(h);
	if (!k)
		return ERROR_INVALID_HANDLE;
	if (!command || !answer || !answer_size)
		return E_INVALID_PARAMETER;
	transmit_message m = { .card = k->id, .send_protocol = pci ? pci[0] : k->protocol, .send_pci = 8, .length = length, .receive_protocol = k->protocol, .receive_pci = 8, .received = *answer_size };
	line *l = &k->context->calls;
	BYTE whole[1 << 16];
	BOOL fits = TRUE;
	EnterCriticalSection(&l->lock);
	/* The header does not count the command, which follows the message. */
	BOOL ok = send_message(l->socket, TRANSMIT, &m, sizeof m) && send_all(l->socket, command, length) && receive_all(l->socket, &m, sizeof m);
	if (ok && m.code == 0)
		ok = m.received <= sizeof whole && receive_all(l->socket, whole, m.received);
	LeaveCriticalSection(&l->lock);
	if (!ok)
		return E_SERVICE_STOPPED;
	if (m.code)
		return (LONG)m.code;
	fits = m.received <= *answer_size;
	if (fits)
		memcpy(answer, whole, m.received);
	*answer_size = m.received;
	return fits ? 0 : E_INSUFFICIENT_BUFFER;
}

/* Virtual readers have no PIN pad here, and no attributes. */

LONG WINAPI SCardControl(HANDLE_OF_PROGRAM h, DWORD code, const void *in, DWORD n, void *out, DWORD space, DWORD *got)
{
	if (got)
		*got = 0;
	return card_of(h) ? E_UNSUPPORTED_FEATURE : ERROR_INVALID_HANDLE;
}

LONG WINAPI SCardGetAttrib(HANDLE_OF_PROGRAM h, DWORD id, BYTE *out, DWORD *n) { return card_of(h) ? E_UNSUPPORTED_FEATURE : ERROR_INVALID_HANDLE; }
LONG WINAPI SCardSetAttrib(HANDLE_OF_PROGRAM h, DWORD id, const BYTE *value, DWORD n) { return card_of(h) ? E_UNSUPPORTED_FEATURE : ERROR_INVALID_HANDLE; }

const DWORD g_rgSCardT0Pci[2] = { 1, 8 }, g_rgSCardT1Pci[2] = { 2, 8 }, g_rgSCardRawPci[2] = { 4, 8 };
