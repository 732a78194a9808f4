/* A datagram as it comes from the network: header, payload chain, and every payload's parser; what
 * stands in SK is read as if it had been decrypted. The Length is set right, or a fuzzer would
 * rarely get past it; header_parse() with a wrong one is exercised on the octets as they came. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/header.h"
#include "wire/parts.h"
#include "wire/payload.h"
#include "wire/sa.h"
#include "wire/sk.h"
#include "wire/ts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Sums up everything that a parser points to, so that a sanitizer sees a span that is not there. */
static volatile unsigned sink;

static void touch(struct bytes b)
{
	unsigned sum = 0;

	for (size_t i = 0; i < b.n; i++)
		sum += b.p[i];
	sink += sum;
}

static void read_sa(struct bytes body, size_t ike_spi_len, bool response)
{
	const struct sa_context c = {.response = response, .ike_spi_len = ike_spi_len};
	struct reader pr = sa_proposals(body);
	struct sa_proposal p;
	struct sa_transform t;
	bool good = sa_check(body, &c, NULL) == ERR_NONE;

	while (sa_proposal_next(&pr, &p)) {
		struct reader tr = sa_transforms(&p);
		unsigned count = 0;

		touch(p.spi);
		while (sa_transform_next(&tr, &t))
			count++;
		/* what was found good is walked to its end */
		if (good && (!reader_ok(&tr) || count != p.n_transforms))
			abort();
	}
	if (good && !reader_ok(&pr))
		abort();
}

static void read_ts(struct bytes body)
{
	struct selector s[8];
	struct ts_found found;
	enum err e = ts_parse(body, s, 8, &found, NULL);

	if (found.n > 8 || (e == ERR_NONE && found.dropped != 0))
		abort();
	touch(found.label);
}

static void read_cp(struct bytes body)
{
	struct cp_part cp;
	struct cp_attribute a;

	if (cp_parse(body, &cp, NULL) != ERR_NONE)
		return;
	struct reader r = reader_of(cp.attributes);

	while (cp_next(&r, &a)) {
		(void)cp_attribute_length_ok(a.type, a.value.n);
		touch(a.value);
	}
	if (!reader_done(&r))
		abort();
}

static void read_auth(struct bytes body)
{
	struct auth_part auth;
	struct auth_signature signature;

	if (auth_parse(body, &auth, NULL) != ERR_NONE)
		return;
	touch(auth.data);
	if (auth_signature_parse(auth.data, &signature, NULL) == ERR_NONE) {
		touch(signature.algorithm);
		touch(signature.value);
	}
}

static void read_certs(const struct payload *p)
{
	struct cert_part cert;
	struct certreq_part certreq;

	if (p->type == PAYLOAD_CERT && cert_parse(p->body, &cert, NULL) == ERR_NONE)
		touch(cert.data);
	if (p->type == PAYLOAD_CERTREQ && certreq_parse(p->body, &certreq, NULL) == ERR_NONE) {
		for (size_t i = 0; i <= certreq_hashes(&certreq); i++)
			touch(certreq_hash(&certreq, i));
	}
}

static void read_delete(struct bytes body)
{
	struct delete_part d;

	if (delete_parse(body, &d, NULL) != ERR_NONE)
		return;
	for (size_t i = 0; i <= d.count; i++)
		sink += delete_spi32(&d, i);
}

static void read_payload(const struct payload *p, bool response)
{
	struct ke_part ke;
	struct id_part id;
	struct notify_part notify;
	struct eap_part eap;
	struct bytes nonce;

	touch(p->body);
	switch (p->type) {
	case PAYLOAD_SA:
		read_sa(p->body, 0, response);
		read_sa(p->body, IKE_SPI_LEN, response);
		break;
	case PAYLOAD_KE:
		if (ke_parse(p->body, &ke, NULL) == ERR_NONE)
			touch(ke.data);
		break;
	case PAYLOAD_IDI:
	case PAYLOAD_IDR:
		if (id_parse(p->body, &id, NULL) == ERR_NONE)
			touch(id.data);
		break;
	case PAYLOAD_AUTH:
		read_auth(p->body);
		break;
	case PAYLOAD_NONCE:
		if (nonce_parse(p->body, &nonce, NULL) == ERR_NONE)
			touch(nonce);
		break;
	case PAYLOAD_NOTIFY:
		if (notify_parse(p->body, &notify, NULL) == ERR_NONE) {
			touch(notify.data);
			sink += notify_spi32(&notify);
		}
		break;
	case PAYLOAD_DELETE:
		read_delete(p->body);
		break;
	case PAYLOAD_TSI:
	case PAYLOAD_TSR:
		read_ts(p->body);
		break;
	case PAYLOAD_CP:
		read_cp(p->body);
		break;
	case PAYLOAD_EAP:
		if (eap_parse(p->body, &eap, NULL) == ERR_NONE)
			touch(eap.data);
		break;
	default:
		read_certs(p);
		break;
	}
}

static void read_chain(const struct ike_header *h, enum payload_place place, uint8_t first,
		       struct bytes octets, struct payloads *ps)
{
	enum err e = payloads_parse(ps, place, first, octets, NULL);

	if (e != ERR_NONE && e != ERR_UNSUPPORTED) {
		ps->n = 0;
		return;
	}
	(void)payloads_check(ps, place, h->exchange, header_is_response(h), NULL);
	for (size_t i = 0; i < ps->n; i++)
		read_payload(&ps->p[i], header_is_response(h));
}

static void read_message(struct bytes message)
{
	struct ike_header h;
	struct payloads ps;
	struct sk_layout sk;
	struct bytes inner;

	if (header_parse(&h, message, NULL) != ERR_NONE)
		return;
	read_chain(&h, PAYLOADS_OUTER, h.next_payload,
		   bytes_of(message.p + IKE_HEADER_LEN, message.n - IKE_HEADER_LEN), &ps);
	for (size_t i = 0; i < ps.n; i++) {
		if (ps.p[i].type != PAYLOAD_SK && ps.p[i].type != PAYLOAD_SKF)
			continue;
		if (sk_split(&sk, message, &ps.p[i], 8, 16, NULL) != ERR_NONE)
			break;
		touch(sk.covered);
		touch(sk.icv);
		if (sk.aad.n + sk.iv.n + sk.ciphertext.n + sk.icv.n != message.n)
			abort();
		if (sk_unpad(sk.ciphertext, &inner, NULL) == ERR_NONE)
			read_chain(&h, PAYLOADS_INNER, sk.first, inner, &ps);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy = NULL;

	read_message(bytes_of(data, n));
	if (n < IKE_HEADER_LEN)
		return 0;
	copy = mem_new(n);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, n);
	for (size_t i = 0; i < 4; i++)
		copy[IKE_LENGTH_AT + i] = (uint8_t)(n >> (24 - 8 * i));
	copy[17] = IKE_VERSION;
	read_message(bytes_of(copy, n));
	mem_free(copy);
	return 0;
}
