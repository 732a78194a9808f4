/* The configuration's algorithm words: what parses also formats, can be offered, and the blamed
 * word lies in the text. */
#include <stdlib.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "ike/offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(uint8_t protocol, const char *text)
{
	struct ike_suites s;
	struct bytes word;
	const char *reason = NULL;
	char buf[IKE_SUITE_TEXT_MAX];
	uint8_t octets[4000];
	struct writer w = writer_of(octets, sizeof(octets));
	static const uint8_t spi[4] = {1, 2, 3, 4};

	if (ike_suites_parse(&s, protocol, text, &word, &reason) != ERR_NONE) {
		if (reason == NULL)
			abort();
		return;
	}
	if (s.n == 0 || s.n > IKE_PROPOSALS_MAX)
		abort();
	for (size_t i = 0; i < s.n; i++)
		if (*ike_proposal_format(&s.proposals[i], buf) == '\0')
			abort();
	ike_offer_write(&w, &s, protocol == PROTOCOL_ESP ? BYTES_OF(spi) : bytes_of(NULL, 0), true);
	if (!writer_ok(&w))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	one(PROTOCOL_IKE, text);
	one(PROTOCOL_ESP, text);
	free(text);
	return 0;
}
