/* The configuration's parser, and then the connections that come of it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "daemon/build.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t secret[16];
	size_t held = mem_blocks_held();
	struct config c;
	struct errors e;
	struct files f;
	struct builder b;
	struct built built;

	config_init(&c);
	errors_init(&e, "fuzz");
	if (files_init(&f) != ERR_NONE)
		return 0;
	if (config_parse(&c, bytes_of(data, size), &e) == ERR_NONE &&
	    builder_init(&b, secret) == ERR_NONE) {
		(void)build_connections(&b, &c, &f, bytes_of(NULL, 0), &built, &e);
		built_clear(&built);
		builder_clear(&b);
	}
	files_clear(&f);
	config_clear(&c);
	errors_clear(&e);
	if (mem_blocks_held() != held)
		abort();
	return 0;
}
