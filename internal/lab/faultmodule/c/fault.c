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

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST list;

enum kind { NONE, RETURN, AFTER, LIE, SHORT };

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
	char name[64], what[64];
	const char *path = getenv("CPX_FAULT_CONTROL");
	FILE *f = path ? fopen(path, "r") : NULL;
	enum kind kind = NONE;
	if (!f)
		return NONE;
	while (fscanf(f, "%63s %63s", name, what) == 2) {
		char *w = what;
		if (strcmp(name, function))
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

WRAP(C_Initialize, (CK_VOID_PTR a), (a))
WRAP(C_Finalize, (CK_VOID_PTR a), (a))
WRAP(C_GetInfo, (CK_INFO_PTR a), (a))
/* The caller asks about each slot in turn, so the lie is smaller here. */
LENGTH(C_GetSlotList, (CK_BBOOL a, CK_SLOT_ID_PTR b, CK_ULONG_PTR n), (a, b, n), *n, 1000)
WRAP(C_GetSlotInfo, (CK_SLOT_ID a, CK_SLOT_INFO_PTR b), (a, b))
WRAP(C_GetTokenInfo, (CK_SLOT_ID a, CK_TOKEN_INFO_PTR b), (a, b))
LENGTH(C_GetMechanismList, (CK_SLOT_ID a, CK_MECHANISM_TYPE_PTR b, CK_ULONG_PTR n), (a, b, n), *n, 100000)
WRAP(C_OpenSession, (CK_SLOT_ID a, CK_FLAGS b, CK_VOID_PTR c, CK_NOTIFY d, CK_SESSION_HANDLE_PTR e), (a, b, c, d, e))
WRAP(C_CloseSession, (CK_SESSION_HANDLE a), (a))
WRAP(C_GetSessionInfo, (CK_SESSION_HANDLE a, CK_SESSION_INFO_PTR b), (a, b))
WRAP(C_Login, (CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_UTF8CHAR_PTR c, CK_ULONG d), (a, b, c, d))
WRAP(C_Logout, (CK_SESSION_HANDLE a), (a))
WRAP(C_FindObjectsInit, (CK_SESSION_HANDLE a, CK_ATTRIBUTE_PTR b, CK_ULONG c), (a, b, c))
LENGTH(C_FindObjects, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE_PTR b, CK_ULONG m, CK_ULONG_PTR n), (a, b, m, n), *n, 100000)
WRAP(C_FindObjectsFinal, (CK_SESSION_HANDLE a), (a))
LENGTH(C_GetAttributeValue, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR b, CK_ULONG m), (a, o, b, m), b->ulValueLen, 100000)
WRAP(C_SignInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
LENGTH(C_Sign, (CK_SESSION_HANDLE a, CK_BYTE_PTR b, CK_ULONG m, CK_BYTE_PTR c, CK_ULONG_PTR n), (a, b, m, c, n), *n, 100000)

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
	USE(C_FindObjectsInit) USE(C_FindObjects) USE(C_FindObjectsFinal) USE(C_GetAttributeValue) USE(C_SignInit) USE(C_Sign)
	*out = &list;
	return CKR_OK;
}
