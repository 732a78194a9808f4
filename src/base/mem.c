#include "base/mem.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* A floor that runs in several threads counts in each of them alone: no lock, no false sharing. */
static _Thread_local size_t blocks_held;
static _Thread_local ptrdiff_t octets_held, octets_peak;

#ifdef POSTERN_FAULTS
static _Thread_local size_t fails_in;

void mem_fail_at(size_t n)
{
	fails_in = n;
}

bool mem_fail_pending(void)
{
	return fails_in != 0;
}

static bool fails_now(void)
{
	return fails_in != 0 && --fails_in == 0;
}
#else
static bool fails_now(void)
{
	return false;
}
#endif

void *mem_new(size_t n)
{
	void *p = fails_now() ? NULL : calloc(1, n != 0 ? n : 1);

	if (p == NULL)
		return NULL;
	blocks_held++;
	octets_held += (ptrdiff_t)malloc_usable_size(p);
	if (octets_held > octets_peak)
		octets_peak = octets_held;
	return p;
}

void mem_free(void *p)
{
	if (p == NULL)
		return;
	blocks_held--;
	octets_held -= (ptrdiff_t)malloc_usable_size(p);
	free(p);
}

void *mem_copy(struct bytes b)
{
	void *p = mem_new(b.n);

	if (p != NULL && b.n != 0)
		memcpy(p, b.p, b.n);
	return p;
}

char *mem_text(const char *s)
{
	/* With its NUL. */
	return mem_copy(bytes_of(s, strlen(s) + 1));
}

void mem_erase(void *p, size_t n)
{
	if (n != 0)
		explicit_bzero(p, n);
}

void mem_free_secret(void *p, size_t n)
{
	if (p == NULL)
		return;
	mem_erase(p, n);
	mem_free(p);
}

bool mem_equal_secret(const void *a, const void *b, size_t n)
{
	/* volatile: the compiler must not leave the loop at the first difference. */
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	uint8_t differ = 0;

	for (size_t i = 0; i < n; i++)
		differ = (uint8_t)(differ | (x[i] ^ y[i]));
	return differ == 0;
}

size_t mem_blocks_held(void)
{
	return blocks_held;
}

ptrdiff_t mem_octets_held(void)
{
	return octets_held;
}

ptrdiff_t mem_octets_peak(void)
{
	return octets_peak;
}

void mem_octets_mark(void)
{
	octets_peak = octets_held;
}
