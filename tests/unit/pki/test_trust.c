/* Chains: what is believed, and for each thing that is not, the sentence that says so (RFC 5280 6,
 * RFC 4945 5.1, RFC 7296 3.6 and 3.7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "maker.h"
#include "pki/trust.h"

#define CA      "critical,CA:TRUE"
#define LEAF    "CA:FALSE"
#define GW_NAME "DNS:gw-b.example,email:admin@b.example,IP:10.99.0.2,IP:2001:db8::2"

static struct made root;  /* CN=Root CA, O=Example: configured */
static struct made inter; /* CN=Issuing CA, by root */
static struct made other; /* CN=Other CA: configured nowhere */
static struct trust *trust;

static struct made ca(const char *subject, const struct made *issuer)
{
	return make_certificate(&(struct wish){
	    .subject = subject, .issuer = issuer, .constraints = CA, .key_usage = "keyCertSign"});
}

static int setup(void **state)
{
	const char *reason;

	(void)state;
	root = ca("CN=Root CA, O=Example", NULL);
	inter = ca("CN=Issuing CA, O=Example", &root);
	other = ca("CN=Other CA, O=Elsewhere", NULL);
	trust = trust_new();
	return trust == NULL || trust_add_ca(trust, root.cert, &reason) != ERR_NONE;
}

static int teardown(void **state)
{
	(void)state;
	trust_free(trust);
	unmake(&root);
	unmake(&inter);
	unmake(&other);
	return mem_blocks_held() != 0;
}

/* The verdict on the certificates (ended by NULL), for an ID or none, with the reason in buf. */
static char reason_text[TRUST_REASON_MAX];

static enum err judge_with(const struct trust_policy *policy, const char *id_text,
			   const struct made *const *chain, int64_t now)
{
	const struct certificate *certs[CERTIFICATES_MAX + 2] = {NULL};
	struct identity *id = NULL;
	const char *reason;
	size_t n = 0;
	enum err e;

	for (; chain[n] != NULL; n++)
		certs[n] = chain[n]->cert;
	if (id_text != NULL)
		assert_int_equal(identity_parse(&id, id_text, &reason), ERR_NONE);
	e = trust_check_chain(trust, policy, certs, n, id, now, reason_text, sizeof(reason_text));
	identity_free(id);
	return e;
}

static enum err judge(const char *id, const struct made *leaf, const struct made *second)
{
	const struct made *chain[] = {leaf, second, NULL};

	return judge_with(&(struct trust_policy){0}, id, chain, MAKER_NOW);
}

/* Refused, and the sentence has these words. */
#define assert_refused(verdict, words)                                                             \
	do {                                                                                       \
		assert_int_equal(verdict, ERR_AUTH);                                               \
		if (strstr(reason_text, words) == NULL)                                            \
			fail_msg("\"%s\" lacks \"%s\"", reason_text, words);                       \
	} while (0)

static struct made gateway(const struct wish *more)
{
	struct wish w = *more;

	if (w.subject == NULL)
		w.subject = "CN=gw-b.example, O=Example";
	if (w.issuer == NULL)
		w.issuer = &inter;
	if (w.san == NULL)
		w.san = GW_NAME;
	if (w.constraints == NULL)
		w.constraints = LEAF;
	return make_certificate(&w);
}

static void a_good_chain_is_believed(void **state)
{
	static const char *const curves[] = {NULL, "P-384", "P-521", "rsa2048", "ed25519"};
	static const char *const ids[] = {
	    "gw-b.example", "GW-B.Example", "admin@b.example",           "admin@B.EXAMPLE",
	    "10.99.0.2",    "2001:db8::2",  "CN=gw-b.example, O=Example"};

	(void)state;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		struct made gw = gateway(&(struct wish){.curve = curves[i]});

		assert_int_equal(judge(NULL, &gw, &inter), ERR_NONE);
		for (size_t k = 0; k < sizeof(ids) / sizeof(ids[0]); k++)
			assert_int_equal(judge(ids[k], &gw, &inter), ERR_NONE);
		unmake(&gw);
	}
}

static void a_wrong_name_is_refused(void **state)
{
	struct made gw = gateway(&(struct wish){0});
	struct made bare = make_certificate(
	    &(struct wish){.subject = "CN=gw-b.example", .issuer = &root, .constraints = LEAF});
	struct made wild = gateway(&(struct wish){.san = "DNS:*.example"});

	(void)state;
	assert_refused(judge("gw-a.example", &gw, &inter),
		       "name does not match: ID is gw-a.example, certificate has gw-b.example, "
		       "admin@b.example, 10.99.0.2, 2001:db8::2");
	assert_refused(judge("10.99.0.3", &gw, &inter), "ID is 10.99.0.3");
	assert_refused(judge("Admin@b.example", &gw, &inter), "name does not match");
	assert_refused(judge("O=Example, CN=gw-b.example", &gw, &inter), "name does not match");
	/* RFC 4945 3.1: no look at the CN, no wildcard, no KEY_ID. */
	assert_refused(judge("gw-b.example", &bare, NULL), "no subjectAltName");
	assert_refused(judge("gw-b.example", &wild, &inter), "certificate has *.example");
	assert_refused(judge("keyid:gw-b.example", &gw, &inter), "ID is keyid:gw-b.example");
	unmake(&gw);
	unmake(&bare);
	unmake(&wild);
}

/* RFC 4945 3.1.5: octet by octet; case makes another name here. */
static void a_dn_id_is_the_subject_in_octets(void **state)
{
	struct made gw = gateway(&(struct wish){0});

	(void)state;
	assert_int_equal(judge("CN=gw-b.example, O=Example", &gw, &inter), ERR_NONE);
	assert_refused(judge("CN=GW-B.example, O=Example", &gw, &inter), "name does not match");
	assert_refused(judge("CN=gw-b.example", &gw, &inter), "name does not match");
	unmake(&gw);
}

static void time_is_what_the_caller_says(void **state)
{
	struct made gw = gateway(&(struct wish){.from = MAKER_NOW - 86400, .until = MAKER_NOW - 1});
	struct made soon = gateway(&(struct wish){.from = MAKER_NOW + 86400});
	struct made old = make_certificate(&(struct wish){.subject = "CN=Old CA",
							  .issuer = &root,
							  .constraints = CA,
							  .until = MAKER_NOW - 4 * 86400});
	struct made below = gateway(&(struct wish){.issuer = &old});
	const struct made *chain[] = {&gw, &inter, NULL};

	(void)state;
	assert_refused(judge(NULL, &gw, &inter),
		       "certificate of CN=gw-b.example, O=Example expired 2026-11-24");
	assert_int_equal(judge_with(&(struct trust_policy){0}, NULL, chain, MAKER_NOW - 3600),
			 ERR_NONE);
	assert_refused(judge_with(&(struct trust_policy){0}, NULL, chain, MAKER_NOW - 90000),
		       "is not valid before 2026-11-23");
	assert_refused(judge(NULL, &soon, &inter), "is not valid before 2026-11-25");
	assert_refused(judge(NULL, &below, &old), "certificate of CN=Old CA expired 2026-11-20");
	unmake(&gw);
	unmake(&soon);
	unmake(&old);
	unmake(&below);
}

static void an_unknown_ca_is_refused(void **state)
{
	struct made gw = gateway(&(struct wish){.issuer = &other});
	struct made alone = gateway(&(struct wish){0});
	struct made self = make_certificate(&(struct wish){.subject = "CN=myself", .san = GW_NAME});
	/* The same name as our root, another key. */
	struct made fake = ca("CN=Root CA, O=Example", NULL);
	struct made below = gateway(&(struct wish){.issuer = &fake});

	(void)state;
	assert_refused(judge(NULL, &gw, NULL),
		       "issued by CN=Other CA, O=Elsewhere, which is no configured CA");
	assert_refused(judge(NULL, &gw, &other),
		       "the chain ends at CN=Other CA, O=Elsewhere, which is no configured CA");
	assert_refused(judge(NULL, &alone, NULL), "issued by CN=Issuing CA, O=Example");
	assert_refused(judge(NULL, &self, NULL), "which is no configured CA");
	assert_refused(judge(NULL, &below, NULL), "certificate of CN=gw-b.example");
	assert_refused(judge(NULL, &below, &fake), "certificate of CN=");
	unmake(&gw);
	unmake(&alone);
	unmake(&self);
	unmake(&fake);
	unmake(&below);
}

/* The others come in any order (RFC 7296 3.6), and may hold what is not needed. */
static void order_does_not_matter(void **state)
{
	struct made second = ca("CN=Second CA", &inter);
	struct made gw = gateway(&(struct wish){.issuer = &second});
	const struct made *chain[] = {&gw, &root, &other, &inter, &second, NULL};

	(void)state;
	assert_int_equal(judge_with(&(struct trust_policy){0}, "gw-b.example", chain, MAKER_NOW),
			 ERR_NONE);
	unmake(&gw);
	unmake(&second);
}

/* RFC 4945 5.1.3.2: absent, or digitalSignature or nonRepudiation. */
static void key_usage_must_allow_signing(void **state)
{
	static const char *const good[] = {"digitalSignature", "critical,nonRepudiation",
					   "keyEncipherment,digitalSignature"};
	struct made gw;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		gw = gateway(&(struct wish){.key_usage = good[i]});
		assert_int_equal(judge(NULL, &gw, &inter), ERR_NONE);
		unmake(&gw);
	}
	gw = gateway(&(struct wish){.key_usage = "critical,keyEncipherment"});
	assert_refused(judge(NULL, &gw, &inter),
		       "allows neither digitalSignature nor nonRepudiation");
	unmake(&gw);
}

static enum err judge_eku(const char *eku, enum eku_policy policy)
{
	struct made gw = gateway(&(struct wish){.eku = eku});
	const struct made *chain[] = {&gw, &inter, NULL};
	enum err e = judge_with(&(struct trust_policy){.eku = policy}, NULL, chain, MAKER_NOW);

	unmake(&gw);
	return e;
}

/* RFC 4945 5.1.3.12, and the two ways to ask for less. */
static void eku_must_allow_ike(void **state)
{
	(void)state;
	assert_int_equal(judge_eku("ipsecIKE", EKU_RFC4945), ERR_NONE);
	assert_int_equal(judge_eku("serverAuth,ipsecIKE", EKU_RFC4945), ERR_NONE);
	assert_int_equal(judge_eku("anyExtendedKeyUsage", EKU_RFC4945), ERR_NONE);
	assert_refused(judge_eku("serverAuth", EKU_RFC4945), "does not allow ipsecIKE");
	assert_int_equal(judge_eku("serverAuth", EKU_SERVERAUTH_OK), ERR_NONE);
	assert_int_equal(judge_eku("clientAuth", EKU_SERVERAUTH_OK), ERR_NONE);
	assert_refused(judge_eku("codeSigning", EKU_SERVERAUTH_OK), "does not allow ipsecIKE");
	assert_int_equal(judge_eku("codeSigning", EKU_IGNORE), ERR_NONE);
}

static void who_is_no_ca_issues_nothing(void **state)
{
	struct made leaf = gateway(&(struct wish){.subject = "CN=leaf"});
	struct made below = gateway(&(struct wish){.issuer = &leaf});
	struct made bare = make_certificate(&(struct wish){.subject = "CN=bare", .issuer = &root});
	struct made under = gateway(&(struct wish){.issuer = &bare});
	struct made signer = make_certificate(&(struct wish){
	    .subject = "CN=signer", .issuer = &root, .constraints = CA, .key_usage = "cRLSign"});
	struct made last = gateway(&(struct wish){.issuer = &signer});
	const struct made *chain[] = {&below, &leaf, &inter, NULL};

	(void)state;
	assert_refused(judge_with(&(struct trust_policy){0}, NULL, chain, MAKER_NOW), "CN=leaf");
	assert_refused(judge(NULL, &under, &bare), "CN=bare has issued another, but it is not a");
	assert_refused(judge(NULL, &last, &signer), "CN=");
	unmake(&leaf);
	unmake(&below);
	unmake(&bare);
	unmake(&under);
	unmake(&signer);
	unmake(&last);
}

static void a_path_length_is_kept(void **state)
{
	struct made a = make_certificate(&(struct wish){
	    .subject = "CN=A", .issuer = &root, .constraints = "critical,CA:TRUE,pathlen:0"});
	struct made b = ca("CN=B", &a);
	struct made direct = gateway(&(struct wish){.issuer = &a});
	struct made under = gateway(&(struct wish){.issuer = &b});
	const struct made *chain[] = {&under, &b, &a, NULL};

	(void)state;
	assert_int_equal(judge(NULL, &direct, &a), ERR_NONE);
	assert_refused(judge_with(&(struct trust_policy){0}, NULL, chain, MAKER_NOW),
		       "longer than its pathLenConstraint");
	unmake(&a);
	unmake(&b);
	unmake(&direct);
	unmake(&under);
}

static enum err judge_constrained(const char *constraints, const struct wish *leaf)
{
	struct made limited = make_certificate(&(struct wish){.subject = "CN=Limited",
							      .issuer = &root,
							      .constraints = CA,
							      .name_constraints = constraints});
	struct wish w = *leaf;
	struct made gw;
	enum err e;

	w.issuer = &limited;
	gw = gateway(&w);
	e = judge(NULL, &gw, &limited);
	unmake(&gw);
	unmake(&limited);
	return e;
}

/* RFC 5280 4.2.1.10; the excluded directoryName and the empty Subject were bypasses elsewhere. */
static void name_constraints_are_kept(void **state)
{
	const struct wish plain = {.san = "DNS:gw.b.example"};
	const struct wish evil = {.subject = "O=Evil, CN=x", .san = "DNS:gw.b.example"};
	const struct wish empty = {.subject = "", .san = "critical,DNS:gw.c.example"};
	const struct wish address = {.san = "IP:10.2.0.1"};

	(void)state;
	assert_int_equal(judge_constrained("critical,permitted;DNS:b.example", &plain), ERR_NONE);
	assert_refused(judge_constrained("critical,permitted;DNS:c.example", &plain),
		       "outside the name constraints");
	assert_refused(judge_constrained("critical,excluded;DNS:b.example", &plain),
		       "outside the name constraints");
	assert_refused(judge_constrained("critical,excluded;dirName:dirname", &evil),
		       "outside the name constraints");
	assert_int_equal(judge_constrained("critical,excluded;dirName:dirname", &plain), ERR_NONE);
	assert_refused(judge_constrained("critical,permitted;dirName:dirname", &plain),
		       "outside the name constraints");
	assert_refused(judge_constrained("critical,permitted;DNS:b.example", &empty),
		       "outside the name constraints");
	assert_refused(judge_constrained("critical,excluded;IP:10.2.0.0/255.255.0.0", &address),
		       "outside the name constraints");
}

static void weak_algorithms_are_refused(void **state)
{
	struct made rsa = gateway(&(struct wish){.curve = "rsa1024"});
	struct made sha1 = gateway(&(struct wish){.hash = "SHA1"});
	struct made weak_ca = make_certificate(&(struct wish){
	    .subject = "CN=Weak CA", .issuer = &root, .constraints = CA, .curve = "rsa1024"});
	struct made below = gateway(&(struct wish){.issuer = &weak_ca});
	struct made old_ca = make_certificate(&(struct wish){
	    .subject = "CN=SHA-1 CA", .issuer = &root, .constraints = CA, .hash = "SHA1"});
	struct made under = gateway(&(struct wish){.issuer = &old_ca});
	struct made strong = gateway(&(struct wish){.curve = "rsa2048"});
	const struct made *chain[] = {&strong, &inter, NULL};

	(void)state;
	assert_refused(judge(NULL, &rsa, &inter), "has a key that is too short");
	assert_refused(judge(NULL, &sha1, &inter), "is signed with SHA-1");
	assert_refused(judge(NULL, &below, &weak_ca), "CN=Weak CA has a key that is too short");
	assert_refused(judge(NULL, &under, &old_ca), "CN=SHA-1 CA is signed with SHA-1");
	assert_int_equal(judge_with(&(struct trust_policy){0}, NULL, chain, MAKER_NOW), ERR_NONE);
	assert_refused(
	    judge_with(&(struct trust_policy){.rsa_bits_min = 3072}, NULL, chain, MAKER_NOW),
	    "has a key that is too short");
	unmake(&rsa);
	unmake(&sha1);
	unmake(&weak_ca);
	unmake(&below);
	unmake(&old_ca);
	unmake(&under);
	unmake(&strong);
}

static void an_unknown_critical_extension_is_refused(void **state)
{
	struct made gw = gateway(&(struct wish){.critical_unknown = "1.3.6.1.4.1.32473.1"});

	(void)state;
	assert_refused(judge(NULL, &gw, &inter), "certificate of CN=gw-b.example, O=Example: ");
	unmake(&gw);
}

static void a_changed_octet_is_noticed(void **state)
{
	struct made gw = gateway(&(struct wish){0});
	struct bytes der = certificate_der(gw.cert);
	uint8_t *copy = mem_copy(der);
	struct made changed = {0};
	const char *reason;

	(void)state;
	copy[der.n - 1] ^= 1; /* the signature's last octet */
	assert_int_equal(certificate_parse(&changed.cert, bytes_of(copy, der.n), &reason),
			 ERR_NONE);
	assert_refused(judge(NULL, &changed, &inter), "certificate of CN=gw-b.example");
	certificate_free(changed.cert);
	mem_free(copy);
	unmake(&gw);
}

static void limits_come_before_cryptography(void **state)
{
	static const char *const names[] = {"CN=1", "CN=2", "CN=3", "CN=4", "CN=5", "CN=6"};
	struct made cas[6];
	struct made gw;
	const struct made *many[CERTIFICATES_MAX + 2];
	const struct made *none[] = {NULL};
	const struct made *chain[CERTIFICATES_MAX + 1] = {NULL};
	size_t n = 0;

	(void)state;
	assert_refused(judge_with(&(struct trust_policy){0}, NULL, none, MAKER_NOW),
		       "sent no certificate");
	for (size_t i = 0; i <= CERTIFICATES_MAX; i++)
		many[i] = &inter;
	many[CERTIFICATES_MAX + 1] = NULL;
	assert_int_equal(judge_with(&(struct trust_policy){0}, NULL, many, MAKER_NOW), ERR_LIMIT);
	for (size_t i = 0; i < 6; i++)
		cas[i] = ca(names[i], i == 0 ? &root : &cas[i - 1]);
	/* gateway, 4 CAs, root: six; one more is too many. */
	for (size_t deep = 4; deep <= 5; deep++) {
		gw = gateway(&(struct wish){.issuer = &cas[deep - 1]});
		n = 0;
		chain[n++] = &gw;
		for (size_t i = deep; i > 0; i--)
			chain[n++] = &cas[i - 1];
		chain[n] = NULL;
		if (deep == 4)
			assert_int_equal(
			    judge_with(&(struct trust_policy){0}, NULL, chain, MAKER_NOW),
			    ERR_NONE);
		else
			assert_refused(
			    judge_with(&(struct trust_policy){0}, NULL, chain, MAKER_NOW),
			    "more than 6 certificates");
		unmake(&gw);
	}
	for (size_t i = 0; i < 6; i++)
		unmake(&cas[i]);
}

/* A configured CA is an anchor whether it is a root or not. */
static void an_intermediate_may_be_the_anchor(void **state)
{
	struct trust *all = trust;
	struct made gw = gateway(&(struct wish){0});
	const char *reason;

	(void)state;
	trust = trust_new();
	assert_int_equal(trust_add_ca(trust, inter.cert, &reason), ERR_NONE);
	assert_int_equal(trust_add_ca(trust, inter.cert, &reason), ERR_EXISTS);
	assert_int_equal(trust_add_ca(trust, gw.cert, &reason), ERR_UNSUPPORTED);
	assert_int_equal(trust_ca_count(trust), 1);
	assert_int_equal(judge("gw-b.example", &gw, NULL), ERR_NONE);
	trust_free(trust);
	trust = all;
	unmake(&gw);
}

static void raw_keys_must_be_configured(void **state)
{
	struct made a = gateway(&(struct wish){0});
	struct made b = gateway(&(struct wish){.curve = "ed25519"});
	struct made weak = gateway(&(struct wish){.curve = "rsa1024"});
	const struct public_key *keys[2] = {certificate_key(a.cert), certificate_key(weak.cert)};
	const struct trust_policy policy = {0};
	char *r = reason_text;

	(void)state;
	assert_int_equal(trust_check_key(&policy, certificate_key(a.cert), keys, 2, r, 768),
			 ERR_NONE);
	assert_refused(trust_check_key(&policy, certificate_key(b.cert), keys, 2, r, 768),
		       "the peer's Ed25519 key is not one that is configured for it");
	assert_refused(trust_check_key(&policy, certificate_key(weak.cert), keys, 2, r, 768),
		       "RSA key is too short");
	assert_refused(trust_check_key(&policy, certificate_key(a.cert), NULL, 0, r, 768),
		       "is not one that is configured");
	unmake(&a);
	unmake(&b);
	unmake(&weak);
}

/* RFC 7296 3.7: SHA-1 of the whole SubjectPublicKeyInfo of each CA. */
static void certreq_names_our_cas(void **state)
{
	uint8_t buf[64], want[20];
	struct writer w = writer_of(buf, sizeof(buf));
	unsigned char *spki = NULL;
	int n = i2d_PUBKEY(root.key, &spki);

	(void)state;
	trust_write_certreq(trust, &w);
	assert_true(writer_ok(&w));
	assert_int_equal(w.n, 20);
	assert_int_equal(EVP_Q_digest(NULL, "SHA1", NULL, spki, (size_t)n, want, NULL), 1);
	assert_memory_equal(buf, want, 20);
	OPENSSL_free(spki);
	w = writer_of(buf, 19);
	trust_write_certreq(trust, &w);
	assert_false(writer_ok(&w));
}

static void a_chain_answers_to_its_cas(void **state)
{
	struct made by_inter = gateway(&(struct wish){0});
	const struct certificate *certs[] = {by_inter.cert, inter.cert};
	const struct own_chain chain = {certs, 2};
	uint8_t got[8 * 20];

	(void)state;
	assert_int_equal(certreq_answers(NULL, &chain, got, 8), 2);
	assert_memory_equal(got, certificate_spki_hash(by_inter.cert), 20);
	assert_memory_equal(got + 20, certificate_spki_hash(inter.cert), 20);
	/* The root is not in the chain, but it is a configured CA above it. */
	assert_int_equal(certreq_answers(trust, &chain, got, 8), 3);
	assert_memory_equal(got + 40, certificate_spki_hash(root.cert), 20);
	assert_int_equal(certreq_answers(trust, &chain, got, 1), 1);
	unmake(&by_inter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_chain_is_believed),
	    cmocka_unit_test(a_wrong_name_is_refused),
	    cmocka_unit_test(a_dn_id_is_the_subject_in_octets),
	    cmocka_unit_test(time_is_what_the_caller_says),
	    cmocka_unit_test(an_unknown_ca_is_refused),
	    cmocka_unit_test(order_does_not_matter),
	    cmocka_unit_test(key_usage_must_allow_signing),
	    cmocka_unit_test(eku_must_allow_ike),
	    cmocka_unit_test(who_is_no_ca_issues_nothing),
	    cmocka_unit_test(a_path_length_is_kept),
	    cmocka_unit_test(name_constraints_are_kept),
	    cmocka_unit_test(weak_algorithms_are_refused),
	    cmocka_unit_test(an_unknown_critical_extension_is_refused),
	    cmocka_unit_test(a_changed_octet_is_noticed),
	    cmocka_unit_test(limits_come_before_cryptography),
	    cmocka_unit_test(an_intermediate_may_be_the_anchor),
	    cmocka_unit_test(raw_keys_must_be_configured),
	    cmocka_unit_test(certreq_names_our_cas),
	    cmocka_unit_test(a_chain_answers_to_its_cas),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
