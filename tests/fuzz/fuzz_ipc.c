/* What posternd's processes read from one another: message headers, bundles of both kinds, key
 * information, jobs, and what is fetched. The first octet chooses. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "daemon/bundle.h"
#include "daemon/fetch_wire.h"
#include "daemon/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_bundle(enum bundle_kind kind, struct bytes b)
{
	struct config c;
	struct files f;
	struct bytes keys;
	uint8_t *again = NULL;
	size_t n = 0;

	if (bundle_read(kind, b, &c, &f, &keys) == ERR_NONE) {
		/* What was taken can be said again. */
		if (bundle_write(kind, &c, &f, keys, &again, &n) != ERR_NONE)
			abort();
		mem_free_secret(again, n);
	}
	config_clear(&c);
	files_clear(&f);
}

/* An ask, which says the same after a turn through its key, and a list to keep. */
static void read_fetch(struct bytes b)
{
	uint8_t key[FETCH_KEY_MAX];
	struct writer w = writer_of(key, sizeof(key));
	struct reader r = reader_of(b);
	struct fetch_ask a, again;
	struct bytes url;

	if (fetch_ask_read(&a, b) == ERR_NONE) {
		fetch_ask_key(&w, &a);
		if (!writer_ok(&w))
			abort();
		fetch_ask_of_key(&again, writer_bytes_so_far(&w));
		if (again.kind != a.kind || again.has_sha1 != a.has_sha1 ||
		    again.octets_max != a.octets_max || !bytes_equal(again.url, a.url) ||
		    !bytes_equal(again.body, a.body))
			abort();
	}
	while (fetch_keep_read(&r, &url) == ERR_NONE)
		continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t held = mem_blocks_held();
	struct ipc_message m;
	struct key_info k;

	if (size == 0)
		return 0;
	struct bytes b = bytes_of(data + 1, size - 1);
	struct reader r = reader_of(b);
	switch (data[0] % 6) {
	case 0:
		(void)ipc_decode(&m, b);
		break;
	case 1:
		read_bundle(BUNDLE_KEYS, b);
		break;
	case 2:
		read_bundle(BUNDLE_IKE, b);
		break;
	case 3:
		read_fetch(b);
		break;
	case 4: {
		struct fetch_answer answer;
		(void)fetch_answer_read(&answer, b);
		break;
	}
	default:
		while (reader_left(&r) > 0 && key_info_read(&r, &k) == ERR_NONE)
			;
		break;
	}
	if (mem_blocks_held() != held)
		abort();
	return 0;
}
