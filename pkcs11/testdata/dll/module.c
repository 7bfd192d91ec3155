/* A PKCS#11 module for Windows that has no slots and names itself NAME. With NEEDS it
   loads a library of that name, as modules do that load theirs late, and fails where
   there is none. */
#include <string.h>
#include <windows.h>

#pragma pack(push, 1)
typedef struct { unsigned char major, minor; } version;
typedef struct {
	version cryptoki;
	unsigned char manufacturer[32];
	unsigned long flags;
	unsigned char description[32];
	version library;
} info;
typedef unsigned long (*function)();
typedef struct { version cryptoki; function functions[68]; } list;
#pragma pack(pop)

static unsigned long unsupported(void) { return 0x54; }
static unsigned long initialize(void *arguments) { return 0; }
static unsigned long finalize(void *reserved) { return 0; }
static unsigned long get_slots(unsigned char present, unsigned long *slots, unsigned long *count) { *count = 0; return 0; }
static unsigned long get_info(info *i)
{
	memset(i, ' ', sizeof *i);
	i->cryptoki.major = 2;
	i->cryptoki.minor = 20;
	i->flags = 0;
	memcpy(i->manufacturer, NAME, strlen(NAME));
	return 0;
}

__declspec(dllexport) unsigned long C_GetFunctionList(list **l)
{
	static list all;
#ifdef NEEDS
	if (!LoadLibraryA(NEEDS)) return 5; /* CKR_GENERAL_ERROR */
#endif
	for (int i = 0; i < 68; i++) all.functions[i] = (function)unsupported;
	all.cryptoki.major = 2;
	all.cryptoki.minor = 20;
	all.functions[0] = (function)initialize;
	all.functions[1] = (function)finalize;
	all.functions[2] = (function)get_info;
	all.functions[4] = (function)get_slots;
	*l = &all;
	return 0;
}
