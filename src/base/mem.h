/* Memory for secrets and for everything else. */
#ifndef POSTERN_BASE_MEM_H
#define POSTERN_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Zeroed memory, or NULL. The caller owns it; give it back with mem_free() or mem_free_secret(). */
void *mem_new(size_t n);
void mem_free(void *p);
/* A copy that the caller owns; NULL when out of memory. A copy of an empty span is not NULL. */
void *mem_copy(struct bytes b);
/* strdup() by mem_new(). */
char *mem_text(const char *s);

/* Erases in a way that the compiler keeps. p may be NULL when n is 0. */
void mem_erase(void *p, size_t n);
/* Erases n octets, then frees. p may be NULL. */
void mem_free_secret(void *p, size_t n);
/* Compares in time that depends on n alone. */
bool mem_equal_secret(const void *a, const void *b, size_t n);

/* How many blocks are held by mem_new() and its kin, for the tests that show that memory returns to
 * zero. Counted in every build; each thread has its own count. */
size_t mem_blocks_held(void);
/* The octets of those blocks, as the heap rounds them, and the most of them since the mark was set.
 * Below zero in a thread that frees what others made. */
ptrdiff_t mem_octets_held(void);
ptrdiff_t mem_octets_peak(void);
void mem_octets_mark(void);

#ifdef POSTERN_FAULTS
/* Tests: the n-th mem_new() of this thread from now on gives NULL, once; 0: none does. */
void mem_fail_at(size_t n);
bool mem_fail_pending(void);
#endif

#endif
