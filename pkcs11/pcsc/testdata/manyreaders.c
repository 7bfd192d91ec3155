/* A stand-in for libpcsclite with more readers than the protocol of pcscd knows: what
   a service takes in one SCardGetStatusChange is given by FAKE_ENTRIES. The test says
   by Fake_Set which readers there are and which hold a card. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READERS 64
#define CONTEXTS 1024
#define PNP "\\\\?PnP?\\Notification"
#define CHANGED 0x0002u
#define UNKNOWN 0x0004u
#define EMPTY 0x0010u
#define PRESENT 0x0020u

typedef struct {
	const char *reader;
	void *user;
	unsigned long current, event, atrSize;
	unsigned char atr[33];
} State;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static int plugged[READERS], present[READERS];
static unsigned count[READERS];
static long contexts;
static int waiting[CONTEXTS], cancelled[CONTEXTS];
static long calls;
static unsigned plugs;

/* Fake_Set: 0 unplugs, 1 leaves empty, 2 puts a card in. */
void Fake_Set(int reader, int to) {
	pthread_mutex_lock(&mutex);
	if (present[reader] != (to == 2)) count[reader]++;
	if (plugged[reader] != (to > 0)) plugs++;
	plugged[reader] = to > 0;
	present[reader] = to == 2;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&mutex);
}

/* Fake_Calls is how often anything was asked. */
long Fake_Calls(void) {
	pthread_mutex_lock(&mutex);
	long n = calls;
	pthread_mutex_unlock(&mutex);
	return n;
}

static int numberOf(const char *name) {
	int n;
	return sscanf(name, "Reader %d", &n) == 1 && n >= 0 && n < READERS && plugged[n] ? n : -1;
}

long SCardEstablishContext(unsigned long scope, const void *a, const void *b, long *context) {
	pthread_mutex_lock(&mutex);
	calls++;
	*context = ++contexts % CONTEXTS;
	pthread_mutex_unlock(&mutex);
	return 0;
}

long SCardReleaseContext(long context) { return 0; }

long SCardListReaders(long context, const char *groups, char *names, unsigned long *length) {
	unsigned long used = 0;
	pthread_mutex_lock(&mutex);
	calls++;
	for (int i = 0; i < READERS; i++)
		if (plugged[i]) used += sprintf(names + used, "Reader %d", i) + 1;
	names[used++] = 0;
	*length = used;
	pthread_mutex_unlock(&mutex);
	return used == 1 ? 0x8010002E : 0;
}

long SCardGetStatusChange(long context, unsigned long timeout, State *states, unsigned long n) {
	const char *most = getenv("FAKE_ENTRIES");
	if (n > (unsigned long)atoi(most)) return 0x80100004;
	pthread_mutex_lock(&mutex);
	calls++;
	unsigned before = plugs;
	long result = 0;
	cancelled[context] = 0;
	waiting[context] = 1;
	for (int told = 0; !told;) {
		for (unsigned long i = 0; i < n; i++) {
			State *s = &states[i];
			if (!strcmp(s->reader, PNP)) {
				s->event = 0;
				if (plugs != before) s->event = CHANGED, told = 1;
				continue;
			}
			int r = numberOf(s->reader);
			if (r < 0) { result = 0x80100009; told = 1; break; }
			unsigned long now = (present[r] ? PRESENT : EMPTY) | (unsigned long)count[r] << 16;
			s->event = now;
			if (s->current != now) s->event |= CHANGED, told = 1;
		}
		if (!told && cancelled[context]) { result = 0x80100002; told = 1; }
		if (!told) pthread_cond_wait(&moved, &mutex);
	}
	waiting[context] = 0;
	pthread_mutex_unlock(&mutex);
	return result;
}

/* A cancel of one that does not wait is lost, as with pcsc-lite. */
long SCardCancel(long context) {
	pthread_mutex_lock(&mutex);
	if (waiting[context]) cancelled[context] = 1;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&mutex);
	return 0;
}

long SCardConnect(long context, const char *reader, unsigned long share, unsigned long protocols, long *card, unsigned long *active) {
	pthread_mutex_lock(&mutex);
	int r = numberOf(reader);
	long code = r < 0 ? 0x80100009 : present[r] ? 0 : 0x8010000C;
	*card = r;
	pthread_mutex_unlock(&mutex);
	return code;
}

static int resets[READERS];

long SCardDisconnect(long card, unsigned long disposition) {
	pthread_mutex_lock(&mutex);
	if (disposition == 1) resets[card]++;
	pthread_mutex_unlock(&mutex);
	return 0;
}

/* Fake_Resets is how often the card in a reader was reset. */
int Fake_Resets(int reader) { return resets[reader]; }
