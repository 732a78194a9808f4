/* ike/select.c: RFC 7296 2.7, 3.3 and 3.3.6, in both roles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "ike/offer.h"
#include "ike/select.h"
#include "wire/sa.h"

static const uint8_t spi[] = {0xc0, 0xff, 0xee, 0x01};

static struct ike_suites suites(uint8_t protocol, const char *text)
{
	struct ike_suites s;
	struct bytes word;
	const char *reason = "";

	if (ike_suites_parse(&s, protocol, text, &word, &reason) != ERR_NONE)
		fail_msg("%s: %s", text, reason);
	return s;
}

struct offered {
	uint8_t octets[65535];
	struct writer w;
	struct sa_writer s;
};

static struct offered o;

static void begin(void)
{
	o.w = writer_of(o.octets, sizeof(o.octets));
	o.s = sa_write_begin(&o.w);
}

static struct bytes end(void)
{
	sa_write_end(&o.s);
	assert_true(writer_ok(&o.w));
	return writer_bytes_so_far(&o.w);
}

/* An offer as a peer with these words would send it. */
static struct bytes offer(uint8_t protocol, const char *text, bool with_ke)
{
	struct ike_suites s = suites(protocol, text);

	o.w = writer_of(o.octets, sizeof(o.octets));
	ike_offer_write(&o.w, &s, protocol == PROTOCOL_ESP ? BYTES_OF(spi) : bytes_of(NULL, 0),
			with_ke);
	assert_true(writer_ok(&o.w));
	return writer_bytes_so_far(&o.w);
}

static const struct ike_terms ike_terms = {PROTOCOL_IKE, 0, true, KE_CURVE25519, true};
static const struct ike_terms auth_terms = {PROTOCOL_ESP, 0, false, KE_NONE};
static const struct ike_terms child_terms = {PROTOCOL_ESP, 0, true, KE_CURVE25519, true};

static void assert_choice(const struct ike_terms *terms, const char *ours, struct bytes body,
			  const char *expected, uint8_t number)
{
	struct ike_suites s = suites(terms->protocol, ours);
	struct ike_choice c;
	char text[IKE_SUITE_TEXT_MAX], why[IKE_EXPLAIN_MAX];
	const char *reason = "";

	if (ike_select(&s, terms, body, &c, &reason) != ERR_NONE)
		fail_msg("%s: %s: %s", ours, reason,
			 ike_explain_mismatch(&s, terms, body, why, sizeof(why)));
	assert_string_equal(ike_suite_format(&c.suite, text), expected);
	assert_int_equal(c.number, number);
}

static void assert_none(const struct ike_terms *terms, const char *ours, struct bytes body)
{
	struct ike_suites s = suites(terms->protocol, ours);
	struct ike_choice c;
	const char *reason = NULL;

	assert_int_equal(ike_select(&s, terms, body, &c, &reason), ERR_NOT_FOUND);
	assert_non_null(reason);
}

static void our_preference_wins(void **state)
{
	(void)state;
	assert_choice(&ike_terms, "aes256gcm-aes128gcm-prfsha384-prfsha256-x25519",
		      offer(PROTOCOL_IKE, "aes128gcm-aes256gcm-prfsha256-prfsha384-x25519", true),
		      "aes256gcm-prfsha384-x25519", 1);
	assert_choice(&ike_terms, "aes256gcm-prfsha384-x25519, aes256cbc-sha256-x25519",
		      offer(PROTOCOL_IKE,
			    "aes256cbc-sha256-x25519, aes128gcm-prfsha384-x25519,"
			    "aes256gcm-prfsha384-x25519",
			    true),
		      "aes256gcm-prfsha384-x25519", 3);
	/* Equal for us: the peer's order decides. */
	assert_choice(
	    &ike_terms, "aes256gcm-prfsha384-x25519",
	    offer(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519, aes256gcm-prfsha384-x25519", true),
	    "aes256gcm-prfsha384-x25519", 1);
}

/* Key sizes must be equal, and no transform may be mixed in from another proposal. */
static void only_what_one_proposal_holds(void **state)
{
	(void)state;
	assert_none(
	    &ike_terms, "aes256gcm-prfsha384-x25519",
	    offer(PROTOCOL_IKE, "aes128gcm-prfsha384-x25519, aes256gcm-prfsha256-x25519", true));
	assert_none(&ike_terms, "aes256cbc-sha256-x25519",
		    offer(PROTOCOL_IKE, "aes256gcm-prfsha256-x25519", true));
	assert_none(&ike_terms, "aes256gcm-prfsha256-x25519",
		    offer(PROTOCOL_IKE, "aes256cbc-sha256-x25519", true));
	assert_none(&ike_terms, "aes256gcm-prfsha256-x25519",
		    offer(PROTOCOL_ESP, "aes256gcm", true));
	assert_none(&child_terms, "aes256gcm-x25519-esn",
		    offer(PROTOCOL_ESP, "aes256gcm-x25519-noesn", true));
}

/* RFC 7296 1.2: a wrong guess is answered with the group that we want. */
static void the_sent_ke_is_preferred(void **state)
{
	struct ike_terms terms = ike_terms;
	struct ike_suites s = suites(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519-ecp384-modp2048");
	struct ike_choice c;
	const char *reason;
	struct bytes body =
	    offer(PROTOCOL_IKE, "aes256gcm-prfsha384-modp3072-modp2048-ecp384", true);

	(void)state;
	terms.ke_sent = KE_MODP_2048;
	assert_int_equal(ike_select(&s, &terms, body, &c, &reason), ERR_NONE);
	assert_int_equal(c.suite.ke->id, KE_MODP_2048);
	assert_false(c.ke_other);
	terms.ke_sent = KE_MODP_3072;
	assert_int_equal(ike_select(&s, &terms, body, &c, &reason), ERR_NONE);
	assert_int_equal(c.suite.ke->id, KE_ECP_384);
	assert_true(c.ke_other);
	/* A later proposal of the peer that fits what it sent spares the round trip. */
	terms.ke_sent = KE_CURVE25519;
	body = offer(PROTOCOL_IKE, "aes256gcm-prfsha384-ecp384, aes256gcm-prfsha384-x25519", true);
	assert_int_equal(ike_select(&s, &terms, body, &c, &reason), ERR_NONE);
	assert_int_equal(c.number, 2);
	assert_false(c.ke_other);
}

static void ike_auth_has_no_ke(void **state)
{
	(void)state;
	assert_choice(&auth_terms, "aes256gcm-x25519", offer(PROTOCOL_ESP, "aes256gcm-esn", false),
		      "aes256gcm-esn", 1);
	/* Some peers leave their groups in: they play no part. */
	assert_choice(&auth_terms, "aes256gcm-x25519",
		      offer(PROTOCOL_ESP, "aes256gcm-ecp384-noesn", true), "aes256gcm-noesn", 1);
}

static void pfs_is_as_both_want_it(void **state)
{
	struct ike_terms none = child_terms;

	(void)state;
	none.ke_sent = KE_NONE;
	assert_choice(&child_terms, "aes256gcm-x25519-none-noesn",
		      offer(PROTOCOL_ESP, "aes256gcm-x25519-noesn", true), "aes256gcm-x25519-noesn",
		      1);
	assert_choice(&none, "aes256gcm-x25519-none-noesn",
		      offer(PROTOCOL_ESP, "aes256gcm-noesn", true), "aes256gcm-noesn", 1);
	assert_none(&none, "aes256gcm-x25519-noesn", offer(PROTOCOL_ESP, "aes256gcm-noesn", true));
	assert_none(&child_terms, "aes256gcm-noesn",
		    offer(PROTOCOL_ESP, "aes256gcm-x25519-noesn", true));
	/* NONE among the peer's is taken when we have no group at all, and answered. */
	assert_choice(&child_terms, "aes256gcm-noesn",
		      offer(PROTOCOL_ESP, "aes256gcm-x25519-none-noesn", true), "aes256gcm-noesn",
		      1);
}

static void write_gcm(uint8_t number, uint8_t extra_type, uint16_t extra_id)
{
	sa_write_proposal(&o.s, number, PROTOCOL_IKE, bytes_of(NULL, 0));
	sa_write_transform(&o.s, TRANSFORM_ENCR, ENCR_AES_GCM_16, 256);
	sa_write_transform(&o.s, TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0);
	sa_write_transform(&o.s, TRANSFORM_KE, KE_CURVE25519, 0);
	if (extra_type != 0)
		sa_write_transform(&o.s, extra_type, extra_id, 0);
}

/* RFC 7296 3.3.6: a proposal with an unknown transform type is passed over, one with an unknown
 * transform of a known type is not. */
static void unknown_types_spoil_a_proposal(void **state)
{
	const char *ours = "aes256gcm-prfsha384-x25519";

	(void)state;
	begin();
	write_gcm(1, 200, 1);
	write_gcm(2, TRANSFORM_KE, 999);
	assert_choice(&ike_terms, ours, end(), "aes256gcm-prfsha384-x25519", 2);
	begin();
	write_gcm(1, TRANSFORM_KWA, 1);
	assert_none(&ike_terms, ours, end());
	begin();
	write_gcm(1, TRANSFORM_SN, SN_32);
	assert_none(&ike_terms, ours, end());
	/* RFC 9370: an additional key exchange that is not optional is one that we lack. */
	begin();
	write_gcm(1, TRANSFORM_ADDKE1, KE_ML_KEM_768);
	assert_none(&ike_terms, ours, end());
}

/* An AEAD with integrity NONE spelled out, or with an optional type, is answered alike. */
static void none_is_echoed(void **state)
{
	static const uint8_t types[] = {TRANSFORM_INTEG, TRANSFORM_ADDKE3};

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		struct ike_suites s = suites(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519");
		struct sa_proposal p;
		struct sa_transform t;
		struct ike_choice c;
		const char *reason;
		struct reader r;
		bool found = false;

		begin();
		write_gcm(1, types[i], 0);
		assert_int_equal(ike_select(&s, &ike_terms, end(), &c, &reason), ERR_NONE);
		o.w = writer_of(o.octets, sizeof(o.octets));
		ike_choice_write(&o.w, &c, bytes_of(NULL, 0));
		r = sa_proposals(writer_bytes_so_far(&o.w));
		assert_true(sa_proposal_next(&r, &p));
		assert_int_equal(p.n_transforms, 4);
		r = sa_transforms(&p);
		while (sa_transform_next(&r, &t))
			found |= t.type == types[i] && t.id == 0;
		assert_true(found);
	}
}

static void choose_addke(struct ike_suites *s, bool with_addke, enum err expected,
			 struct ike_choice *c)
{
	struct ike_terms terms = ike_terms;
	const char *reason;

	terms.with_addke = with_addke;
	assert_int_equal(ike_select(s, &terms, end(), c, &reason), expected);
}

/* RFC 9370 2.2.1, 2.2.2: methods by place, none twice, and none at all without IKE_INTERMEDIATE. */
static void additional_exchanges_are_chosen(void **state)
{
	struct ike_suites s = suites(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519+ecp384+modp2048-"
						   "x25519+ecp256+ecp384");
	struct ike_choice c;

	(void)state;
	/* The first wish for place 1 leaves nothing for place 2: the other one is found (N17). */
	begin();
	write_gcm(1, TRANSFORM_ADDKE1, KE_ECP_256);
	sa_write_transform(&o.s, TRANSFORM_ADDKE1, KE_ECP_384, 0);
	sa_write_transform(&o.s, TRANSFORM_ADDKE2, KE_ECP_384, 0);
	choose_addke(&s, true, ERR_NONE, &c);
	assert_int_equal(c.suite.addke[0], KE_ECP_256);
	assert_int_equal(c.suite.addke[1], KE_ECP_384);
	/* Only the same method for both places: no choice. */
	begin();
	write_gcm(1, TRANSFORM_ADDKE1, KE_ECP_384);
	sa_write_transform(&o.s, TRANSFORM_ADDKE2, KE_ECP_384, 0);
	choose_addke(&s, true, ERR_NOT_FOUND, &c);
	/* A peer without IKE_INTERMEDIATE has sent a transform type that is unknown. */
	begin();
	write_gcm(1, TRANSFORM_ADDKE1, KE_ECP_256);
	sa_write_transform(&o.s, TRANSFORM_ADDKE2, KE_ECP_384, 0);
	choose_addke(&s, false, ERR_NOT_FOUND, &c);
	/* A chain that is shorter than another may end early. */
	s = suites(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519+ecp256+ecp384-x25519+ecp256");
	begin();
	write_gcm(1, TRANSFORM_ADDKE1, KE_ECP_256);
	choose_addke(&s, true, ERR_NONE, &c);
	assert_int_equal(c.suite.addke[1], KE_NONE);
}

/* RFC 7296 3.3.5, 3.3.6: attributes must be equal, and an unknown one spoils its transform. */
static void attributes_count(void **state)
{
	static const uint8_t odd[] = {
	    0, 0, 0, 48, 1, 1, 0, 4,                                  /* one proposal */
	    3, 0, 0, 16, 1, 0, 0, 20, 0x80, 14, 1, 0, 0x80, 99, 0, 1, /* attribute 99 */
	    3, 0, 0, 8,  2, 0, 0, 6,                                  /* PRF */
	    3, 0, 0, 8,  4, 0, 0, 31,                                 /* Curve25519 */
	    0, 0, 0, 8,  1, 0, 0, 20, /* AES-GCM without key length */
	};
	struct ike_suites s = suites(PROTOCOL_IKE, "chacha20poly1305-prfsha384-x25519");

	(void)state;
	assert_none(&ike_terms, "aes256gcm-prfsha384-x25519", BYTES_OF(odd));
	/* RFC 7634: ChaCha20-Poly1305 has no Key Length attribute. */
	begin();
	sa_write_proposal(&o.s, 1, PROTOCOL_IKE, bytes_of(NULL, 0));
	sa_write_transform(&o.s, TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 256);
	sa_write_transform(&o.s, TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0);
	sa_write_transform(&o.s, TRANSFORM_KE, KE_CURVE25519, 0);
	assert_none(&ike_terms, "chacha20poly1305-prfsha384-x25519", end());
	assert_int_equal(s.n, 1);
}

/* N16: 255 proposals of all kinds, empty and overfull ones, and the right one last. */
static void huge_offers_are_walked(void **state)
{
	struct ike_suites s = suites(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519");
	struct ike_choice c;
	const char *reason;
	struct bytes body;

	(void)state;
	begin();
	for (unsigned i = 1; i < 255; i++) {
		sa_write_proposal(&o.s, (uint8_t)i, PROTOCOL_IKE, bytes_of(NULL, 0));
		for (uint16_t k = 0; k < (i == 7 ? 255 : i % 3 * 10); k++)
			sa_write_transform(&o.s, (uint8_t)(1 + k % 5), (uint16_t)(1000 + k), 0);
	}
	write_gcm(255, TRANSFORM_KE, KE_CURVE25519);
	body = end();
	assert_int_equal(ike_select(&s, &ike_terms, body, &c, &reason), ERR_NONE);
	assert_int_equal(c.number, 255);
	body.n--;
	assert_int_equal(ike_select(&s, &ike_terms, body, &c, &reason), ERR_SYNTAX);
}

static void the_answer_is_written(void **state)
{
	static const uint8_t ours[] = {0xaa, 0xbb, 0xcc, 0xdd};
	static const uint8_t expected[] = {
	    0, 0, 0, 40, 2, 3, 4, 3,  0xaa, 0xbb, 0xcc, 0xdd, /* proposal 2, our SPI */
	    3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14,   0,    128,  /* AES-CBC, 128 bits */
	    3, 0, 0, 8,  3, 0, 0, 12,                         /* HMAC-SHA2-256-128 */
	    0, 0, 0, 8,  5, 0, 0, 0,                          /* no ESN */
	};
	struct ike_suites s = suites(PROTOCOL_ESP, "aes128cbc-sha256-x25519");
	struct ike_choice c;
	const char *reason;
	uint8_t buf[100];
	struct writer w = writer_of(buf, sizeof(buf));

	(void)state;
	assert_int_equal(ike_select(&s, &auth_terms,
				    offer(PROTOCOL_ESP, "aes256gcm, aes128cbc-sha256-noesn", false),
				    &c, &reason),
			 ERR_NONE);
	assert_int_equal(c.spi_len, 4);
	assert_memory_equal(c.spi, spi, 4);
	ike_choice_write(&w, &c, BYTES_OF(ours));
	assert_int_equal(w.n, sizeof(expected));
	assert_memory_equal(buf, expected, sizeof(expected));
}

/* What a responder of ours writes, an initiator of ours takes. */
static void answers_are_accepted(void **state)
{
	struct ike_suites r = suites(PROTOCOL_ESP, "aes128cbc-sha512-sha256-ecp256-x25519, modern");
	struct ike_suites i = suites(PROTOCOL_ESP, "default");
	struct ike_choice c, got;
	const char *reason = "";
	uint8_t buf[100];
	struct writer w = writer_of(buf, sizeof(buf));
	char text[IKE_SUITE_TEXT_MAX];

	(void)state;
	o.w = writer_of(o.octets, sizeof(o.octets));
	ike_offer_write(&o.w, &i, BYTES_OF(spi), true);
	assert_int_equal(ike_select(&r, &child_terms, writer_bytes_so_far(&o.w), &c, &reason),
			 ERR_NONE);
	ike_choice_write(&w, &c, BYTES_OF(spi));
	if (ike_check_answer(&i, &child_terms, writer_bytes_so_far(&w), &got, &reason) != ERR_NONE)
		fail_msg("%s", reason);
	assert_string_equal(ike_suite_format(&got.suite, text), "aes128cbc-sha256-x25519-esn");
	assert_int_equal(got.number, 2);
	assert_memory_equal(got.spi, spi, 4);
}

static enum err answer(const char *ours, struct bytes body)
{
	struct ike_suites s = suites(PROTOCOL_IKE, ours);
	const char *reason = NULL;
	struct ike_choice c;
	enum err e = ike_check_answer(&s, &ike_terms, body, &c, &reason);

	if (e != ERR_NONE)
		assert_non_null(reason);
	return e;
}

/* RFC 7296 2.7, 3.3.6: the initiator checks that the answer is one of its offers. */
static void wrong_answers_are_refused(void **state)
{
	const char *ours = "aes256gcm-aes128gcm-prfsha384-x25519-ecp256";

	(void)state;
	begin();
	write_gcm(1, 0, 0);
	assert_int_equal(answer(ours, end()), ERR_NONE);
	begin(); /* integrity NONE says nothing new */
	write_gcm(1, TRANSFORM_INTEG, 0);
	assert_int_equal(answer(ours, end()), ERR_NONE);
	begin(); /* two of one type */
	write_gcm(1, TRANSFORM_KE, KE_ECP_256);
	assert_int_equal(answer(ours, end()), ERR_AUTH);
	begin(); /* the same one twice */
	write_gcm(1, TRANSFORM_KE, KE_CURVE25519);
	assert_int_equal(answer(ours, end()), ERR_AUTH);
	begin(); /* a number that was not offered */
	write_gcm(2, 0, 0);
	assert_int_equal(answer(ours, end()), ERR_AUTH);
	begin(); /* two proposals */
	write_gcm(1, 0, 0);
	write_gcm(2, 0, 0);
	assert_int_equal(answer(ours, end()), ERR_SYNTAX);
	begin(); /* a type that was not offered */
	write_gcm(1, TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128);
	assert_int_equal(answer(ours, end()), ERR_AUTH);
	begin(); /* a type of the other proposal's only */
	write_gcm(1, 0, 0);
	assert_int_equal(answer("aes128gcm-prfsha384-x25519,aes256gcm-prfsha384-x25519", end()),
			 ERR_AUTH);
	begin(); /* a key length that was not offered */
	write_gcm(1, 0, 0);
	assert_int_equal(answer("aes192gcm-prfsha384-x25519", end()), ERR_AUTH);
	begin(); /* lacks the key exchange */
	sa_write_proposal(&o.s, 1, PROTOCOL_IKE, bytes_of(NULL, 0));
	sa_write_transform(&o.s, TRANSFORM_ENCR, ENCR_AES_GCM_16, 256);
	sa_write_transform(&o.s, TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0);
	assert_int_equal(answer(ours, end()), ERR_AUTH);
	begin(); /* not the method of the KE payload */
	sa_write_proposal(&o.s, 1, PROTOCOL_IKE, bytes_of(NULL, 0));
	sa_write_transform(&o.s, TRANSFORM_ENCR, ENCR_AES_GCM_16, 256);
	sa_write_transform(&o.s, TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0);
	sa_write_transform(&o.s, TRANSFORM_KE, KE_ECP_256, 0);
	assert_int_equal(answer(ours, end()), ERR_AUTH);
}

static void assert_says(const char *ours, const char *theirs, const char *expected)
{
	struct ike_suites s = suites(PROTOCOL_IKE, ours);
	char buf[IKE_EXPLAIN_MAX];

	assert_string_equal(ike_explain_mismatch(&s, &ike_terms, offer(PROTOCOL_IKE, theirs, true),
						 buf, sizeof(buf)),
			    expected);
}

static void mismatches_are_explained(void **state)
{
	struct ike_suites s = suites(PROTOCOL_IKE, "aes256gcm-prfsha384-x25519");
	char buf[134];

	(void)state;
	assert_says("aes256gcm-prfsha384-x25519", "aes128cbc-sha256-modp2048",
		    "peer offered aes128cbc-sha256-prfsha256-modp2048; "
		    "we accept aes256gcm-prfsha384-x25519; first difference: "
		    "encryption: none of aes128cbc is accepted, only aes256gcm");
	/* Of several, the pair that came furthest. */
	assert_says("aes128gcm-prfsha256-x25519, aes256gcm-prfsha384-x25519",
		    "aes128cbc-sha256-modp2048, aes256gcm-prfsha384-modp2048-ecp256",
		    "peer offered aes128cbc-sha256-prfsha256-modp2048, "
		    "aes256gcm-prfsha384-modp2048/ecp256; we accept aes128gcm-prfsha256-x25519, "
		    "aes256gcm-prfsha384-x25519; first difference: "
		    "key exchange: none of modp2048/ecp256 is accepted, only x25519");
	/* Short of room, the lists are cut first. */
	assert_string_equal(
	    ike_explain_mismatch(&s, &ike_terms,
				 offer(PROTOCOL_IKE, "aes128cbc-sha256-modp2048", true), buf,
				 sizeof(buf)),
	    "peer offered aes128cbc-sh...; we accept aes256gcm-prf...; first difference: "
	    "encryption: none of aes128cbc is accepted, only aes256gcm");
	for (size_t n = 1; n < sizeof(buf); n++)
		assert_int_equal(strlen(ike_explain_mismatch(
				     &s, &ike_terms, offer(PROTOCOL_IKE, "compat", true), buf, n)),
				 n - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(our_preference_wins),
	    cmocka_unit_test(only_what_one_proposal_holds),
	    cmocka_unit_test(the_sent_ke_is_preferred),
	    cmocka_unit_test(ike_auth_has_no_ke),
	    cmocka_unit_test(pfs_is_as_both_want_it),
	    cmocka_unit_test(unknown_types_spoil_a_proposal),
	    cmocka_unit_test(none_is_echoed),
	    cmocka_unit_test(additional_exchanges_are_chosen),
	    cmocka_unit_test(attributes_count),
	    cmocka_unit_test(huge_offers_are_walked),
	    cmocka_unit_test(the_answer_is_written),
	    cmocka_unit_test(answers_are_accepted),
	    cmocka_unit_test(wrong_answers_are_refused),
	    cmocka_unit_test(mismatches_are_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
