/* Identities: text of a configuration, and ID payloads, whose first octet is the type. What is
 * taken is itself again when it is shown and read, and no text of it can forge a line of a log. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "pki/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void show(const struct identity *id)
{
	char buf[IDENTITY_TEXT_MAX];

	for (const char *p = identity_format(id, buf); *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = mem_new(n + 1);
	struct identity *id;
	struct identity *again;
	const char *reason;

	if (text == NULL)
		return 0;
	if (n != 0)
		memcpy(text, data, n);
	if (identity_parse(&id, text, &reason) == ERR_NONE) {
		show(id);
		/* What a person may configure, a peer may send. */
		if (identity_from_wire(&again, id->type, identity_bytes(id), &reason) != ERR_NONE ||
		    !identity_equal(id, again))
			abort();
		identity_free(again);
		identity_free(id);
	}
	mem_free(text);
	if (n != 0 &&
	    identity_from_wire(&id, data[0], bytes_of(data + 1, n - 1), &reason) == ERR_NONE) {
		show(id);
		if (!identity_equal(id, id))
			abort();
		identity_free(id);
	}
	if (mem_blocks_held() != 0)
		abort();
	return 0;
}
