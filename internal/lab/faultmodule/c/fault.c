/* A PKCS#11 module that wraps a real one and fails on demand.
 *
 * CPX_FAULT_MODULE names the real module, CPX_FAULT_CONTROL a file that is read
 * before each call. Each of its lines is "FUNCTION FAULT": the first line of
 * the called function counts. The faults:
 *
 *   hang          never returns
 *   crash         ends the process by a bad access
 *   rv:HEX        returns that value without calling the real module
 *   after:HEX     calls the real module, then returns that value
 *   lie           states a length far above the real one
 *   short         states a length below the real one
 *   once:FAULT    the fault, the first time in this process only
 *
 * of C_FindObjects:
 *
 *   one           gives one handle a call
 *   last:PREFIX   gives what is labelled PREFIX… after everything else; ? is any octet
 *   nothing       gives nothing
 *   endless       gives the last handle again for ever
 *
 * of C_GetAttributeValue, which may name the attribute and the object:
 *
 *   attr:HEX:FAULT    where this attribute is asked for, by its number
 *   of:PREFIX:FAULT   of an object that is labelled PREFIX…
 *   pad:HEX           puts 64 such bytes behind the value
 *   negative          makes the serial of a certificate negative
 *   empty             gives a value without a byte
 *   unavailable       gives CK_UNAVAILABLE_INFORMATION for the length
 *
 * of C_GetTokenInfo:
 *
 *   flags:HEX     sets these flags too
 *
 * and of C_Initialize and C_Sign:
 *
 *   nolock        CKR_CANT_LOCK to who asks for locking
 *   der           an ECDSA signature in DER
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST list;

enum kind { NONE, RETURN, AFTER, LIE, SHORT, ONE, LAST, NOTHING, ENDLESS, PAD, NEGATIVE, EMPTY, UNAVAILABLE, FLAGS, NOLOCK, DER };

/* What the call that is looked up is about, and what its fault came with. */
static struct {
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;
	CK_ATTRIBUTE_TYPE type;
	int attribute;
} asked;
static char word[64];

/* labelled compares the label with a prefix, in which ? is any octet. */
static int labelled(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, const char *prefix, size_t n)
{
	char label[256];
	CK_ATTRIBUTE a = {CKA_LABEL, label, sizeof label};
	if (real->C_GetAttributeValue(s, o, &a, 1) != CKR_OK || a.ulValueLen < n)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (prefix[i] != '?' && prefix[i] != label[i])
			return 0;
	return 1;
}

/* about skips the conditions of a fault, or returns NULL where one does not hold. */
static char *about(char *w)
{
	for (;;) {
		int attribute = !strncmp(w, "attr:", 5);
		char *value = strchr(w, ':') ? strchr(w, ':') + 1 : w, *end = strchr(value, ':');
		if (!attribute && strncmp(w, "of:", 3))
			return w;
		if (!end || !asked.attribute)
			return NULL;
		if (attribute ? strtoul(value, NULL, 16) != asked.type : !labelled(asked.session, asked.object, value, end - value))
			return NULL;
		w = end + 1;
	}
}

static int seen(const char *what)
{
	static char *names[64];
	for (int i = 0; i < 64; i++) {
		if (!names[i]) {
			names[i] = strdup(what);
			return 0;
		}
		if (!strcmp(names[i], what))
			return 1;
	}
	return 1;
}

/* fault plays the control file's fault of the function, or returns it to the caller. */
static enum kind fault(const char *function, CK_RV *rv)
{
	char name[64], what[128];
	const char *path = getenv("CPX_FAULT_CONTROL");
	FILE *f = path ? fopen(path, "r") : NULL;
	enum kind kind = NONE;
	if (!f)
		return NONE;
	while (fscanf(f, "%63s %127s", name, what) == 2) {
		char *w = what;
		if (strcmp(name, function) || !(w = about(w)))
			continue;
		if (!strncmp(w, "once:", 5)) {
			if (seen(function))
				break;
			w += 5;
		}
		if (!strcmp(w, "hang"))
			for (;;)
				pause();
		if (!strcmp(w, "crash")) {
			*(volatile char *)1 = 0;
			abort();
		}
		if (!strcmp(w, "lie"))
			kind = LIE;
		if (!strcmp(w, "short"))
			kind = SHORT;
		if (!strcmp(w, "one"))
			kind = ONE;
		if (!strcmp(w, "endless"))
			kind = ENDLESS;
		if (!strcmp(w, "nothing"))
			kind = NOTHING;
		if (!strcmp(w, "negative"))
			kind = NEGATIVE;
		if (!strcmp(w, "empty"))
			kind = EMPTY;
		if (!strcmp(w, "unavailable"))
			kind = UNAVAILABLE;
		if (!strncmp(w, "last:", 5))
			kind = LAST;
		if (!strncmp(w, "pad:", 4))
			kind = PAD;
		if (!strncmp(w, "flags:", 6))
			kind = FLAGS;
		if (kind == LAST || kind == PAD || kind == FLAGS)
			snprintf(word, sizeof word, "%s", strchr(w, ':') + 1);
		if (!strcmp(w, "nolock"))
			kind = NOLOCK;
		if (!strcmp(w, "der"))
			kind = DER;
		if (!strncmp(w, "rv:", 3)) {
			*rv = strtoul(w + 3, NULL, 16);
			kind = RETURN;
		}
		if (!strncmp(w, "after:", 6)) {
			*rv = strtoul(w + 6, NULL, 16);
			kind = AFTER;
		}
		break;
	}
	fclose(f);
	return kind;
}

/* length is what a lying module states for the length n. */
static CK_ULONG length(enum kind kind, CK_ULONG n, CK_ULONG more)
{
	if (kind == LIE)
		return n + more;
	return kind == SHORT && n > 0 ? n - 1 : n;
}

#define WRAP(name, parameters, arguments)                     \
	static CK_RV my_##name parameters                     \
	{                                                     \
		CK_RV rv = CKR_OK;                            \
		enum kind kind = fault(#name, &rv);           \
		if (kind == RETURN)                           \
			return rv;                            \
		if (kind == AFTER) {                          \
			real->name arguments;                 \
			return rv;                            \
		}                                             \
		return real->name arguments;                  \
	}

/* LENGTH wraps a call that returns a length. */
#define LENGTH(name, parameters, arguments, count, more)      \
	static CK_RV my_##name parameters                     \
	{                                                     \
		CK_RV rv = CKR_OK;                            \
		enum kind kind = fault(#name, &rv);           \
		CK_RV answer;                                 \
		if (kind == RETURN)                           \
			return rv;                            \
		answer = real->name arguments;                \
		if (kind == AFTER)                            \
			return rv;                            \
		if (answer == CKR_OK)                         \
			count = length(kind, count, more);    \
		return answer;                                \
	}

static CK_RV my_C_Initialize(CK_VOID_PTR a)
{
	CK_RV rv = CKR_OK;
	CK_C_INITIALIZE_ARGS_PTR args = a;
	enum kind kind = fault("C_Initialize", &rv);
	if (kind == RETURN)
		return rv;
	if (kind == NOLOCK && args && args->flags & CKF_OS_LOCKING_OK)
		return CKR_CANT_LOCK;
	if (kind == AFTER) {
		real->C_Initialize(a);
		return rv;
	}
	return real->C_Initialize(a);
}

WRAP(C_Finalize, (CK_VOID_PTR a), (a))
WRAP(C_GetInfo, (CK_INFO_PTR a), (a))
/* The caller asks about each slot in turn, so the lie is smaller here. */
LENGTH(C_GetSlotList, (CK_BBOOL a, CK_SLOT_ID_PTR b, CK_ULONG_PTR n), (a, b, n), *n, 1000)
WRAP(C_GetSlotInfo, (CK_SLOT_ID a, CK_SLOT_INFO_PTR b), (a, b))

static CK_RV my_C_GetTokenInfo(CK_SLOT_ID a, CK_TOKEN_INFO_PTR b)
{
	CK_RV rv = CKR_OK, answer;
	enum kind kind = fault("C_GetTokenInfo", &rv);
	if (kind == RETURN)
		return rv;
	answer = real->C_GetTokenInfo(a, b);
	if (kind == AFTER)
		return rv;
	if (kind == FLAGS && answer == CKR_OK)
		b->flags |= strtoul(word, NULL, 16);
	return answer;
}

LENGTH(C_GetMechanismList, (CK_SLOT_ID a, CK_MECHANISM_TYPE_PTR b, CK_ULONG_PTR n), (a, b, n), *n, 100000)
WRAP(C_OpenSession, (CK_SLOT_ID a, CK_FLAGS b, CK_VOID_PTR c, CK_NOTIFY d, CK_SESSION_HANDLE_PTR e), (a, b, c, d, e))
WRAP(C_CloseSession, (CK_SESSION_HANDLE a), (a))
WRAP(C_GetSessionInfo, (CK_SESSION_HANDLE a, CK_SESSION_INFO_PTR b), (a, b))
WRAP(C_Login, (CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_UTF8CHAR_PTR c, CK_ULONG d), (a, b, c, d))
WRAP(C_Logout, (CK_SESSION_HANDLE a), (a))

/* What a search has found, where it is given in another order. */
static struct {
	CK_OBJECT_HANDLE all[8192];
	CK_ULONG count, given;
	int drained;
} found;

static CK_RV my_C_FindObjectsInit(CK_SESSION_HANDLE a, CK_ATTRIBUTE_PTR b, CK_ULONG c)
{
	CK_RV rv = CKR_OK, answer;
	enum kind kind = fault("C_FindObjectsInit", &rv);
	found.count = found.given = found.drained = found.all[0] = 0;
	if (kind == RETURN)
		return rv;
	answer = real->C_FindObjectsInit(a, b, c);
	return kind == AFTER ? rv : answer;
}

/* drain finds everything, and puts what has the label last. */
static void drain(CK_SESSION_HANDLE a)
{
	CK_ULONG got = 0, first = 0;
	static CK_OBJECT_HANDLE ordered[8192];
	while (found.count < 8192 && real->C_FindObjects(a, found.all + found.count, 8192 - found.count, &got) == CKR_OK && got > 0)
		found.count += got;
	for (int last = 0; last < 2; last++)
		for (CK_ULONG i = 0; i < found.count; i++)
			if (labelled(a, found.all[i], word, strlen(word)) == last)
				ordered[first++] = found.all[i];
	memcpy(found.all, ordered, sizeof ordered);
	found.drained = 1;
}

static CK_RV my_C_FindObjects(CK_SESSION_HANDLE a, CK_OBJECT_HANDLE_PTR b, CK_ULONG m, CK_ULONG_PTR n)
{
	CK_RV rv = CKR_OK, answer = CKR_OK;
	enum kind kind = fault("C_FindObjects", &rv);
	if (kind == RETURN)
		return rv;
	if (kind == LAST && !found.drained)
		drain(a);
	if (kind == LAST) {
		for (*n = 0; *n < m && found.given < found.count;)
			b[(*n)++] = found.all[found.given++];
		return CKR_OK;
	}
	if (kind == NOTHING) {
		*n = 0;
		return CKR_OK;
	}
	answer = real->C_FindObjects(a, b, kind == ONE ? 1 : m, n);
	if (kind == AFTER)
		return rv;
	if (answer == CKR_OK && *n > 0)
		found.all[0] = b[*n - 1];
	if (kind == ENDLESS && answer == CKR_OK && *n == 0 && found.all[0])
		for (; *n < m; (*n)++)
			b[*n] = found.all[0];
	if (answer == CKR_OK)
		*n = length(kind, *n, 100000);
	return answer;
}

WRAP(C_FindObjectsFinal, (CK_SESSION_HANDLE a), (a))

enum { PADDING = 64 };

static CK_RV my_C_GetAttributeValue(CK_SESSION_HANDLE a, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR b, CK_ULONG m)
{
	CK_RV rv = CKR_OK, answer;
	enum kind kind;
	asked.session = a, asked.object = o, asked.type = b->type, asked.attribute = 1;
	kind = fault("C_GetAttributeValue", &rv);
	asked.attribute = 0;
	if (kind == RETURN)
		return rv;
	if (kind == EMPTY) {
		b->ulValueLen = 0;
		return CKR_OK;
	}
	answer = real->C_GetAttributeValue(a, o, b, m);
	if (kind == AFTER)
		return rv;
	if (answer != CKR_OK)
		return answer;
	if (kind == PAD) {
		if (b->pValue)
			memset((char *)b->pValue + b->ulValueLen, strtoul(word, NULL, 16), PADDING);
		b->ulValueLen += PADDING;
	} else if (kind == NEGATIVE) {
		/* The heads of the certificate, of its body and of the version, and the serial's. */
		if (b->pValue && b->ulValueLen > 4 + 4 + 5 + 2)
			((CK_BYTE *)b->pValue)[4 + 4 + 5 + 2] |= 0x80;
	} else if (kind == UNAVAILABLE) {
		b->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	} else {
		b->ulValueLen = length(kind, b->ulValueLen, 100000);
	}
	return answer;
}

WRAP(C_SignInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
LENGTH(C_Sign, (CK_SESSION_HANDLE a, CK_BYTE_PTR b, CK_ULONG m, CK_BYTE_PTR c, CK_ULONG_PTR n), (a, b, m, c, n), *n, 100000)

/* integer appends n octets to out as a DER INTEGER and returns how many that are. */
static CK_ULONG integer(CK_BYTE_PTR out, CK_BYTE_PTR value, CK_ULONG n)
{
	CK_ULONG zero;
	while (n > 1 && !value[0])
		value++, n--;
	zero = value[0] >> 7;
	out[0] = 2;
	out[1] = n + zero;
	out[2] = 0;
	memcpy(out + 2 + zero, value, n);
	return 2 + zero + n;
}

/* signature is C_Sign, in DER where that is the fault. */
static CK_RV signature(CK_SESSION_HANDLE a, CK_BYTE_PTR b, CK_ULONG m, CK_BYTE_PTR c, CK_ULONG_PTR n)
{
	CK_RV rv = CKR_OK;
	CK_BYTE raw[256], der[300];
	CK_ULONG size = sizeof raw, length, head = 2;
	if (fault("C_Sign", &rv) != DER)
		return my_C_Sign(a, b, m, c, n);
	if (!c) { /* the length is asked for: the most that it can be */
		rv = real->C_Sign(a, b, m, NULL, n);
		*n += 9;
		return rv;
	}
	if ((rv = real->C_Sign(a, b, m, raw, &size)) != CKR_OK)
		return rv;
	length = integer(der, raw, size / 2);
	length += integer(der + length, raw + size / 2, size / 2);
	c[0] = 0x30;
	if (length > 127)
		c[1] = 0x81, head = 3;
	c[head - 1] = length;
	memcpy(c + head, der, length);
	*n = head + length;
	return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
	CK_RV (*get)(CK_FUNCTION_LIST_PTR_PTR);
	CK_RV rv = CKR_OK;
	const char *path = getenv("CPX_FAULT_MODULE");
	void *module;
	if (fault("C_GetFunctionList", &rv) == RETURN)
		return rv;
	module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	if (!module)
		return CKR_GENERAL_ERROR;
	*(void **)&get = dlsym(module, "C_GetFunctionList");
	if (!get || (rv = get(&real)) != CKR_OK)
		return rv ? rv : CKR_GENERAL_ERROR;
	list = *real;
	list.C_GetFunctionList = C_GetFunctionList;
#define USE(name) list.name = my_##name;
	USE(C_Initialize) USE(C_Finalize) USE(C_GetInfo) USE(C_GetSlotList) USE(C_GetSlotInfo) USE(C_GetTokenInfo)
	USE(C_GetMechanismList) USE(C_OpenSession) USE(C_CloseSession) USE(C_GetSessionInfo) USE(C_Login) USE(C_Logout)
	USE(C_FindObjectsInit) USE(C_FindObjects) USE(C_FindObjectsFinal) USE(C_GetAttributeValue) USE(C_SignInit)
	list.C_Sign = signature;
	vendor_wrap(&list);
	*out = &list;
	return CKR_OK;
}
