/* Each function of functions_linux.h as a jump to where its slot leads. They are seen in
   this program alone, so that the libraries still call one another. */

#if defined(__x86_64__)
#define JUMP(name) endbr64; jmp *cpx_slot_##name(%rip)
#elif defined(__aarch64__)
#define JUMP(name) hint 34; adrp x16, cpx_slot_##name; ldr x16, [x16, :lo12:cpx_slot_##name]; br x16
#endif

#if defined(JUMP)
#define GTK(name) .globl name; .hidden name; .type name, %function; name: JUMP(name); .size name, .-name
#define INDICATOR(name) GTK(name)
	.text
	.balign 16
#include "functions_linux.h"
#undef GTK

/* The slots fill pages of their own, which are written once. A page has up to 64 kB. */
#if defined(__aarch64__)
#define PAGE 65536
#else
#define PAGE 4096
#endif
#define GTK(name) .globl cpx_slot_##name; .hidden cpx_slot_##name; cpx_slot_##name: .skip 8;
	.section .cpx_slots, "aw", %nobits
	.balign PAGE
	.globl cpx_slots
	.hidden cpx_slots
cpx_slots:
#include "functions_linux.h"
	.balign PAGE
	.globl cpx_slots_end
	.hidden cpx_slots_end
cpx_slots_end:
#endif

	.section .note.GNU-stack, "", %progbits
