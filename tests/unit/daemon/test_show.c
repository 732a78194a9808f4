/* What the command prints for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "cli/show.h"

static char *status_text(const char *json, bool colour)
{
	json_error_t error;
	char *text = NULL;
	size_t len = 0;
	json_t *o = json_loads(json, 0, &error);
	FILE *f = open_memstream(&text, &len);

	assert_non_null(o);
	show_status(f, o, colour);
	(void)fclose(f);
	json_decref(o);
	return text;
}

static const char down[] =
    "{\"connections\":[{\"name\":\"office\",\"state\":\"down\",\"why\":\"no answer\\u001b[2J\","
    "\"since\":\"2026-11-24T14:37:47Z\",\"seconds\":61,\"retry_in\":25,\"local\":\"10.99.0.1\","
    "\"remote\":\"10.99.0.2\",\"local_id\":\"a\",\"remote_id\":\"b\",\"auth\":\"psk\",\"sas\":[],"
    "\"children\":[{\"name\":\"net\",\"start\":\"auto\",\"local_ts\":[\"10.1.0.0/24\"],"
    "\"remote_ts\":[\"10.2.0.0/24\",\"10.3.0.0/24\"]}]}],\"faults\":[]}";

static void a_dead_connection_says_why(void **state)
{
	(void)state;
	char *text = status_text(down, false);

	/* A peer's words cannot command the terminal. */
	assert_string_equal(text, "office: down since 2026-11-24 14:37:47 UTC (1 m 1 s)\n"
				  "  why           no answer?[2J\n"
				  "  next try      in 25 s\n"
				  "  peer          b at 10.99.0.2, by psk\n"
				  "  us            a at 10.99.0.1\n"
				  "  child net: down, start auto\n"
				  "    traffic     10.1.0.0/24 === 10.2.0.0/24, 10.3.0.0/24\n");
	free(text);
	text = status_text(down, true);
	assert_non_null(strstr(text, "office: \033[31mdown\033[0m since"));
	free(text);
	text = status_text("{\"connections\":[]}", false);
	assert_string_equal(text, "no connection is configured\n");
	free(text);
}

static void what_is_over_soon_is_said(void **state)
{
	(void)state;
	char *text = status_text(
	    "{\"connections\":[{\"name\":\"o\",\"state\":\"down\",\"expiries\":["
	    "{\"what\":\"our certificate\",\"name\":\"CN=a\\u001b\",\"seconds\":90000,"
	    "\"soon\":true},"
	    "{\"what\":\"the CA\",\"name\":\"CN=ca\",\"seconds\":90000000,\"soon\":false},"
	    "{\"what\":\"the revocation list of\",\"name\":\"CN=ca\",\"seconds\":-61,"
	    "\"soon\":true}]}]}",
	    false);

	assert_non_null(strstr(text, "  expiry        our certificate CN=a? is over in 1 d 1 h\n"
				     "  expiry        the revocation list of CN=ca is over since "
				     "1 m 1 s\n"));
	assert_null(strstr(text, "the CA"));
	free(text);
}

static const char up[] =
    "{\"connections\":[{\"name\":\"o\",\"state\":\"up\",\"why\":\"up\","
    "\"since\":\"2026-11-24T14:37:47Z\",\"seconds\":5,\"sas\":[{\"state\":\"up\","
    "\"role\":\"initiator\",\"local\":\"10.99.0.1:4500\",\"remote\":\"10.99.0.2:4500\","
    "\"local_id\":\"a\",\"remote_id\":\"b\",\"remote_auth\":\"psk\","
    "\"algorithms\":\"aes256gcm-prfsha384-x25519\",\"downgrade_prevention\":true,"
    "\"nat_here\":true,\"nat_there\":false,"
    "\"transport\":\"tcp, esp beside it\",\"handshake_microseconds\":412345,\"exchanges\":["
    "{\"exchange\":\"IKE_SA_INIT\",\"key_exchange\":\"x25519\",\"transport\":\"udp\","
    "\"sent_octets\":398,\"received_octets\":406,\"microseconds\":1249},"
    "{\"exchange\":\"IKE_INTERMEDIATE\",\"key_exchange\":\"mceliece6688128\","
    "\"transport\":\"tcp\",\"sent_octets\":1045077,\"received_octets\":281,"
    "\"microseconds\":38800},"
    "{\"exchange\":\"IKE_AUTH\",\"transport\":\"tcp\",\"sent_octets\":310,"
    "\"received_octets\":250,\"microseconds\":900}],"
    "\"since\":\"2026-11-24T14:37:47Z\",\"seconds\":5,\"rekey_in\":13000,\"children\":[{"
    "\"name\":\"net\",\"spi_in\":\"00000001\",\"spi_out\":\"00000002\","
    "\"algorithms\":\"aes256gcm-esn\",\"mode\":\"tunnel\",\"udp\":true,"
    "\"local_ts\":[\"10.1.0.0/24\"],\"remote_ts\":[\"10.2.0.0/24\"],"
    "\"since\":\"2026-11-24T14:37:47Z\",\"seconds\":5,\"rekey_in\":3000,\"rekeying\":false,"
    "\"in_octets\":1536,\"in_packets\":3,\"out_octets\":0,\"out_packets\":0,"
    "\"in_seconds_ago\":1,\"in_replays\":2}]}],"
    "\"children\":[{\"name\":\"net\",\"start\":\"auto\"}]}],"
    "\"faults\":[{\"name\":\"drop\",\"on\":true,\"arg\":3,\"fired\":7}]}";

static void a_live_one_says_who_how_and_how_much(void **state)
{
	(void)state;
	char *text = status_text(up, false);

	assert_string_equal(text,
			    "o: up since 2026-11-24 14:37:47 UTC (5 s)\n"
			    "  peer          b at 10.99.0.2:4500, by psk\n"
			    "  us            a at 10.99.0.1:4500, initiator\n"
			    "  IKE SA        up since 2026-11-24 14:37:47 UTC (5 s)\n"
			    "  algorithms    aes256gcm-prfsha384-x25519\n"
			    "  downgrade     prevented\n"
			    "  transport     tcp, esp beside it\n"
			    "  handshake     412.3 ms\n"
			    "    IKE_SA_INIT       x25519           udp     398 octets out,     "
			    "406 in,    1.2 ms\n"
			    "    IKE_INTERMEDIATE  mceliece6688128  tcp 1045077 octets out,     "
			    "281 in,   38.8 ms\n"
			    "    IKE_AUTH                           tcp     310 octets out,     "
			    "250 in,    0.9 ms\n"
			    "  NAT           we are behind a NAT\n"
			    "  rekey         in 3 h 36 m\n"
			    "  child net: up since 2026-11-24 14:37:47 UTC (5 s)\n"
			    "    traffic     10.1.0.0/24 === 10.2.0.0/24\n"
			    "    algorithms  aes256gcm-esn, tunnel mode, in UDP\n"
			    "    SPIs        00000001 in, 00000002 out\n"
			    "    received    1.5 KiB in 3 packets, the last 1 s ago\n"
			    "    sent        0 B in 0 packets\n"
			    "    dropped     2 replayed\n"
			    "    rekey       in 50 m 0 s\n"
			    "fault drop: on, argument 3, 7 times so far\n");
	for (const char *p = text; *p != '\0';) {
		size_t n = strcspn(p, "\n");
		assert_true(n <= 100);
		p += n + (p[n] == '\n');
	}
	free(text);
}

static void units_are_read_at_a_glance(void **state)
{
	(void)state;
	char buf[SHOW_UNITS_MAX];

	assert_string_equal(show_time(0, buf), "0 s");
	assert_string_equal(show_time(3599, buf), "59 m 59 s");
	assert_string_equal(show_time(86399, buf), "23 h 59 m");
	assert_string_equal(show_time(90000, buf), "1 d 1 h");
	assert_string_equal(show_octets(1023, buf), "1023 B");
	assert_string_equal(show_octets(1024, buf), "1.0 KiB");
	assert_string_equal(show_octets(5LL << 40, buf), "5.0 TiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_dead_connection_says_why),
	    cmocka_unit_test(what_is_over_soon_is_said),
	    cmocka_unit_test(a_live_one_says_who_how_and_how_much),
	    cmocka_unit_test(units_are_read_at_a_glance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
