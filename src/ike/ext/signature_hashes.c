/* RFC 7427 4: SIGNATURE_HASH_ALGORITHMS, which hash algorithms the sender can check in signatures.
 */
#include "ike/ext/ext.h"
#include "ike/sa.h"

/* HASH_IDENTITY for EdDSA (RFC 8420 2). SHA-1 is never offered (RFC 8247 3.2). */
static const uint16_t offered[] = {HASH_SHA2_256, HASH_SHA2_384, HASH_SHA2_512, HASH_IDENTITY};

uint32_t ext_signature_hashes_offered(void)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < sizeof(offered) / sizeof(offered[0]); i++)
		bits |= UINT32_C(1) << offered[i];
	return bits;
}

static void hashes_write(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	(void)ike;
	(void)sa;
	if (at != AT_INIT_REQUEST && at != AT_INIT_RESPONSE)
		return;
	struct writer *w = message_payload_begin(m, PAYLOAD_NOTIFY);
	writer_u8(w, 0);
	writer_u8(w, 0);
	writer_u16(w, NOTIFY_SIGNATURE_HASH_ALGORITHMS);
	for (size_t i = 0; i < sizeof(offered) / sizeof(offered[0]); i++)
		writer_u16(w, offered[i]);
	message_payload_end(m);
}

static bool hashes_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			  const struct notify_part *n)
{
	struct reader r = reader_of(n->data);

	(void)ike;
	if (n->type != NOTIFY_SIGNATURE_HASH_ALGORITHMS)
		return false;
	if ((at != AT_INIT_REQUEST && at != AT_INIT_RESPONSE) || sa->setup == NULL)
		return true;
	while (reader_left(&r) >= 2) {
		const uint16_t hash = reader_u16(&r);
		if (hash < 32)
			sa->setup->hints.hashes |= UINT32_C(1) << hash;
	}
	return true;
}

const struct ike_extension ext_signature_hashes = {
    .name = "signature-hashes",
    .document = "RFC 7427",
    .write = hashes_write,
    .notify = hashes_notify,
};
