#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

/* Pages that are not swapped out, nor dumped, nor inherited by a child (mlock(2),
   madvise(2)). Where the system refuses to lock them they are used all the same: then a
   PIN may reach the swap in the seconds in which it is typed. NULL without memory. */
char *cpx_locked(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	(void)mlock(pages, size);
	(void)madvise(pages, size, MADV_DONTDUMP);
	(void)madvise(pages, size, MADV_WIPEONFORK);
	return pages;
}

void cpx_wipe(void *memory, size_t size)
{
	explicit_bzero(memory, size);
}

/* By write(2) alone: stdio would hold a copy. */
int cpx_write_all(int descriptor, const char *from, size_t size)
{
	while (size > 0) {
		ssize_t written = write(descriptor, from, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return 0;
		from += written;
		size -= (size_t)written;
	}
	return 1;
}
