/*
 * A PKCS#11 module for tests, for Windows: one reader with a PIV card whose
 * authentication key is on P-256 (NIST SP 800-73-4), read through winscard.dll. It is so
 * small that `make test` can build it, where OpenSC takes minutes; make test-windows has
 * OpenSC. For one session at a time.
 */
#include <windows.h>
#include <winscard.h>
#include <stdlib.h>
#include <string.h>

#define CK_PTR *
#define CK_DEFINE_FUNCTION(type, name) __declspec(dllexport) type name
#define CK_DECLARE_FUNCTION(type, name) __declspec(dllexport) type name
#define CK_DECLARE_FUNCTION_POINTER(type, name) type(*name)
#define CK_CALLBACK_FUNCTION(type, name) type(*name)
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#pragma pack(push, 1) /* as all of PKCS#11 on Windows */
#include "pkcs11.h"
#pragma pack(pop)

enum { SLOT = 1, SESSION = 1, CERTIFICATE = 1, KEY = 2, OBJECTS = 2, HASH = 32 };

static SCARDCONTEXT service;
static SCARDHANDLE card; /* 0 while there is no session */
static BOOL logged_in;
static CK_OBJECT_CLASS searched;
static CK_ULONG next_object;
static BYTE certificate[4096];
static DWORD certificate_size;

static CK_RV error(LONG code)
{
	switch (code) {
	case SCARD_S_SUCCESS: return CKR_OK;
	case SCARD_E_NO_SMARTCARD: return CKR_TOKEN_NOT_PRESENT;
	case SCARD_W_REMOVED_CARD:
	case SCARD_E_READER_UNAVAILABLE:
	case SCARD_E_UNKNOWN_READER:
	case SCARD_E_SERVICE_STOPPED:
	case SCARD_E_NO_SERVICE:
	case SCARD_E_NOT_TRANSACTED: return CKR_DEVICE_REMOVED;
	}
	return CKR_DEVICE_ERROR;
}

/* first_reader is the reader, or an error that says that there is none. */
static LONG first_reader(char name[256])
{
	char names[4096];
	DWORD n = sizeof names;
	if (SCardIsValidContext(service) != SCARD_S_SUCCESS && SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &service) != SCARD_S_SUCCESS)
		return SCARD_E_NO_SERVICE;
	LONG code = SCardListReadersA(service, NULL, names, &n);
	if (code == SCARD_E_SERVICE_STOPPED) {
		SCardReleaseContext(service);
		service = 0;
	}
	if (code == SCARD_S_SUCCESS)
		lstrcpynA(name, names, 256);
	return code;
}

/* exchange sends a command, and fetches the whole of a long answer. status is the
 * card's. */
static LONG exchange(SCARDHANDLE h, const BYTE *command, DWORD n, BYTE *answer, DWORD *size, int *status)
{
	DWORD space = *size, have = 0;
	BYTE more[5] = { 0x00, 0xC0, 0x00, 0x00, 0x00 };
	for (;;) {
		BYTE part[300];
		DWORD got = sizeof part;
		LONG code = SCardTransmit(h, SCARD_PCI_T1, command, n, NULL, part, &got);
		if (code != SCARD_S_SUCCESS)
			return code;
		if (got < 2 || have + got - 2 > space)
			return SCARD_F_COMM_ERROR;
		memcpy(answer + have, part, got - 2);
		have += got - 2;
		*status = part[got - 2] << 8 | part[got - 1];
		if (part[got - 2] != 0x61) {
			*size = have;
			return SCARD_S_SUCCESS;
		}
		more[4] = part[got - 1];
		command = more, n = sizeof more;
	}
}

/* open_card connects and selects the application. */
static LONG open_card(SCARDHANDLE *h, BOOL *recognized)
{
	static const BYTE select[] = { 0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00 };
	char reader[256];
	DWORD protocol, n;
	BYTE answer[256];
	int status;
	LONG code = first_reader(reader);
	if (code == SCARD_S_SUCCESS)
		code = SCardConnectA(service, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, h, &protocol);
	if (code != SCARD_S_SUCCESS)
		return code;
	n = sizeof answer;
	code = exchange(*h, select, sizeof select, answer, &n, &status);
	*recognized = status == 0x9000;
	if (code != SCARD_S_SUCCESS)
		SCardDisconnect(*h, SCARD_LEAVE_CARD);
	return code;
}

/* value_of finds a tag in TLVs whose lengths have at most three bytes. */
static const BYTE *value_of(BYTE tag, const BYTE *at, DWORD n, DWORD *size)
{
	const BYTE *end = at + n;
	while (at + 2 <= end) {
		BYTE found = *at++;
		DWORD length = *at++;
		if (length == 0x81 && at < end)
			length = *at++;
		else if (length == 0x82 && at + 1 < end)
			length = at[0] << 8 | at[1], at += 2;
		if (length > (DWORD)(end - at))
			return NULL;
		if (found == tag) {
			*size = length;
			return at;
		}
		at += length;
	}
	return NULL;
}

static CK_RV read_certificate(void)
{
	static const BYTE get_data[] = { 0x00, 0xCB, 0x3F, 0xFF, 0x05, 0x5C, 0x03, 0x5F, 0xC1, 0x05, 0x00 };
	BYTE answer[sizeof certificate];
	DWORD n = sizeof answer, size;
	int status;
	LONG code = exchange(card, get_data, sizeof get_data, answer, &n, &status);
	if (code != SCARD_S_SUCCESS)
		return error(code);
	const BYTE *object = status == 0x9000 ? value_of(0x53, answer, n, &size) : NULL;
	const BYTE *der = object ? value_of(0x70, object, size, &size) : NULL;
	certificate_size = der ? size : 0;
	if (der)
		memcpy(certificate, der, size);
	return CKR_OK;
}

static void fill(CK_UTF8CHAR *field, size_t n, const char *text)
{
	memset(field, ' ', n);
	memcpy(field, text, min(n, strlen(text)));
}

CK_RV C_Initialize(void *arguments) { return CKR_OK; }
CK_RV C_Finalize(void *reserved) { return CKR_OK; }

CK_RV C_GetInfo(CK_INFO *info)
{
	memset(info, 0, sizeof *info);
	info->cryptokiVersion.major = 2, info->cryptokiVersion.minor = 20;
	fill(info->manufacturerID, sizeof info->manufacturerID, "TEST");
	fill(info->libraryDescription, sizeof info->libraryDescription, "PIV for tests");
	return CKR_OK;
}

CK_RV C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
	char reader[256];
	CK_ULONG there = first_reader(reader) == SCARD_S_SUCCESS;
	if (list && *count < there)
		return CKR_BUFFER_TOO_SMALL;
	if (list && there)
		list[0] = SLOT;
	*count = there;
	return CKR_OK;
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	char reader[256];
	LONG code = first_reader(reader);
	if (code != SCARD_S_SUCCESS)
		return error(code);
	memset(info, 0, sizeof *info);
	fill(info->slotDescription, sizeof info->slotDescription, reader);
	fill(info->manufacturerID, sizeof info->manufacturerID, "TEST");
	info->flags = CKF_HW_SLOT | CKF_REMOVABLE_DEVICE;
	SCARD_READERSTATEA state = { .szReader = reader };
	if (SCardGetStatusChangeA(service, 0, &state, 1) == SCARD_S_SUCCESS && state.dwEventState & SCARD_STATE_PRESENT)
		info->flags |= CKF_TOKEN_PRESENT;
	return CKR_OK;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	static const BYTE tries[] = { 0x00, 0x20, 0x00, 0x80 };
	SCARDHANDLE h;
	BOOL recognized;
	BYTE answer[16];
	DWORD n = sizeof answer;
	int status;
	LONG code = open_card(&h, &recognized);
	if (code == SCARD_S_SUCCESS) {
		code = exchange(h, tries, sizeof tries, answer, &n, &status);
		SCardDisconnect(h, SCARD_LEAVE_CARD);
	}
	if (code != SCARD_S_SUCCESS)
		return error(code);
	if (!recognized)
		return CKR_TOKEN_NOT_RECOGNIZED;
	memset(info, 0, sizeof *info);
	fill(info->label, sizeof info->label, "PIV TEST");
	fill(info->manufacturerID, sizeof info->manufacturerID, "TEST");
	fill(info->model, sizeof info->model, "PIV");
	fill((CK_UTF8CHAR *)info->serialNumber, sizeof info->serialNumber, "1");
	info->flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED;
	if (status == 0x6983)
		info->flags |= CKF_USER_PIN_LOCKED;
	else if (status == 0x63C1)
		info->flags |= CKF_USER_PIN_FINAL_TRY;
	else if (status == 0x63C2)
		info->flags |= CKF_USER_PIN_COUNT_LOW;
	info->ulMinPinLen = 4, info->ulMaxPinLen = 8;
	return CKR_OK;
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
	if (list && *count >= 1)
		list[0] = CKM_ECDSA;
	*count = 1;
	return CKR_OK;
}

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
	BOOL recognized;
	if (card)
		return CKR_SESSION_COUNT;
	LONG code = open_card(&card, &recognized);
	if (code != SCARD_S_SUCCESS) {
		card = 0;
		return error(code);
	}
	CK_RV rv = recognized ? read_certificate() : CKR_TOKEN_NOT_RECOGNIZED;
	if (rv != CKR_OK) {
		SCardDisconnect(card, SCARD_LEAVE_CARD);
		card = 0;
	}
	logged_in = FALSE;
	*session = SESSION;
	return rv;
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
	if (!card)
		return CKR_SESSION_HANDLE_INVALID;
	SCardDisconnect(card, logged_in ? SCARD_RESET_CARD : SCARD_LEAVE_CARD);
	card = 0, logged_in = FALSE;
	return CKR_OK;
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot) { return card ? C_CloseSession(SESSION) : CKR_OK; }

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	info->slotID = SLOT, info->flags = CKF_SERIAL_SESSION, info->ulDeviceError = 0;
	info->state = logged_in ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
	return card ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

/* Objects are searched by class alone. */
CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG n)
{
	searched = n == 1 && wanted[0].type == CKA_CLASS ? *(CK_OBJECT_CLASS *)wanted[0].pValue : (CK_OBJECT_CLASS)-1;
	next_object = CERTIFICATE;
	return CKR_OK;
}

CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG most, CK_ULONG *n)
{
	for (*n = 0; *n < most && next_object <= OBJECTS && certificate_size; next_object++) {
		if (searched == (next_object == CERTIFICATE ? CKO_CERTIFICATE : CKO_PRIVATE_KEY))
			found[(*n)++] = next_object;
	}
	return CKR_OK;
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session) { return CKR_OK; }

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *list, CK_ULONG n)
{
	static const BYTE p256[] = { 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };
	static const BYTE id = 1;
	static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	static const CK_KEY_TYPE ec = CKK_EC;
	static const CK_CERTIFICATE_TYPE x509 = CKC_X_509;
	CK_RV rv = CKR_OK;
	for (CK_ULONG i = 0; i < n; i++) {
		const void *value = NULL;
		CK_ULONG size = 1;
		switch (list[i].type) {
		case CKA_ID: value = &id; break;
		case CKA_LABEL: value = "PIV", size = 3; break;
		}
		if (object == CERTIFICATE) {
			switch (list[i].type) {
			case CKA_VALUE: value = certificate, size = certificate_size; break;
			case CKA_CERTIFICATE_TYPE: value = &x509, size = sizeof x509; break;
			}
		} else {
			switch (list[i].type) {
			case CKA_PRIVATE:
			case CKA_SIGN: value = &yes; break;
			case CKA_ALWAYS_AUTHENTICATE: value = &no; break;
			case CKA_KEY_TYPE: value = &ec, size = sizeof ec; break;
			case CKA_EC_PARAMS: value = p256, size = sizeof p256; break;
			}
		}
		if (!value || (list[i].pValue && list[i].ulValueLen < size)) {
			rv = value ? CKR_BUFFER_TOO_SMALL : CKR_ATTRIBUTE_TYPE_INVALID;
			list[i].ulValueLen = (CK_ULONG)-1;
			continue;
		}
		if (list[i].pValue)
			memcpy(list[i].pValue, value, size);
		list[i].ulValueLen = size;
	}
	return rv;
}

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG length)
{
	BYTE verify[13] = { 0x00, 0x20, 0x00, 0x80, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
	BYTE answer[16];
	DWORD n = sizeof answer;
	int status;
	if (length > 8)
		return CKR_PIN_LEN_RANGE;
	memcpy(verify + 5, pin, length);
	LONG code = exchange(card, verify, sizeof verify, answer, &n, &status);
	SecureZeroMemory(verify, sizeof verify);
	if (code != SCARD_S_SUCCESS)
		return error(code);
	logged_in = status == 0x9000;
	return logged_in ? CKR_OK : status == 0x6983 ? CKR_PIN_LOCKED : CKR_PIN_INCORRECT;
}

CK_RV C_Logout(CK_SESSION_HANDLE session)
{
	DWORD protocol;
	if (!logged_in)
		return CKR_USER_NOT_LOGGED_IN;
	logged_in = FALSE;
	return error(SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_RESET_CARD, &protocol));
}

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	if (!logged_in)
		return CKR_USER_NOT_LOGGED_IN;
	return key == KEY && mechanism->mechanism == CKM_ECDSA ? CKR_OK : CKR_MECHANISM_INVALID;
}

/* The card's signature is in DER, and PKCS#11's are two numbers of 32 bytes. */
CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE *hash, CK_ULONG n, CK_BYTE *signature, CK_ULONG *size)
{
	BYTE command[5 + 6 + HASH + 1] = { 0x00, 0x87, 0x11, 0x9A, 6 + HASH, 0x7C, 4 + HASH, 0x82, 0x00, 0x81, HASH };
	BYTE answer[256];
	DWORD length = sizeof answer, part;
	int status;
	if (n != HASH)
		return CKR_DATA_LEN_RANGE;
	if (signature == NULL || *size < 2 * HASH) {
		*size = 2 * HASH;
		return signature ? CKR_BUFFER_TOO_SMALL : CKR_OK;
	}
	memcpy(command + 11, hash, HASH);
	LONG code = exchange(card, command, sizeof command, answer, &length, &status);
	if (code != SCARD_S_SUCCESS)
		return error(code);
	const BYTE *at = status == 0x9000 ? value_of(0x7C, answer, length, &length) : NULL;
	at = at ? value_of(0x82, at, length, &length) : NULL;
	at = at ? value_of(0x30, at, length, &length) : NULL;
	if (!at)
		return CKR_FUNCTION_FAILED;
	memset(signature, 0, 2 * HASH);
	const BYTE *end = at + length;
	for (int i = 1; i <= 2; i++) {
		const BYTE *number = value_of(0x02, at, end - at, &part);
		if (!number)
			return CKR_FUNCTION_FAILED;
		at = number + part;
		for (; part > HASH && *number == 0; part--)
			number++;
		if (part > HASH)
			return CKR_FUNCTION_FAILED;
		memcpy(signature + i * HASH - part, number, part);
	}
	*size = 2 * HASH;
	return CKR_OK;
}

static CK_RV unsupported(void) { return CKR_FUNCTION_NOT_SUPPORTED; }

__declspec(dllexport) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	static CK_FUNCTION_LIST all;
	void **each = (void **)&all.C_Initialize;
	for (size_t i = 0; i < (sizeof all - offsetof(CK_FUNCTION_LIST, C_Initialize)) / sizeof *each; i++)
		each[i] = (void *)unsupported;
	all.version.major = 2, all.version.minor = 20;
	all.C_Initialize = C_Initialize, all.C_Finalize = C_Finalize, all.C_GetInfo = C_GetInfo, all.C_GetFunctionList = C_GetFunctionList;
	all.C_GetSlotList = C_GetSlotList, all.C_GetSlotInfo = C_GetSlotInfo, all.C_GetTokenInfo = C_GetTokenInfo;
	all.C_GetMechanismList = C_GetMechanismList, all.C_OpenSession = C_OpenSession, all.C_CloseSession = C_CloseSession;
	all.C_CloseAllSessions = C_CloseAllSessions, all.C_GetSessionInfo = C_GetSessionInfo, all.C_FindObjectsInit = C_FindObjectsInit;
	all.C_FindObjects = C_FindObjects, all.C_FindObjectsFinal = C_FindObjectsFinal, all.C_GetAttributeValue = C_GetAttributeValue;
	all.C_Login = C_Login, all.C_Logout = C_Logout, all.C_SignInit = C_SignInit, all.C_Sign = C_Sign;
	*list = &all;
	return CKR_OK;
}
