#include "support.h"

#include "base/ikev2_names.h"
#include "base/ikev2_numbers.h"

static char buf[IKEV2_NAME_MAX];

static void known_numbers_have_names(void **state)
{
	(void)state;
	assert_string_equal(exchange_name(34, buf), "IKE_SA_INIT");
	assert_string_equal(exchange_name(44, buf), "IKE_FOLLOWUP_KE");
	assert_string_equal(payload_name(33, buf), "SA");
	assert_string_equal(payload_name(44, buf), "TSi");
	assert_string_equal(payload_name(53, buf), "SKF");
	assert_string_equal(protocol_name(3, buf), "ESP");
	assert_string_equal(transform_type_name(6, buf), "ADDKE1");
	assert_string_equal(transform_name(1, 20, buf), "AES_GCM_16");
	assert_string_equal(transform_name(2, 5, buf), "HMAC_SHA2_256");
	assert_string_equal(transform_name(3, 12, buf), "HMAC_SHA2_256_128");
	assert_string_equal(transform_name(4, 31, buf), "CURVE25519");
	assert_string_equal(transform_name(12, 36, buf), "ML_KEM_768");
	assert_string_equal(transform_name(5, 1, buf), "ESN");
	assert_string_equal(notify_name(14, buf), "NO_PROPOSAL_CHOSEN");
	assert_string_equal(notify_name(16384, buf), "INITIAL_CONTACT");
	assert_string_equal(notify_name(16447, buf), "IKE_SA_INIT_FULL_TRANSCRIPT_AUTH");
	assert_string_equal(auth_method_name(2, buf), "shared key");
	assert_string_equal(hash_algorithm_name(2, buf), "SHA2_256");
	assert_string_equal(id_type_name(2, buf), "FQDN");
	assert_string_equal(cert_encoding_name(4, buf), "X509_SIGNATURE");
	assert_string_equal(ts_type_name(7, buf), "IPV4_ADDR_RANGE");
	assert_string_equal(cfg_type_name(1, buf), "CFG_REQUEST");
	assert_string_equal(cfg_attribute_name(25, buf), "INTERNAL_DNS_DOMAIN");
}

static void unknown_numbers_are_printed(void **state)
{
	(void)state;
	assert_ptr_equal(payload_name(77, buf), buf);
	assert_string_equal(buf, "payload 77");
	assert_string_equal(notify_name(12345, buf), "notify 12345");
	assert_string_equal(transform_name(1, 1000, buf), "ENCR 1000");
	assert_string_equal(transform_name(9, 999, buf), "KE 999");
	assert_string_equal(transform_name(200, 3, buf), "transform 200/3");
	/* the longest that can come */
	assert_string_equal(transform_type_name(4294967295U, buf), "transform type 4294967295");
	assert_string_equal(transform_name(4294967295U, 4294967295U, buf),
			    "transform 4294967295/4294967295");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_numbers_have_names),
	    cmocka_unit_test(unknown_numbers_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
