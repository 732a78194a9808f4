/* The table of options: complete, checked, stored, and told in the manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "daemon/options.h"
#include "daemon/values.h"
#include "ike/connection.h"

static void the_table_is_sound(void **state)
{
	(void)state;
	size_t n;
	const struct config_option *all = options_all(&n);

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(all[i].help);
		assert_true(len > 0 && all[i].help[len - 1] == '.');
		assert_ptr_equal(option_find(all[i].section, all[i].word), &all[i]);
		/* A required option has no default, and a default is a value. */
		assert_false(all[i].required && all[i].def != NULL);
		if (all[i].def != NULL)
			assert_true(option_check(&all[i], all[i].def));
		assert_true((all[i].type == OPTION_WORD) == (all[i].words != NULL));
	}
}

static void defaults_are_what_the_manual_says(void **state)
{
	(void)state;
	struct daemon_config d = {0};
	struct ike_connection c = {0};
	struct ike_child_config k = {0};

	option_store_defaults(SECTION_DAEMON, &d);
	assert_int_equal(d.ike_port, 500);
	assert_int_equal(d.natt_port, 4500);
	assert_string_equal(d.user, "_postern");
	assert_string_equal(d.tun, "postern0");
	assert_int_equal(d.half_open_max, 1000);
	assert_int_equal(d.cookie_threshold, 100);
	assert_int_equal(d.log_level, 3);
	option_store_defaults(SECTION_CONNECTION, &c);
	assert_int_equal(c.remote_port, 500);
	assert_int_equal(c.remote.family, 0);
	assert_true(c.rekey_time == 4 * 3600 * 1000000ULL);
	assert_int_equal(c.reauth_time, 0);
	assert_int_equal(c.retransmits, 10);
	assert_true(c.unique);
	assert_false(c.force_encap);
	option_store_defaults(SECTION_CHILD, &k);
	assert_int_equal(k.replay_window, 1024);
	assert_int_equal(k.start, IKE_START_MANUAL);
	assert_int_equal(k.df, ESP_DF_COPY);
	assert_int_equal(k.rekey_octets, 0);
	assert_true(k.ecn);
}

static void words_mean_the_engines_numbers(void **state)
{
	(void)state;
	struct ike_child_config k = {0};
	const struct config_option *start = option_find(SECTION_CHILD, "start");
	const struct config_option *df = option_find(SECTION_CHILD, "df");
	const struct config_option *auth = option_find(SECTION_CONNECTION, "auth");
	static const char *const kinds[] = {"psk", "cert", "pubkey"};

	option_store(start, &k, "auto");
	assert_int_equal(k.start, IKE_START_AUTO);
	option_store(start, &k, "on-traffic");
	assert_int_equal(k.start, IKE_START_ON_TRAFFIC);
	option_store(df, &k, "set");
	assert_int_equal(k.df, ESP_DF_SET);
	option_store(df, &k, "clear");
	assert_int_equal(k.df, ESP_DF_CLEAR);
	for (unsigned i = 0; i < 3; i++) {
		unsigned v = 9;
		assert_true(value_word(&v, auth->words, kinds[i]));
		assert_int_equal(v, i);
	}
	assert_int_equal(IKE_AUTH_BY_PSK, 0);
	assert_int_equal(IKE_AUTH_BY_CERT, 1);
	assert_int_equal(IKE_AUTH_BY_PUBKEY, 2);
}

static void times_and_sizes_have_units(void **state)
{
	(void)state;
	uint64_t v;
	static const char *const bad_times[] = {
	    "", "5", "h", "-1s", "1h ", "1x", "1.5h", "99999999999999999999s", "213503982335d"};
	static const char *const bad_octets[] = {"", "5", "5k", "1gib", "16777216TiB", "1 MB"};

	assert_true(value_time(&v, "500ms") && v == 500000);
	assert_true(value_time(&v, "8h") && v == 28800000000ULL);
	assert_true(value_time(&v, "1h30m") && v == 5400000000ULL);
	assert_true(value_time(&v, "2d") && v == 172800000000ULL);
	assert_true(value_time(&v, "never") && v == 0);
	assert_true(value_octets(&v, "1GiB") && v == 1ULL << 30);
	assert_true(value_octets(&v, "500MB") && v == 500000000);
	for (size_t i = 0; i < sizeof(bad_times) / sizeof(bad_times[0]); i++)
		assert_false(value_time(&v, bad_times[i]));
	for (size_t i = 0; i < sizeof(bad_octets) / sizeof(bad_octets[0]); i++)
		assert_false(value_octets(&v, bad_octets[i]));
	assert_true(value_count(&v, "18446744073709551615"));
	assert_false(value_count(&v, "18446744073709551616"));
	assert_false(value_count(&v, "+1"));
}

static void the_manual_names_every_option(void **state)
{
	(void)state;
	char *text = NULL;
	size_t len = 0, n;
	char item[64];
	FILE *f = open_memstream(&text, &len);
	const struct config_option *all = options_all(&n);

	options_man(f);
	(void)fclose(f);
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(item, sizeof(item), ".It Ic %s\n", all[i].word);
		assert_non_null(strstr(text, item));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table_is_sound),
	    cmocka_unit_test(defaults_are_what_the_manual_says),
	    cmocka_unit_test(words_mean_the_engines_numbers),
	    cmocka_unit_test(times_and_sizes_have_units),
	    cmocka_unit_test(the_manual_names_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
