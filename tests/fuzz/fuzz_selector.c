/* Addresses, ranges and selectors as text: what stands in a configuration file. What parses must
 * come back the same when it is written and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = mem_new(n + 1);
	char buf[SELECTOR_TEXT_MAX];
	struct selector s;
	struct selector again;
	struct addr a;

	if (text == NULL)
		return 0;
	if (n != 0)
		memcpy(text, data, n);
	(void)addr_parse(&a, text);
	if (selector_parse(&s, text) == ERR_NONE &&
	    (selector_parse(&again, selector_format(&s, buf)) != ERR_NONE ||
	     !selector_equal(&s, &again)))
		abort();
	mem_free(text);
	return 0;
}
