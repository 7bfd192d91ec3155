//go:build amd64 || arm64

#include "load_linux.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HIDDEN __attribute__((visibility("hidden")))

#define GTK(name) extern HIDDEN void *cpx_slot_##name;
#define INDICATOR(name) GTK(name)
#include "functions_linux.h"
#undef GTK
#undef INDICATOR
extern HIDDEN char cpx_slots[], cpx_slots_end[];

struct function {
	const char *name;
	void **slot;
};

#define GTK(name) {#name, &cpx_slot_##name},
#define INDICATOR(name)
static const struct function toolkit[] = {
#include "functions_linux.h"
};
#undef GTK
#undef INDICATOR

#define GTK(name)
#define INDICATOR(name) {#name, &cpx_slot_##name},
static const struct function indicator[] = {
#include "functions_linux.h"
};

// load returns NULL, or what is missing, as the loader says it.
static const char *load(const char *file, const struct function *functions, size_t n) {
	void *library = dlopen(file, RTLD_NOW | RTLD_GLOBAL);
	if (library == NULL) return dlerror();
	for (size_t i = 0; i < n; i++) {
		*functions[i].slot = dlsym(library, functions[i].name);
		if (*functions[i].slot == NULL) return dlerror();
	}
	return NULL;
}

#define COUNT(functions) (sizeof functions / sizeof *functions)

const char *cpx_load(int with_indicator) {
	// Nothing here is drawn by OpenGL, whose driver GDK would load to ask it for its visuals: with
	// Mesa's own, LLVM comes with it, and stays.
	setenv("GDK_GL", "disable", 0);
	if (mprotect(cpx_slots, cpx_slots_end - cpx_slots, PROT_READ | PROT_WRITE) != 0) return "mprotect"; // a call before this one has ended that
	const char *missing = load("libgtk-3.so.0", toolkit, COUNT(toolkit));
	if (missing == NULL && with_indicator) missing = load("libayatana-appindicator3.so.1", indicator, COUNT(indicator));
	if (mprotect(cpx_slots, cpx_slots_end - cpx_slots, PROT_READ) != 0 && missing == NULL) return "mprotect";
	return missing;
}
