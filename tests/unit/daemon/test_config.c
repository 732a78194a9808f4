/* The configuration's text: what is taken, and the exact line for every kind of mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "daemon/config.h"

#define CHILD   "child net { local-ts = 10.1.0.0/24 remote-ts = 10.2.0.0/24 }"
#define MINIMAL "remote = 10.0.0.2\nlocal-id = a.example\nauth = psk\n" CHILD "\n"
#define WORDS                                                                                      \
	"local, remote, remote-port, transport, remote-tcp-port, tcp-share, local-id, remote-id, " \
	"auth, "                                                                                   \
	"cert, key, ca, crl, crl-url, crl-fetch, ocsp-url, ocsp-fetch, cert-lookup, cert-url, "    \
	"cert-bundle-url, "                                                                        \
	"revocation, ocsp, ocsp-responder, ocsp-response, send-crl, remote-auth-algorithms, "      \
	"remote-pubkey, "                                                                          \
	"always-send-cert, auth-size-max, big-payload, weak-signatures, downgrade-prevention, "    \
	"kem-auth, ppk, ppk-id, ppk-exchange, "                                                    \
	"ppk-rekey, ppk-numbers, int-auth, ike, rekey, reauth, dpd, "                              \
	"retransmits, retry, keepalive, childless, encap, unique, child"
#define SELECTOR                                                                                   \
	"a prefix (without host bits), an address or a range, and if need be a protocol and "      \
	"port: 10.1.0.0/24, 2001:db8::/64, 10.1.0.7[tcp/443]"

struct mistake {
	const char *text;
	const char *lines[4]; /* exactly these; without any, the text is right */
};

static const struct mistake mistakes[] = {
    {"", {NULL}},
    {"# nothing\n// at\n/* all\n */\n", {NULL}},
    {"connection office {\n" MINIMAL "}\n", {NULL}},
    {"connection 'office' {" MINIMAL "}", {NULL}},
    /* Structure. */
    {"connection a {\n" MINIMAL,
     {"t.conf:1: word \"{\": expected a \"}\" that closes it, before the end"}},
    {"connection a {\n" MINIMAL "}\n}\n",
     {"t.conf:7: word \"}\": expected a section: no \"{\" is open here"}},
    {"connection {\n}\n", {"t.conf:1: word \"connection\": expected a name after it"}},
    {"connection a b {\n}\n",
     {"t.conf:1: word \"connection\": expected \"{\" after it and its name"}},
    {"connection = a\n", {"t.conf:1: word \"connection\": expected a name after it"}},
    {"\n\nconection a {\n}\n",
     {"t.conf:3: word \"conection\": expected one of connection, secret, ppk, fetch or daemon"}},
    {"connection a {\n# a comment\n/* and\nanother */ locl = 10.0.0.1\n}\n",
     {"t.conf:4: word \"locl\": expected one of " WORDS}},
    {"connection a {\n local 10.0.0.1\n}\n", {"t.conf:2: word \"local\": expected \"=\" after it"}},
    {"connection a {\n local = \n}\n", {"t.conf:3: word \"}\": expected a value"}},
    {"connection a {\n ike = aes256gcm, aes128gcm\n}\n",
     {"t.conf:2: word \",\": expected a value; several stand in braces: { a, b }"}},
    {"connection a {\n local += 10.0.0.1\n}\n",
     {"t.conf:2: word \"local\": expected \"=\": it takes one value"}},
    {"connection a {\n local = \"10.0.0.1\n}\n",
     {"t.conf:2: word \"\"10.0.0.1\": expected a closing quote on the same line"}},
    {"/* open", {"t.conf:1: word \"/*\": expected \"*/\" to end the comment"}},
    {"\n\001", {"t.conf:2: word \"?\": expected text; this is a control character (0x01)"}},
    {"daemon { ke-number = { frodo976aes:1085, frodo1344aes:1084, mceliece348864:38 } }", {NULL}},
    {"daemon {\n ke-number = frodo976aes\n}",
     {"t.conf:2: word \"frodo976aes\": expected for ke-number a method, a colon and a number from "
      "1 to 65535: "
      "frodo1344shake:1088"}},
    {"daemon {\n ke-number = { frodo976aes:38, mlkem768:1036 } }",
     {"t.conf:2: word \"mlkem768:1036\": expected a method that IANA has given no number, and a "
      "number that no other method has"}},
    {"daemon {\n ke-number = frodo976aes:36 }",
     {"t.conf:2: word \"frodo976aes:36\": expected a method that IANA has given no number, and a "
      "number that no other method has"}},
    {"daemon {\n ke-number = frodo976aes:1085 }",
     {"t.conf:2: word \"frodo976aes:1085\": expected a method that IANA has given no number, and a "
      "number that no other method has"}},
    {"daemon { user = 'a\037' }",
     {"t.conf:1: word \"?\": expected text; this is a control character (0x1f)"}},
    {"daemon { user = ${HOME} }",
     {"t.conf:1: word \"${\": expected plain text: variables are not known here"}},
    {"daemon { user = \"${HOME}\" }",
     {"t.conf:1: word \"${\": expected plain text: variables are not known here"}},
    /* Values of each type. */
    {"daemon {\nlog = loud\n}",
     {"t.conf:2: word \"loud\": expected for log one of err, warn, note, info, debug"}},
    {"daemon {\ntun = sixteen-letters-\n}",
     {"t.conf:2: word \"sixteen-letters-\": expected for tun at most 15 letters, digits, \"-\", "
      "\"_\" or \".\""}},
    {"daemon {\nclamp-mss = true\n}",
     {"t.conf:2: word \"true\": expected for clamp-mss yes or no"}},
    {"daemon {\nike-port = 0\nnat-port = 65536\nmtu = 1279 }",
     {"t.conf:2: word \"0\": expected for ike-port a number from 1 to 65535",
      "t.conf:3: word \"65536\": expected for nat-port a number from 1 to 65535",
      "t.conf:4: word \"1279\": expected for mtu a number from 1280 to 65535"}},
    {"daemon {\nmtu = 0x500\n}",
     {"t.conf:2: word \"0x500\": expected for mtu a number from 1280 to 65535"}},
    {"daemon {\nlisten = { 10.0.0.1, 10.0.0.256 }\n}",
     {"t.conf:2: word \"10.0.0.256\": expected for listen an IPv4 or IPv6 address, or any"}},
    {"connection a {\nrekey = 3x\n" MINIMAL "}",
     {"t.conf:2: word \"3x\": expected for rekey a time from 1m to 30d (such as 30s, 15m, 8h), or "
      "never"}},
    {"connection a {\nrekey = 30s\n" MINIMAL "}",
     {"t.conf:2: word \"30s\": expected for rekey a time from 1m to 30d (such as 30s, 15m, 8h), "
      "or never"}},
    {"connection a {\n remote = 10.0.0.2 local-id = a auth = psk\n child c {\n"
     " local-ts = 10.1.0.1/24\nremote-ts = nets rekey-octets = 5 rekey-packets = 1 }\n}",
     {"t.conf:4: word \"10.1.0.1/24\": expected for local-ts " SELECTOR,
      "t.conf:5: word \"nets\": expected for remote-ts " SELECTOR,
      "t.conf:5: word \"5\": expected for rekey-octets octets from 64KiB up with a unit (such as "
      "500MB, 1GiB), or never",
      "t.conf:5: word \"1\": expected for rekey-packets a number from 100 to 1152921504606846976, "
      "or never"}},
    {"connection a {\nremote-auth-algorithms = { pq, mldsa64 }\n" MINIMAL "}",
     {"t.conf:2: word \"mldsa64\": expected for remote-auth-algorithms pq, or a kind of key such "
      "as "
      "mldsa, mldsa65, slhdsa, ecdsa-p256, ed25519, rsa",
      "t.conf:2: word \"remote-auth-algorithms\": expected only with another auth than psk"}},
    {"connection a {\nauth-size-max = never\n" MINIMAL "}",
     {"t.conf:2: word \"never\": expected for auth-size-max octets from 64KiB to 64MiB with a unit "
      "(such as 500KB, 1MiB)"}},
    {"connection a {\n" MINIMAL "auth = psk }",
     {"t.conf:6: word \"auth\": expected only once in a section connection"}},
    {"connection a {\n remote = 10.0.0.2 local-id = a auth = eap\n" CHILD "}",
     {"t.conf:2: word \"eap\": expected for auth one of psk, cert, pubkey"}},
    {"connection a {\nremote = 10.0.0.2 local-id = a auth = psk\nchild c { local-ts = 10.1.0.0/24\n"
     "remote-ts = 10.2.0.0/24 mode = transport } }",
     {"t.conf:4: word \"transport\": expected for mode \"tunnel\""}},
    /* What is missing or does not fit together. */
    {"connection a {\n}\n",
     {"t.conf:2: word \"}\": expected \"local-id = ...\" before the end of connection \"a\"",
      "t.conf:2: word \"}\": expected \"auth = ...\" before the end of connection \"a\"",
      "t.conf:2: word \"}\": expected a child before the end of connection \"a\""}},
    {"connection a {\n remote = 10.0.0.2 local-id = a auth = psk child c {\n}\n}",
     {"t.conf:3: word \"}\": expected \"local-ts = ...\" before the end of child \"c\"",
      "t.conf:3: word \"}\": expected \"remote-ts = ...\" before the end of child \"c\""}},
    {"connection a {\n local-id = a\nauth = cert\n" CHILD "}",
     {"t.conf:3: word \"cert\": expected \"cert = ...\" beside it in connection \"a\"",
      "t.conf:3: word \"cert\": expected \"key = ...\" beside it in connection \"a\"",
      "t.conf:3: word \"cert\": expected \"ca = ...\" beside it in connection \"a\""}},
    {"connection a {\n local-id = a\nauth = pubkey\n" CHILD "}",
     {"t.conf:3: word \"pubkey\": expected \"key = ...\" beside it in connection \"a\"",
      "t.conf:3: word \"pubkey\": expected \"remote-pubkey = ...\" beside it in connection "
      "\"a\""}},
    {"connection a {\n local-id = a\nauth = cert\nca = c\ncert = { x, y }\nkey = k\n" CHILD "}",
     {"t.conf:6: word \"k\": expected as many keys as certificates, 2 and not 1, in connection "
      "\"a\""}},
    {"connection a {\n local-id = a\nauth = pubkey\nremote-pubkey = { 1, 2, 3, 4, 5, 6, 7, 8,\n9 "
     "}\nkey = k\n" CHILD "}",
     {"t.conf:5: word \"9\": expected at most 8 files in remote-pubkey"}},
    {"connection a {\n" MINIMAL "cert = a.pem }",
     {"t.conf:6: word \"cert\": expected only with another auth than psk"}},
    {"connection a {\n" MINIMAL "local = 2001:db8::1 }",
     {"t.conf:2: word \"10.0.0.2\": expected an address of the family of local"}},
    {"connection a {\n local-id = a auth = psk\n child c { start = auto\n local-ts = 10.1.0.0/24 "
     "remote-ts = 10.2.0.0/24 } }",
     {"t.conf:3: word \"auto\": expected manual, because connection \"a\" has no remote address "
      "to call"}},
    {"connection a {\n" MINIMAL "remote-id = b downgrade-prevention = suppress }", {NULL}},
    {"connection a {\n" MINIMAL "kem-auth = require }",
     {"t.conf:6: word \"require\": expected no, because connection \"a\" does not say auth = "
      "cert"}},
    {"connection a {\n" MINIMAL "downgrade-prevention = suppress }",
     {"t.conf:6: word \"suppress\": expected yes or require, because connection \"a\" does not "
      "name its peer by remote and remote-id"}},
    {"connection a {\n local-id = a remote-id = b auth = psk\ndowngrade-prevention = "
     "suppress\n" CHILD "}",
     {"t.conf:3: word \"suppress\": expected yes or require, because connection \"a\" does not "
      "name its peer by remote and remote-id"}},
    {"connection a/b {\n" MINIMAL "}",
     {"t.conf:6: word \"a/b\": expected a name of at most 64 letters, digits, \"-\", \"_\" or "
      "\".\""}},
    {"connection a {\n" MINIMAL "}\nconnection a {\nremote = 10.0.0.3 local-id = a auth = psk\n"
     "child c { local-ts = 10.1.0.0/24 remote-ts = 10.3.0.0/24 } }",
     {"t.conf:9: word \"a\": expected another name: a connection of this name ends in line 6"}},
    {"connection a {\n" MINIMAL "child net { local-ts = 10.1.0.0/24 remote-ts = 10.3.0.0/24 } }",
     {"t.conf:6: word \"net\": expected another name: a child of this name ends in line 5"}},
    {"connection a {\n" MINIMAL "}\nconnection b {\n" MINIMAL "}",
     {"t.conf:11: child \"net\" of connection \"b\" has the same local-ts and remote-ts as the "
      "child that ends in line 5"}},
    {"daemon { }\ndaemon { }",
     {"t.conf:2: word \"}\": expected only one section daemon; another ends in line 1"}},
    /* Secrets. */
    {"secret \"a\" \"b\" { psk-file = x }\nsecret \"a\"\n  \"c\" { psk-file = x }\n"
     "secret d { psk-file = x }",
     {NULL}},
    {"secret a b { psk-file = x }",
     {"t.conf:1: word \"secret\": expected \"{\" after identities in double quotes"}},
    {"secret \"a\" \"b\" \"c\" { psk-file = x }",
     {"t.conf:1: word \"a\": expected at most two identities"}},
    {"secret { psk-file = x }", {"t.conf:1: word \"secret\": expected a name after it"}},
    {"secret \"a\" { psk = \"hush\" }",
     {"t.conf:1: word \"psk\": expected psk-file = \"FILE\": keys stay out of this file"}},
    /* PPKs. */
    {"ppk \"a+b/c=\" { ppk-file = x }\nconnection a {\n" MINIMAL "ppk = required\n"
     "ppk-id = { \"a+b/c=\", other }\n}",
     {NULL}},
    {"connection a {\n" MINIMAL "ppk = optional\n}",
     {"t.conf:6: word \"optional\": expected for ppk one of never, allow, required"}},
    {"connection a {\n" MINIMAL "ppk = allow\n}",
     {"t.conf:6: word \"allow\": expected \"ppk-id = ...\" beside it in connection \"a\""}},
    {"connection a {\n" MINIMAL "ppk-id = x\n}",
     {"t.conf:6: word \"ppk-id\": expected only with ppk = allow or required"}},
    {"connection a {\n" MINIMAL "ppk = allow ppk-id = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }\n}",
     {"t.conf:6: word \"9\": expected at most 8 in ppk-id"}},
    {"ppk \"a\" { ppk-file = x }\nppk \"a\" { ppk-file = y }",
     {"t.conf:2: word \"a\": expected another identity: a ppk of this one ends in line 1"}},
    {"ppk \"a b\" { ppk-file = x }",
     {"t.conf:1: word \"a b\": expected 1 to 128 characters without blanks"}},
    {"ppk \"a\" {\n}",
     {"t.conf:2: word \"}\": expected \"ppk-file = ...\" before the end of ppk \"a\""}},
    {"secret \"a\" {\n}",
     {"t.conf:2: word \"}\": expected \"psk-file = ...\" before the end of secret \"a\""}},
    {"secret \"a\" { psk-file = \"\" }",
     {"t.conf:1: word \"\": expected for psk-file a file name"}},
};

static void check_one(const struct mistake *m)
{
	struct config c;
	struct errors e;
	size_t n = 0;

	config_init(&c);
	errors_init(&e, "t.conf");
	enum err r = config_parse(&c, bytes_of(m->text, strlen(m->text)), &e);
	while (n < 4 && m->lines[n] != NULL)
		n++;
	for (size_t i = 0; i < e.n || i < n; i++) {
		const char *got = i < e.n ? e.line[i] : "(none)";
		const char *want = i < n ? m->lines[i] : "(none)";
		if (strcmp(got, want) != 0)
			print_error("for: %s\n", m->text);
		assert_string_equal(got, want);
	}
	assert_int_equal(r, n > 0 ? ERR_SYNTAX : ERR_NONE);
	errors_clear(&e);
	config_clear(&c);
}

static void every_mistake_has_its_line(void **state)
{
	(void)state;
	size_t held = mem_blocks_held();

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		check_one(&mistakes[i]);
	assert_int_equal(mem_blocks_held(), held);
}

static void values_arrive_with_their_lines(void **state)
{
	(void)state;
	static const char text[] = "daemon { listen = { 10.0.0.1, 2001:db8::1 } mtu = 1400 }\n"
				   "# comment\n"
				   "connection office {\n"
				   "  /* two\n"
				   "     lines */ local = 10.99.0.1 // first\n"
				   "  remote=10.99.0.2\n"
				   "  local-id = \"gw a\"\n"
				   "  auth = psk\n"
				   "  child net { local-ts = { 10.1.0.0/24,\n"
				   "      2001:db8:1::/48[tcp/443] }\n"
				   "    remote-ts = 10.2.0.0/24 remote-ts += 10.3.0.0/24 }\n"
				   "}\n"
				   "secret \"gw a\"  \"gw-b\" { psk-file = office.psk }\n";
	struct config c;
	struct errors e;
	struct daemon_config d;

	config_init(&c);
	errors_init(&e, "t.conf");
	assert_int_equal(config_parse(&c, BYTES_LITERAL(text), &e), ERR_NONE);
	assert_int_equal(c.n_connections, 1);
	assert_int_equal(c.n_children, 1);
	config_daemon(&c, &d);
	assert_int_equal(d.n_listen, 2);
	assert_int_equal(d.mtu, 1400);
	assert_int_equal(d.ike_port, 500);
	const struct config_section *s = c.sections->next;
	assert_string_equal(s->title, "office");
	assert_int_equal(config_get(s, "local")->line, 5);
	assert_int_equal(config_get(s, "auth")->line, 8);
	assert_string_equal(config_text(s, "local-id"), "gw a");
	assert_string_equal(config_text(s, "remote-id"), "any");
	assert_null(config_text(s, "cert"));
	const struct config_value *v = config_get(s->children, "local-ts");
	assert_int_equal(v->line, 9);
	v = config_get_next(v);
	assert_int_equal(v->line, 10);
	assert_string_equal(v->text, "2001:db8:1::/48[tcp/443]");
	assert_null(config_get_next(v));
	v = config_get_next(config_get(s->children, "remote-ts"));
	assert_string_equal(v->text, "10.3.0.0/24");
	s = s->next;
	assert_string_equal(s->title, "gw a");
	assert_string_equal(s->title2, "gw-b");
	errors_clear(&e);
	config_clear(&c);
}

static void errors_are_counted_but_not_all_kept(void **state)
{
	(void)state;
	char text[4096] = "daemon {\n";
	struct config c;
	struct errors e;

	for (int i = 0; i < 100; i++)
		strcat(text, "listen += x\n");
	strcat(text, "}\n");
	config_init(&c);
	errors_init(&e, "t.conf");
	assert_int_equal(config_parse(&c, bytes_of(text, strlen(text)), &e), ERR_SYNTAX);
	assert_int_equal(e.n, ERRORS_MAX);
	assert_int_equal(e.more, 100 - ERRORS_MAX);
	errors_clear(&e);
	config_clear(&c);
}

static void a_cut_anywhere_is_survived(void **state)
{
	(void)state;
	static const char text[] =
	    "connection a {\n" MINIMAL "}\nsecret \"a\" \"b\" { psk-file = x } # c\n/* d */";
	size_t held = mem_blocks_held();

	for (size_t n = 0; n < sizeof(text); n++) {
		struct config c;
		struct errors e;
		config_init(&c);
		errors_init(&e, "t.conf");
		(void)config_parse(&c, bytes_of(text, n), &e);
		errors_clear(&e);
		config_clear(&c);
	}
	assert_int_equal(mem_blocks_held(), held);
}

/* libconfuse takes it for the file's end, and prints a backslash before it to standard output. */
static void a_zero_octet_is_refused_in_quotes_too(void **state)
{
	(void)state;
	static const char text[] = "daemon {\n user = \"a\\\0\"\n}\n";
	struct config c;
	struct errors e;

	config_init(&c);
	errors_init(&e, "t.conf");
	assert_int_equal(config_parse(&c, BYTES_LITERAL(text), &e), ERR_SYNTAX);
	assert_int_equal(e.n, 1);
	assert_string_equal(
	    e.line[0], "t.conf:2: word \"?\": expected text; this is a control character (0x00)");
	errors_clear(&e);
	config_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_mistake_has_its_line),
	    cmocka_unit_test(values_arrive_with_their_lines),
	    cmocka_unit_test(errors_are_counted_but_not_all_kept),
	    cmocka_unit_test(a_zero_octet_is_refused_in_quotes_too),
	    cmocka_unit_test(a_cut_anywhere_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
