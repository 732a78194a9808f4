/* An SA payload's body as responder and as initiator: nothing is read past its end, and what is
 * chosen can be written and is taken by an initiator that offered the same. */
#include <stdlib.h>

#include "base/ikev2_numbers.h"
#include "ike/offer.h"
#include "ike/select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(uint8_t protocol, const struct ike_terms *terms, struct bytes body)
{
	struct ike_suites ours, compat;
	struct ike_choice choice;
	struct bytes word;
	const char *reason = NULL;
	char text[IKE_EXPLAIN_MAX];
	uint8_t buf[200];
	struct writer w = writer_of(buf, sizeof(buf));

	ike_suites_default(&ours, protocol);
	if (ike_suites_parse(&compat, protocol, "compat", &word, &reason) != ERR_NONE)
		abort();
	if (ike_select(&ours, terms, body, &choice, &reason) == ERR_NONE) {
		if (choice.suite.protect.encr == NULL || choice.number == 0)
			abort();
		ike_choice_write(&w, &choice, bytes_of(choice.spi, choice.spi_len));
		if (!writer_ok(&w))
			abort();
	} else if (reason == NULL) {
		abort();
	}
	(void)ike_explain_mismatch(&ours, terms, body, text, sizeof(text));
	(void)ike_check_answer(&compat, terms, body, &choice, &reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ike_terms init = {PROTOCOL_IKE, 0, true, KE_CURVE25519};
	static const struct ike_terms rekey = {PROTOCOL_IKE, 8, true, KE_ECP_256};
	static const struct ike_terms auth = {PROTOCOL_ESP, 0, false, KE_NONE};
	static const struct ike_terms child = {PROTOCOL_ESP, 0, true, KE_NONE};
	struct bytes body = bytes_of(data, size);

	one(PROTOCOL_IKE, &init, body);
	one(PROTOCOL_IKE, &rekey, body);
	one(PROTOCOL_ESP, &auth, body);
	one(PROTOCOL_ESP, &child, body);
	return 0;
}
