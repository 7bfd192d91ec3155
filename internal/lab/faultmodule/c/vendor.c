/* What the vendor's module does and no other, played over any module. CPX_FAULT_VENDOR
 * switches it on:
 *
 *   - it says that it is the ANS's;
 *   - C_GetSlotInfo says of a card that it does not know that there is none;
 *   - C_GetTokenInfo asks the card itself, in a connection of its own, whether its PIN was
 *     shown (VERIFY without one, which costs no try), and where it was says that the PIN
 *     is locked, as it does of a CPS4;
 *   - a token whose label has _CL, a contactless card's, has no PIN set.
 *
 * Where the value is "refuses", C_Login of such a card says so too, and sends nothing:
 * whether the vendor's does is not known. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define CK_PTR *
#define CK_DEFINE_FUNCTION(type, name) type name
#define CK_DECLARE_FUNCTION(type, name) type name
#define CK_DECLARE_FUNCTION_POINTER(type, name) type(*name)
#define CK_CALLBACK_FUNCTION(type, name) type(*name)
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#include "pkcs11.h"
#include "vendor.h"

/* The part of PC/SC that is needed (winscard.h of pcsc-lite). */
typedef long LONG;
typedef unsigned long DWORD;
typedef struct { unsigned long protocol, length; } IO_REQUEST;

static struct {
	LONG (*establish)(DWORD, const void *, const void *, LONG *);
	LONG (*release)(LONG);
	LONG (*list)(LONG, const char *, char *, DWORD *);
	LONG (*connect)(LONG, const char *, DWORD, DWORD, LONG *, DWORD *);
	LONG (*disconnect)(LONG, DWORD);
	LONG (*transmit)(LONG, const IO_REQUEST *, const unsigned char *, DWORD, IO_REQUEST *, unsigned char *, DWORD *);
} pcsc;

static int loaded(void)
{
	void *lib;
	if (pcsc.transmit)
		return 1;
	lib = dlopen("libpcsclite.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return 0;
	*(void **)&pcsc.establish = dlsym(lib, "SCardEstablishContext");
	*(void **)&pcsc.release = dlsym(lib, "SCardReleaseContext");
	*(void **)&pcsc.list = dlsym(lib, "SCardListReaders");
	*(void **)&pcsc.connect = dlsym(lib, "SCardConnect");
	*(void **)&pcsc.disconnect = dlsym(lib, "SCardDisconnect");
	*(void **)&pcsc.transmit = dlsym(lib, "SCardTransmit");
	return pcsc.transmit != NULL;
}

enum { SYSTEM = 2, SHARED = 2, T0 = 1, T1 = 2, LEAVE = 0 };

/* verified asks the card in one reader, in a context of its own. */
static int verified(LONG context, const char *reader)
{
	static const unsigned char verify[] = {0x00, 0x20, 0x00, 0x01};
	unsigned char answer[258];
	DWORD protocol, length = sizeof answer;
	LONG card, rv;
	IO_REQUEST send = {0, sizeof send};
	if (pcsc.connect(context, reader, SHARED, T0 | T1, &card, &protocol))
		return 0;
	send.protocol = protocol;
	rv = pcsc.transmit(card, &send, verify, sizeof verify, NULL, answer, &length);
	pcsc.disconnect(card, LEAVE);
	return !rv && length == 2 && answer[0] == 0x90 && answer[1] == 0x00;
}

/* shown reports whether the card in that reader was shown its PIN by any program. */
static int shown(const char *reader)
{
	char names[4096];
	DWORD length = sizeof names;
	LONG context;
	int is = 0;
	if (!loaded() || pcsc.establish(SYSTEM, NULL, NULL, &context))
		return 0;
	if (!pcsc.list(context, NULL, names, &length))
		for (char *name = names; *name && !is; name += strlen(name) + 1)
			is = !strcmp(name, reader) && verified(context, name);
	pcsc.release(context);
	return is;
}

static CK_FUNCTION_LIST under;

/* text is a padded text of PKCS#11 as one of C. */
static void text(char *to, const CK_UTF8CHAR *from, size_t n)
{
	memcpy(to, from, n);
	for (to[n] = 0; n > 0 && to[n - 1] == ' ';)
		to[--n] = 0;
}

static int slot_shown(CK_SLOT_ID slot)
{
	CK_SLOT_INFO info;
	char reader[sizeof info.slotDescription + 1];
	if (under.C_GetSlotInfo(slot, &info) != CKR_OK)
		return 0;
	text(reader, info.slotDescription, sizeof info.slotDescription);
	return shown(reader);
}

static CK_RV vendor_C_GetInfo(CK_INFO_PTR info)
{
	CK_RV rv = under.C_GetInfo(info);
	if (rv == CKR_OK) {
		memset(info->manufacturerID, ' ', sizeof info->manufacturerID);
		memcpy(info->manufacturerID, "ANS", 3);
	}
	return rv;
}

static CK_RV vendor_C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info)
{
	CK_TOKEN_INFO token;
	CK_RV rv = under.C_GetSlotInfo(slot, info);
	if (rv == CKR_OK && under.C_GetTokenInfo(slot, &token) == CKR_TOKEN_NOT_RECOGNIZED)
		info->flags &= ~CKF_TOKEN_PRESENT;
	return rv;
}

static CK_RV vendor_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
	char label[sizeof info->label + 1];
	CK_RV rv = under.C_GetTokenInfo(slot, info);
	if (rv != CKR_OK)
		return rv;
	text(label, info->label, sizeof info->label);
	if (strstr(label, "_CL")) {
		info->flags &= ~CKF_USER_PIN_INITIALIZED;
		info->flags |= CKF_LOGIN_REQUIRED;
	} else if (slot_shown(slot)) {
		info->flags |= CKF_USER_PIN_LOCKED;
	}
	return rv;
}

static CK_RV vendor_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG n)
{
	CK_SESSION_INFO info;
	const char *how = getenv("CPX_FAULT_VENDOR");
	if (how && !strcmp(how, "refuses") && under.C_GetSessionInfo(session, &info) == CKR_OK && slot_shown(info.slotID))
		return CKR_PIN_LOCKED;
	return under.C_Login(session, user, pin, n);
}

void vendor_wrap(CK_FUNCTION_LIST_PTR list)
{
	if (!getenv("CPX_FAULT_VENDOR"))
		return;
	under = *list;
	list->C_GetInfo = vendor_C_GetInfo;
	list->C_GetSlotInfo = vendor_C_GetSlotInfo;
	list->C_GetTokenInfo = vendor_C_GetTokenInfo;
	list->C_Login = vendor_C_Login;
}
