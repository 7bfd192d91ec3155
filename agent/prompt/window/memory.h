/* Memory for what a person types as a PIN. */
#ifndef CPX_MEMORY_H
#define CPX_MEMORY_H

#include <stddef.h>

char *cpx_locked(size_t size);
void cpx_wipe(void *memory, size_t size);
int cpx_write_all(int descriptor, const char *from, size_t size);

#endif
