/* Usage counters of every Child SA pair in shared memory: the plane writes, the ike process reads
 * without asking. A sparse memfd, sealed to its size and mapped whole once by each: a page costs
 * memory only when a handle in it is used, so growing needs no call and no reader ever faults. */
#ifndef POSTERN_PLANE_COUNTERS_H
#define POSTERN_PLANE_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "esp/dataplane.h"

#define COUNTERS_MAX (1U << 20) /* handles 0..COUNTERS_MAX-1; about 128 MiB of address space */

/* One pair. Every field is written by the plane alone, with relaxed atomic stores of 64 bits; a
 * reader may see one counter newer than another. */
struct counters_slot {
	uint64_t serial; /* which installation of the handle this counts; 0: none */
	struct dataplane_usage usage;
};

struct counters {
	struct counters_slot *slot; /* mapped; COUNTERS_MAX of them */
	bool writable;
};

/* By the parent: a new file; *fd is for the plane. *read_fd is the same file opened read-only, for
 * the ike process. ERR_IO with errno. */
enum err counters_create(int *fd, int *read_fd);
/* By each process; the descriptor may be closed afterwards. Checks the size before it maps. */
enum err counters_map(struct counters *c, int fd, bool writable);
void counters_unmap(struct counters *c);

/* Plane: zeroes the slot and gives it to an installation. NULL when handle is out of range. */
struct dataplane_usage *counters_begin(struct counters *c, uint32_t handle, uint64_t serial);
void counters_end(struct counters *c, uint32_t handle);
/* Reader: false while the slot does not belong to `serial` (the plane has not got there yet). */
bool counters_read(const struct counters *c, uint32_t handle, uint64_t serial,
		   struct dataplane_usage *usage);

static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

#endif
