#include "plane/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_OCTETS ((size_t)COUNTERS_MAX * sizeof(struct counters_slot))

enum err counters_create(int *fd, int *read_fd)
{
	char path[64];
	int f = memfd_create("postern-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (f < 0)
		return ERR_IO;
	/* Its size can never change, so that no reader can be made to fault. */
	if (ftruncate(f, (off_t)FILE_OCTETS) != 0 ||
	    fcntl(f, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		goto failed;
	/* A descriptor of its own, since a copy would be writable. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f);
	int r = open(path, O_RDONLY | O_CLOEXEC);
	if (r < 0)
		goto failed;
	*fd = f;
	*read_fd = r;
	return ERR_NONE;
failed:;
	int error = errno;
	close(f);
	errno = error;
	return ERR_IO;
}

enum err counters_map(struct counters *c, int fd, bool writable)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (st.st_size != (off_t)FILE_OCTETS)
		return ERR_RANGE;
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	void *p = mmap(NULL, FILE_OCTETS, protection, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return ERR_IO;
	*c = (struct counters){.slot = p, .writable = writable};
	return ERR_NONE;
}

void counters_unmap(struct counters *c)
{
	if (c->slot != NULL)
		munmap(c->slot, FILE_OCTETS);
	c->slot = NULL;
}

static void store(uint64_t *to, uint64_t v)
{
	__atomic_store_n(to, v, __ATOMIC_RELAXED);
}

static uint64_t load(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

/* The counters as an array: they are 64-bit integers and nothing else. */
#define USAGE_WORDS (sizeof(struct dataplane_usage) / sizeof(uint64_t))
_Static_assert(sizeof(struct dataplane_usage) % sizeof(uint64_t) == 0, "only 64-bit counters");

struct dataplane_usage *counters_begin(struct counters *c, uint32_t handle, uint64_t serial)
{
	if (handle >= COUNTERS_MAX || !c->writable)
		return NULL;
	struct counters_slot *slot = &c->slot[handle];
	uint64_t *words = (uint64_t *)(void *)&slot->usage;
	store(&slot->serial, 0);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (size_t i = 0; i < USAGE_WORDS; i++)
		store(&words[i], 0);
	__atomic_store_n(&slot->serial, serial, __ATOMIC_RELEASE);
	return &slot->usage;
}

void counters_end(struct counters *c, uint32_t handle)
{
	if (handle < COUNTERS_MAX && c->writable)
		store(&c->slot[handle].serial, 0);
}

bool counters_read(const struct counters *c, uint32_t handle, uint64_t serial,
		   struct dataplane_usage *usage)
{
	*usage = (struct dataplane_usage){0};
	if (handle >= COUNTERS_MAX || serial == 0)
		return false;
	const struct counters_slot *slot = &c->slot[handle];
	if (__atomic_load_n(&slot->serial, __ATOMIC_ACQUIRE) != serial)
		return false;
	const uint64_t *from = (const uint64_t *)(const void *)&slot->usage;
	uint64_t *to = (uint64_t *)(void *)usage;
	for (size_t i = 0; i < USAGE_WORDS; i++)
		to[i] = load(&from[i]);
	/* It may have been given away while we read. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (load(&slot->serial) == serial)
		return true;
	*usage = (struct dataplane_usage){0};
	return false;
}
