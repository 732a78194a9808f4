#include "support.h"

#include "wire/parts.h"

static uint8_t buf[1024];
static const uint8_t long_one[256];

static struct writer fresh(void)
{
	return writer_of(buf, sizeof(buf));
}

static bool takes_ke(struct bytes octets)
{
	struct ke_part p;

	return ke_parse(octets, &p, NULL) == ERR_NONE;
}

static void ke(void **state)
{
	const uint8_t octets[] = {0, 31, 0, 0, 1, 2, 3};
	struct ke_part p;
	struct writer w = fresh();

	(void)state;
	assert_int_equal(ke_parse(BYTES_OF(octets), &p, NULL), ERR_NONE);
	assert_int_equal(p.method, KE_CURVE25519);
	assert_bytes(p.data, bytes_of(octets + 4, 3));
	ke_write(&w, KE_CURVE25519, p.data);
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(octets));
	for (size_t n = 0; n < sizeof(octets); n++)
		assert_true(takes_copy(takes_ke, octets, n) == (n > 4));
}

static bool takes_id(struct bytes octets)
{
	struct id_part p;

	return id_parse(octets, &p, NULL) == ERR_NONE;
}

static void id(void **state)
{
	const uint8_t octets[] = {2, 0, 0, 0, 'g', 'w'};
	const uint8_t v4[] = {1, 9, 9, 9, 10, 0, 0, 1};
	uint8_t v6[20] = {5};
	struct id_part p;
	struct writer w = fresh();

	(void)state;
	assert_int_equal(id_parse(BYTES_OF(octets), &p, NULL), ERR_NONE);
	assert_int_equal(p.type, ID_FQDN);
	assert_bytes(p.data, BYTES_LITERAL("gw"));
	id_write(&w, ID_FQDN, p.data);
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(octets));
	for (size_t n = 0; n < 4; n++)
		assert_false(takes_copy(takes_id, octets, n));
	only_whole_is_taken(takes_id, BYTES_OF(v4));
	only_whole_is_taken(takes_id, BYTES_OF(v6));
	v6[0] = ID_IPV4_ADDR;
	assert_false(takes_id(BYTES_OF(v6)));
	v6[0] = ID_NULL; /* RFC 7619: data are ignored */
	assert_true(takes_id(BYTES_OF(v6)));
}

static void cert_and_certreq(void **state)
{
	const uint8_t octets[] = {4, 0x30, 0x00};
	uint8_t hashes[41] = {4};
	struct cert_part c;
	struct certreq_part q;
	struct writer w = fresh();

	(void)state;
	assert_int_equal(cert_parse(BYTES_OF(octets), &c, NULL), ERR_NONE);
	assert_int_equal(c.encoding, CERT_X509_SIGNATURE);
	assert_int_equal(c.data.n, 2);
	cert_write(&w, c.encoding, c.data);
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(octets));
	assert_int_equal(cert_parse(bytes_of(octets, 1), &c, NULL), ERR_SYNTAX);
	assert_int_equal(cert_parse(bytes_of(octets, 0), &c, NULL), ERR_SYNTAX);

	hashes[21] = 7;
	assert_int_equal(certreq_parse(BYTES_OF(hashes), &q, NULL), ERR_NONE);
	assert_int_equal(certreq_hashes(&q), 2);
	assert_bytes(certreq_hash(&q, 1), bytes_of(hashes + 21, 20));
	assert_int_equal(certreq_hash(&q, 2).n, 0);
	assert_int_equal(certreq_parse(bytes_of(hashes, 40), &q, NULL), ERR_NONE);
	assert_int_equal(certreq_hashes(&q), 0);
	assert_int_equal(certreq_hash(&q, 0).n, 0);
	assert_int_equal(certreq_parse(bytes_of(hashes, 1), &q, NULL), ERR_NONE);
	assert_int_equal(certreq_parse(bytes_of(hashes, 0), &q, NULL), ERR_SYNTAX);
	w = fresh();
	certreq_write(&w, CERT_X509_SIGNATURE, bytes_of(hashes + 1, 40));
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(hashes));
}

static void auth(void **state)
{
	const uint8_t octets[] = {2, 0, 0, 0, 0xaa};
	struct auth_part p;
	struct writer w = fresh();

	(void)state;
	assert_int_equal(auth_parse(BYTES_OF(octets), &p, NULL), ERR_NONE);
	assert_int_equal(p.method, AUTH_SHARED_KEY_MIC);
	assert_int_equal(p.data.n, 1);
	auth_write(&w, p.method, p.data);
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(octets));
	assert_int_equal(auth_parse(bytes_of(octets, 3), &p, NULL), ERR_SYNTAX);
}

/* RFC 7427 3, with the AlgorithmIdentifier of Ed25519 (RFC 8420 Appendix A). */
static void auth_signature(void **state)
{
	const uint8_t octets[] = {14,   0,    0,    0,    7,    0x30, 0x05,
				  0x06, 0x03, 0x2b, 0x65, 0x70, 0x51, 0x52};
	struct auth_part p;
	struct auth_signature s;
	struct writer w = fresh();
	const char *reason = NULL;

	(void)state;
	assert_int_equal(auth_parse(BYTES_OF(octets), &p, NULL), ERR_NONE);
	assert_int_equal(p.method, AUTH_DIGITAL_SIGNATURE);
	assert_int_equal(auth_signature_parse(p.data, &s, NULL), ERR_NONE);
	assert_bytes(s.algorithm, bytes_of(octets + 5, 7));
	assert_bytes(s.value, bytes_of(octets + 12, 2));
	auth_signature_write(&w, s.algorithm, s.value);
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(octets));
	for (size_t n = 0; n <= 8; n++)
		assert_int_equal(auth_signature_parse(bytes_of(p.data.p, n), &s, &reason),
				 ERR_SYNTAX);
	assert_string_equal(reason, "AUTH: no signature value");
	assert_int_equal(auth_signature_parse(BYTES_LITERAL("\0\1"), &s, &reason), ERR_SYNTAX);
	assert_string_equal(reason, "AUTH: no AlgorithmIdentifier");
	w = fresh();
	auth_signature_write(&w, bytes_of(long_one, 255), s.value);
	assert_true(writer_ok(&w));
	assert_int_equal(buf[4], 255);
	auth_signature_write(&w, bytes_of(long_one, 256), s.value);
	assert_false(writer_ok(&w));
	w = fresh();
	auth_signature_write(&w, bytes_of(NULL, 0), s.value);
	assert_false(writer_ok(&w));
}

/* RFC 7296 3.9. */
static void nonce(void **state)
{
	struct bytes n;
	struct writer w = fresh();
	const uint8_t octets[257] = {0};

	(void)state;
	assert_int_equal(nonce_parse(bytes_of(octets, 15), &n, NULL), ERR_SYNTAX);
	assert_int_equal(nonce_parse(bytes_of(octets, 16), &n, NULL), ERR_NONE);
	assert_int_equal(nonce_parse(bytes_of(octets, 256), &n, NULL), ERR_NONE);
	assert_int_equal(n.n, 256);
	assert_int_equal(nonce_parse(bytes_of(octets, 257), &n, NULL), ERR_SYNTAX);
	nonce_write(&w, bytes_of(octets, 16));
	nonce_write(&w, bytes_of(octets, 256));
	assert_true(writer_ok(&w));
	assert_int_equal(w.n, 272);
	nonce_write(&w, bytes_of(octets, 15));
	assert_false(writer_ok(&w));
	w = fresh();
	nonce_write(&w, bytes_of(octets, 257));
	assert_false(writer_ok(&w));
}

static bool takes_notify(struct bytes octets)
{
	struct notify_part p;

	return notify_parse(octets, &p, NULL) == ERR_NONE;
}

static void notify(void **state)
{
	const uint8_t rekey[] = {3, 4, 0x40, 0x09, 0xc0, 1, 2, 3};
	uint8_t octets[] = {0, 0, 0, 17, 0, 31};
	struct notify_part p;
	struct writer w = fresh();

	(void)state;
	assert_int_equal(notify_parse(BYTES_OF(rekey), &p, NULL), ERR_NONE);
	assert_int_equal(p.type, NOTIFY_REKEY_SA);
	assert_int_equal(p.protocol, PROTOCOL_ESP);
	assert_int_equal(notify_spi32(&p), 0xc0010203);
	assert_int_equal(p.data.n, 0);
	assert_false(notify_is_error(p.type));
	notify_write(&w, p.protocol, p.spi, p.type, p.data);
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(rekey));
	only_whole_is_taken(takes_notify, BYTES_OF(rekey));

	assert_int_equal(notify_parse(BYTES_OF(octets), &p, NULL), ERR_NONE);
	assert_int_equal(p.type, NOTIFY_INVALID_KE_PAYLOAD);
	assert_true(notify_is_error(p.type));
	assert_bytes(p.data, bytes_of(octets + 4, 2));
	assert_int_equal(notify_spi32(&p), 0);
	w = fresh();
	notify_write(&w, p.protocol, p.spi, p.type, p.data);
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(octets));
	notify_write(&w, p.protocol, bytes_of(long_one, 255), p.type, p.data);
	assert_true(writer_ok(&w));
	notify_write(&w, p.protocol, bytes_of(long_one, 256), p.type, p.data);
	assert_false(writer_ok(&w));
	octets[1] = 2; /* an SPI of nothing in particular is let through, but is no number */
	assert_int_equal(notify_parse(BYTES_OF(octets), &p, NULL), ERR_NONE);
	assert_int_equal(p.data.n, 0);
	assert_int_equal(notify_spi32(&p), 0);
	octets[0] = PROTOCOL_ESP;
	assert_false(takes_notify(BYTES_OF(octets)));
	octets[0] = 0;
	octets[1] = 3;
	assert_false(takes_notify(BYTES_OF(octets)));
}

static bool takes_delete(struct bytes octets)
{
	struct delete_part p;

	return delete_parse(octets, &p, NULL) == ERR_NONE;
}

static void delete_payload(void **state)
{
	uint8_t two[] = {3, 4, 0, 2, 0xc0, 0, 0, 1, 0xc0, 0, 0, 2};
	uint8_t ike[] = {1, 0, 0, 0};
	const uint32_t spis[] = {0xc0000001, 0xc0000002};
	struct delete_part p;
	struct writer w = fresh();

	(void)state;
	assert_int_equal(delete_parse(BYTES_OF(two), &p, NULL), ERR_NONE);
	assert_int_equal(p.count, 2);
	assert_int_equal(delete_spi32(&p, 0), 0xc0000001);
	assert_int_equal(delete_spi32(&p, 1), 0xc0000002);
	assert_int_equal(delete_spi32(&p, 2), 0);
	delete_write_child(&w, PROTOCOL_ESP, spis, 2);
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(two));
	only_whole_is_taken(takes_delete, BYTES_OF(two));
	(void)mutations_are_survived(takes_delete, BYTES_OF(two));
	two[2] = 0xff;
	assert_false(takes_delete(BYTES_OF(two)));
	two[2] = 0;
	two[1] = 8; /* 2 * 8 is not 8, and neither is allowed */
	two[3] = 1;
	assert_false(takes_delete(BYTES_OF(two)));

	w = fresh();
	delete_write_ike(&w);
	assert_bytes(writer_bytes_so_far(&w), BYTES_OF(ike));
	only_whole_is_taken(takes_delete, BYTES_OF(ike));
	assert_int_equal(delete_parse(BYTES_OF(ike), &p, NULL), ERR_NONE);
	assert_int_equal(delete_spi32(&p, 0), 0);
	/* another protocol's SPIs are no numbers */
	two[0] = 77;
	two[1] = 8;
	two[3] = 1;
	assert_int_equal(delete_parse(BYTES_OF(two), &p, NULL), ERR_NONE);
	assert_int_equal(delete_spi32(&p, 0), 0);
	w = fresh();
	delete_write_child(&w, PROTOCOL_ESP, spis, 65536);
	assert_false(writer_ok(&w));
	ike[1] = 4;
	assert_false(takes_delete(BYTES_OF(ike)));
	ike[1] = 0;
	ike[0] = PROTOCOL_AH;
	assert_false(takes_delete(BYTES_OF(ike)));
}

static bool takes_cp(struct bytes octets)
{
	struct cp_part p;

	return cp_parse(octets, &p, NULL) == ERR_NONE;
}

static void cp(void **state)
{
	/* the reserved bit of the second attribute is set */
	const uint8_t octets[] = {1, 0, 0, 0, 0, 1, 0, 0, 0x80, 3, 0, 4, 9, 9, 9, 9};
	struct cp_part p;
	struct cp_attribute a;
	struct reader r;
	struct writer w = fresh();

	(void)state;
	assert_int_equal(cp_parse(BYTES_OF(octets), &p, NULL), ERR_NONE);
	assert_int_equal(p.type, CFG_REQUEST);
	r = reader_of(p.attributes);
	assert_true(cp_next(&r, &a));
	assert_int_equal(a.type, CFG_INTERNAL_IP4_ADDRESS);
	assert_int_equal(a.value.n, 0);
	assert_true(cp_next(&r, &a));
	assert_int_equal(a.type, CFG_INTERNAL_IP4_DNS);
	assert_int_equal(a.value.n, 4);
	assert_false(cp_next(&r, &a));
	for (size_t n = 0; n < sizeof(octets); n++)
		assert_true(takes_copy(takes_cp, octets, n) == (n == 4 || n == 8));
	(void)mutations_are_survived(takes_cp, BYTES_OF(octets));
	cp_write_begin(&w, CFG_REQUEST);
	cp_write_attribute(&w, CFG_INTERNAL_IP4_ADDRESS, bytes_of(NULL, 0));
	cp_write_attribute(&w, CFG_INTERNAL_IP4_DNS, a.value);
	assert_true(writer_ok(&w));
	assert_int_equal(w.n, sizeof(octets));
	assert_memory_equal(buf, octets, 8);
	assert_int_equal(buf[8], 0);
	cp_write_attribute(&w, 0x8001, a.value);
	assert_false(writer_ok(&w));
	w = fresh();
	cp_write_attribute(&w, 0x7fff, bytes_of(NULL, 0));
	assert_true(writer_ok(&w));
}

/* RFC 7296 3.15.1, the table: 0 where a request asks, and the full length. */
static void cp_lengths(void **state)
{
	const struct {
		uint16_t type;
		size_t full;
	} table[] = {
	    {CFG_INTERNAL_IP4_ADDRESS, 4},  {CFG_INTERNAL_IP4_NETMASK, 4},
	    {CFG_INTERNAL_IP4_DNS, 4},      {CFG_INTERNAL_IP4_NBNS, 4},
	    {CFG_INTERNAL_IP4_DHCP, 4},     {CFG_P_CSCF_IP4_ADDRESS, 4},
	    {CFG_INTERNAL_IP6_ADDRESS, 17}, {CFG_INTERNAL_IP6_DNS, 16},
	    {CFG_INTERNAL_IP6_DHCP, 16},    {CFG_P_CSCF_IP6_ADDRESS, 16},
	    {CFG_INTERNAL_IP4_SUBNET, 8},   {CFG_INTERNAL_IP6_SUBNET, 17},
	    {CFG_INTERNAL_IP6_PREFIX, 17},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (size_t n = 0; n < 20; n++)
			assert_true(cp_attribute_length_ok(table[i].type, n) ==
				    (n == 0 || n == table[i].full));
	}
	assert_true(cp_attribute_length_ok(CFG_SUPPORTED_ATTRIBUTES, 4));
	assert_false(cp_attribute_length_ok(CFG_SUPPORTED_ATTRIBUTES, 3));
	assert_true(cp_attribute_length_ok(CFG_APPLICATION_VERSION, 7));
	assert_true(cp_attribute_length_ok(9999, 3));
}

static bool takes_eap(struct bytes octets)
{
	struct eap_part p;

	return eap_parse(octets, &p, NULL) == ERR_NONE;
}

static void eap(void **state)
{
	uint8_t request[] = {1, 7, 0, 6, 26, 0x55};
	const uint8_t success[] = {3, 7, 0, 4};
	struct eap_part p;

	(void)state;
	assert_int_equal(eap_parse(BYTES_OF(request), &p, NULL), ERR_NONE);
	assert_int_equal(p.code, EAP_REQUEST);
	assert_int_equal(p.identifier, 7);
	assert_int_equal(p.type, 26);
	assert_int_equal(p.data.n, 1);
	assert_bytes(p.message, BYTES_OF(request));
	only_whole_is_taken(takes_eap, BYTES_OF(request));
	only_whole_is_taken(takes_eap, BYTES_OF(success));
	request[0] = 5;
	assert_false(takes_eap(BYTES_OF(request)));
	request[0] = 1;
	request[3] = 4; /* no type */
	assert_false(takes_eap(bytes_of(request, 4)));
}

/* What is too short for its fixed part says so. */
static void short_bodies_have_their_reason(void **state)
{
	const struct bytes three = BYTES_LITERAL("\0\0\0");
	const char *reason = NULL;
	struct ke_part k;
	struct id_part i;
	struct auth_part a;
	struct notify_part n;
	struct delete_part d;
	struct cp_part c;
	struct eap_part e;

	(void)state;
	assert_int_equal(ke_parse(three, &k, &reason), ERR_SYNTAX);
	assert_string_equal(reason, "KE: fewer than 4 octets");
	assert_int_equal(id_parse(three, &i, &reason), ERR_SYNTAX);
	assert_string_equal(reason, "ID: fewer than 4 octets");
	assert_int_equal(auth_parse(three, &a, &reason), ERR_SYNTAX);
	assert_string_equal(reason, "AUTH: fewer than 4 octets");
	assert_int_equal(notify_parse(three, &n, &reason), ERR_SYNTAX);
	assert_string_equal(reason, "Notify: fewer than 4 octets");
	assert_int_equal(delete_parse(three, &d, &reason), ERR_SYNTAX);
	assert_string_equal(reason, "Delete: fewer than 4 octets");
	assert_int_equal(cp_parse(three, &c, &reason), ERR_SYNTAX);
	assert_string_equal(reason, "CP: fewer than 4 octets");
	assert_int_equal(eap_parse(three, &e, &reason), ERR_SYNTAX);
	assert_string_equal(reason, "EAP: fewer than 4 octets");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ke),
	    cmocka_unit_test(id),
	    cmocka_unit_test(cert_and_certreq),
	    cmocka_unit_test(auth),
	    cmocka_unit_test(auth_signature),
	    cmocka_unit_test(nonce),
	    cmocka_unit_test(notify),
	    cmocka_unit_test(delete_payload),
	    cmocka_unit_test(cp),
	    cmocka_unit_test(cp_lengths),
	    cmocka_unit_test(eap),
	    cmocka_unit_test(short_bodies_have_their_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
