/* The body of a TS payload. What is found good is written again, and must read the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wire/ts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void write_again(const struct selector *s, const struct ts_found *found, size_t n)
{
	struct selector *again = mem_new(TS_MAX * sizeof(*again));
	uint8_t *buf = mem_new(n);
	struct writer w = writer_of(buf, n);
	struct ts_found second;

	if (again == NULL || buf == NULL)
		goto done;
	ts_write(&w, s, found->n, found->label);
	if (!writer_ok(&w) ||
	    ts_parse(writer_bytes_so_far(&w), again, TS_MAX, &second, NULL) != ERR_NONE ||
	    second.n != found->n || !bytes_equal(second.label, found->label))
		abort();
	for (size_t i = 0; i < found->n; i++) {
		if (!selector_equal(&s[i], &again[i]))
			abort();
	}
done:
	mem_free(buf);
	mem_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct selector *s = mem_new(TS_MAX * sizeof(*s));
	struct ts_found found;

	if (s == NULL)
		return 0;
	if (ts_parse(bytes_of(data, n), s, TS_MAX, &found, NULL) == ERR_NONE &&
	    found.n + found.n_labels > 0)
		write_again(s, &found, n);
	/* a small array holds as well */
	(void)ts_parse(bytes_of(data, n), s, 1, &found, NULL);
	mem_free(s);
	return 0;
}
