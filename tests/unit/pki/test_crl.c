/* Revocation lists: what is read, what is refused, and what a chain's check makes of them (RFC 5280
 * 5 and 6.3) under each policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "maker.h"
#include "pki/crl.h"
#include "pki/trust.h"

#define DAY 86400

static struct made root, inter, leaf; /* leaf by inter by root */
static struct made other;             /* of root's name, with another key */
static const char *reason;
static char why[TRUST_REASON_MAX];

static int setup(void **state)
{
	struct wish wish = {.subject = "CN=Root CA", .constraints = "critical,CA:TRUE"};

	(void)state;
	root = make_certificate(&wish);
	other = make_certificate(&wish);
	wish.subject = "CN=Issuing CA";
	wish.issuer = &root;
	wish.key_usage = "keyCertSign,cRLSign";
	inter = make_certificate(&wish);
	leaf = make_certificate(&(struct wish){
	    .subject = "CN=gw", .issuer = &inter, .constraints = "CA:FALSE", .san = "DNS:gw"});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unmake(&root);
	unmake(&inter);
	unmake(&leaf);
	unmake(&other);
	return mem_blocks_held() != 0;
}

/* What a list is to say. */
struct list {
	const struct made *by;
	const struct made *revokes; /* NULL: nobody */
	int64_t from, until;        /* 0: a day before and after MAKER_NOW */
	const EVP_MD *hash;         /* NULL: SHA-256 */
	const char *extension;      /* a name of the library's, and its value; NULL: none */
	const char *value;
	bool no_end; /* without nextUpdate */
	bool pem;
};

static BIO *make_list(const struct list *l)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, l->from != 0 ? l->from : MAKER_NOW - DAY);
	ASN1_TIME *until = ASN1_TIME_set(NULL, l->until != 0 ? l->until : MAKER_NOW + DAY);
	BIO *out = BIO_new(BIO_s_mem());

	assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(l->by->x509));
	X509_CRL_set1_lastUpdate(crl, from);
	if (!l->no_end)
		X509_CRL_set1_nextUpdate(crl, until);
	if (l->revokes != NULL) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(l->revokes->x509));
		X509_REVOKED_set_revocationDate(entry, from);
		X509_CRL_add0_revoked(crl, entry);
	}
	if (l->extension != NULL) {
		X509V3_CTX ctx;
		X509_EXTENSION *e;

		X509V3_set_ctx(&ctx, l->by->x509, NULL, NULL, crl, 0);
		e = X509V3_EXT_conf(NULL, &ctx, l->extension, l->value);
		assert_non_null(e);
		X509_CRL_add_ext(crl, e, -1);
		X509_EXTENSION_free(e);
	}
	if (l->hash == NULL && !EVP_PKEY_is_a(l->by->key, "EC"))
		assert_true(X509_CRL_sign(crl, l->by->key, NULL) > 0);
	else
		assert_true(
		    X509_CRL_sign(crl, l->by->key, l->hash != NULL ? l->hash : EVP_sha256()) > 0);
	if (l->pem)
		PEM_write_bio_X509_CRL(out, crl);
	else
		i2d_X509_CRL_bio(out, crl);
	X509_CRL_free(crl);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return out;
}

static struct bytes octets(BIO *b)
{
	char *p;
	long n = BIO_get_mem_data(b, &p);

	return bytes_of(p, (size_t)n);
}

static enum err try_parse(const struct list *l, struct crl **out)
{
	BIO *b = make_list(l);
	enum err e = crl_parse(out, octets(b), &reason);

	BIO_free(b);
	return e;
}

static struct crl *parsed(const struct list *l)
{
	struct crl *c;

	assert_int_equal(try_parse(l, &c), ERR_NONE);
	return c;
}

static void test_what_is_read(void **state)
{
	struct crl *c = parsed(&(struct list){.by = &root, .revokes = &inter});

	(void)state;
	assert_string_equal(crl_issuer(c), "CN=Root CA");
	assert_int_equal(crl_this_update(c), MAKER_NOW - DAY);
	assert_int_equal(crl_next_update(c), MAKER_NOW + DAY);
	assert_int_equal(crl_count(c), 1);
	assert_true(crl_is_of(c, root.cert));
	assert_true(crl_is_of(c, other.cert));
	assert_false(crl_is_of(c, inter.cert));
	assert_true(crl_is_signed_by(c, root.cert));
	assert_false(crl_is_signed_by(c, other.cert));
	crl_free(c);
	c = parsed(&(struct list){.by = &root});
	assert_int_equal(crl_count(c), 0);
	crl_free(c);
}

static void test_what_is_not_read(void **state)
{
	static const struct {
		struct list list;
		enum err e;
		const char *words;
	} bad[] = {
	    {{.by = &root, .no_end = true}, ERR_SYNTAX, "nextUpdate"},
	    {{.by = &root, .extension = "2.5.29.27", .value = "critical,DER:020101"},
	     ERR_UNSUPPORTED,
	     "changes"},
	    {{.by = &root, .extension = "issuingDistributionPoint", .value = "indirectCRL:TRUE"},
	     ERR_UNSUPPORTED,
	     "other issuers"},
	};
	struct crl *c;
	BIO *b;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (try_parse(&bad[i].list, &c) != bad[i].e)
			fail_msg("list %zu", i);
		assert_null(c);
		assert_non_null(strstr(reason, bad[i].words));
	}
	assert_int_equal(try_parse(&(struct list){.by = &root, .hash = EVP_sha1()}, &c),
			 ERR_UNSUPPORTED);
	assert_non_null(strstr(reason, "SHA-1"));
	/* Every length that is not the whole, and one more octet. */
	b = make_list(&(struct list){.by = &root, .revokes = &leaf});
	for (size_t n = 0; n < octets(b).n; n++)
		assert_int_not_equal(crl_parse(&c, bytes_of(octets(b).p, n), &reason), ERR_NONE);
	BIO_write(b, "x", 1);
	assert_int_equal(crl_parse(&c, octets(b), &reason), ERR_SYNTAX);
	BIO_free(b);
	assert_int_equal(crl_parse(&c, bytes_of("x", (size_t)CRL_MAX + 1), &reason), ERR_RANGE);
}

static void test_files(void **state)
{
	BIO *one = make_list(&(struct list){.by = &root, .pem = true});
	BIO *two = make_list(&(struct list){.by = &inter, .pem = true});
	BIO *der = make_list(&(struct list){.by = &root});
	BIO *file = BIO_new(BIO_s_mem());
	struct crl *c[2];
	size_t n;

	(void)state;
	PEM_write_bio_X509(file, root.x509); /* passed over */
	BIO_write(file, octets(one).p, (int)octets(one).n);
	BIO_puts(file, "a comment\n");
	BIO_write(file, octets(two).p, (int)octets(two).n);
	assert_int_equal(crls_parse(c, 2, &n, octets(file), &reason), ERR_NONE);
	assert_int_equal(n, 2);
	assert_string_equal(crl_issuer(c[1]), "CN=Issuing CA");
	crl_free(c[0]);
	crl_free(c[1]);
	assert_int_equal(crls_parse(c, 1, &n, octets(file), &reason), ERR_LIMIT);
	assert_int_equal(n, 0);
	assert_int_equal(crls_parse(c, 2, &n, octets(der), &reason), ERR_NONE);
	assert_int_equal(n, 1);
	crl_free(c[0]);
	assert_int_equal(crls_parse(c, 2, &n, BYTES_LITERAL("nothing"), &reason), ERR_SYNTAX);
	assert_non_null(strstr(reason, "no revocation list"));
	assert_int_equal(crls_parse(c, 2, &n, bytes_of(octets(one).p, octets(one).n - 40), &reason),
			 ERR_SYNTAX);
	assert_non_null(strstr(reason, "damaged"));
	assert_int_equal(crls_parse(c, 2, &n, bytes_of(NULL, 0), &reason), ERR_RANGE);
	BIO_free(one);
	BIO_free(two);
	BIO_free(der);
	BIO_free(file);
}

/* The verdict on leaf and inter: with these lists of ours (ended by NULL), and these of the
 * peer's. */
static enum err judge(enum revocation_policy policy, const struct list *const *ours,
		      const struct list *theirs, int64_t now)
{
	const struct certificate *certs[] = {leaf.cert, inter.cert};
	struct trust_policy p = {.revocation = policy};
	struct crl *received = theirs != NULL ? parsed(theirs) : NULL;
	struct trust *t = trust_new();
	enum err e;

	assert_int_equal(trust_add_ca(t, root.cert, &reason), ERR_NONE);
	for (; ours != NULL && *ours != NULL; ours++)
		assert_int_equal(trust_add_crl(t, parsed(*ours), &reason), ERR_NONE);
	p.received = (const struct crl *const *)&received;
	p.n_received = received != NULL;
	e = trust_check_chain(t, &p, certs, 2, NULL, now, why, sizeof(why));
	trust_free(t);
	crl_free(received);
	return e;
}

#define LISTS(...) ((const struct list *const[]){__VA_ARGS__, NULL})

static const struct list by_root = {.by = &root}, by_inter = {.by = &inter};
static const struct list no_inter = {.by = &root, .revokes = &inter};
static const struct list no_leaf = {.by = &inter, .revokes = &leaf};

static void expect(enum err e, const char *words)
{
	assert_int_equal(e, ERR_AUTH);
	if (strstr(why, words) == NULL)
		fail_msg("the reason is: %s", why);
}

static void test_revoked(void **state)
{
	static const enum revocation_policy both[] = {REVOCATION_RELAXED, REVOCATION_STRICT};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(judge(both[i], LISTS(&by_root, &by_inter), NULL, MAKER_NOW),
				 ERR_NONE);
		expect(judge(both[i], LISTS(&by_root, &no_leaf), NULL, MAKER_NOW),
		       "certificate of CN=gw has been revoked");
		expect(judge(both[i], LISTS(&no_inter, &by_inter), NULL, MAKER_NOW),
		       "certificate of CN=Issuing CA has been revoked");
		/* The peer itself brings the list that takes it back. */
		expect(judge(both[i], LISTS(&by_root), &no_leaf, MAKER_NOW), "revoked");
	}
	assert_int_equal(judge(REVOCATION_NONE, LISTS(&no_inter, &no_leaf), NULL, MAKER_NOW),
			 ERR_NONE);
}

static void test_missing_and_old(void **state)
{
	const struct list old = {.by = &inter, .from = MAKER_NOW - 9 * DAY, .until = MAKER_NOW - 1};
	const struct list old_no_leaf = {
	    .by = &inter, .revokes = &leaf, .from = MAKER_NOW - 9 * DAY, .until = MAKER_NOW - 1};
	const struct list early = {
	    .by = &inter, .from = MAKER_NOW + DAY, .until = MAKER_NOW + 2 * DAY};

	(void)state;
	assert_int_equal(judge(REVOCATION_RELAXED, NULL, NULL, MAKER_NOW), ERR_NONE);
	expect(judge(REVOCATION_STRICT, NULL, NULL, MAKER_NOW), "no revocation list of CN=Issuing");
	expect(judge(REVOCATION_STRICT, LISTS(&by_inter), NULL, MAKER_NOW),
	       "no revocation list of CN=Root CA");
	/* Strict takes what the peer brings. */
	assert_int_equal(judge(REVOCATION_STRICT, LISTS(&by_root), &by_inter, MAKER_NOW), ERR_NONE);
	expect(judge(REVOCATION_STRICT, LISTS(&by_root, &old), NULL, MAKER_NOW), "out of date");
	assert_int_equal(judge(REVOCATION_RELAXED, LISTS(&by_root, &old), NULL, MAKER_NOW),
			 ERR_NONE);
	assert_int_equal(judge(REVOCATION_RELAXED, LISTS(&early), NULL, MAKER_NOW), ERR_NONE);
	assert_int_equal(judge(REVOCATION_STRICT, LISTS(&by_root, &early), NULL, MAKER_NOW),
			 ERR_AUTH);
	/* An old list still revokes. */
	expect(judge(REVOCATION_RELAXED, LISTS(&old_no_leaf), NULL, MAKER_NOW), "revoked");
}

/* A peer that was revoked yesterday sends the list of the day before, which is still in its time:
 * ours is newer, and theirs counts for nothing. Of two of ours the newer one counts. */
static void test_older_list_hides_nothing(void **state)
{
	const struct list before = {
	    .by = &inter, .from = MAKER_NOW - 3 * DAY, .until = MAKER_NOW + 90 * DAY};
	const struct list gone = {
	    .by = &inter, .revokes = &leaf, .from = MAKER_NOW - 2 * DAY, .until = MAKER_NOW - DAY};
	const struct list newer = {
	    .by = &inter, .revokes = &leaf, .from = MAKER_NOW - DAY / 2, .until = MAKER_NOW + DAY};

	(void)state;
	expect(judge(REVOCATION_RELAXED, LISTS(&no_leaf), &before, MAKER_NOW), "revoked");
	expect(judge(REVOCATION_STRICT, LISTS(&by_root, &no_leaf), &before, MAKER_NOW), "revoked");
	/* Even when ours has gone out of its time since. */
	expect(judge(REVOCATION_RELAXED, LISTS(&gone), &before, MAKER_NOW), "revoked");
	expect(judge(REVOCATION_STRICT, LISTS(&by_root, &gone), &before, MAKER_NOW), "revoked");
	expect(judge(REVOCATION_RELAXED, LISTS(&by_inter, &newer), NULL, MAKER_NOW), "revoked");
	/* A newer list of the peer's is news to us. */
	expect(judge(REVOCATION_RELAXED, LISTS(&by_inter), &newer, MAKER_NOW), "revoked");
}

static void test_who_signs(void **state)
{
	const struct list forged = {.by = &other};
	struct made no_sign;
	struct list by_no_sign = {.by = &no_sign};
	struct trust *t = trust_new();

	(void)state;
	assert_int_equal(trust_add_ca(t, root.cert, &reason), ERR_NONE);
	assert_int_equal(trust_add_crl(t, parsed(&forged), &reason), ERR_AUTH);
	assert_non_null(strstr(reason, "has not signed it"));
	assert_int_equal(trust_crl_count(t), 0);
	for (size_t i = 0; i < CRLS_MAX; i++)
		assert_int_equal(trust_add_crl(t, parsed(&by_root), &reason), ERR_NONE);
	assert_int_equal(trust_add_crl(t, parsed(&by_root), &reason), ERR_LIMIT);
	assert_int_equal(trust_crl_count(t), CRLS_MAX);
	assert_string_equal(crl_issuer(trust_crl(t, 0)), "CN=Root CA");
	trust_free(t);
	/* The peer's is judged by the chain: one that is forged fails this handshake. */
	expect(judge(REVOCATION_RELAXED, NULL, &forged, MAKER_NOW), "signature on the revocation");
	/* Who may issue certificates may not therefore sign lists (RFC 5280 6.3.3 f). */
	no_sign = make_certificate(&(struct wish){.subject = "CN=Issuing CA",
						  .issuer = &root,
						  .constraints = "critical,CA:TRUE",
						  .key_usage = "keyCertSign"});
	by_no_sign.by = &no_sign;
	struct made saved = inter, below;
	below = make_certificate(&(struct wish){.subject = "CN=gw", .issuer = &no_sign});
	inter = no_sign;
	struct made saved_leaf = leaf;
	leaf = below;
	expect(judge(REVOCATION_RELAXED, LISTS(&by_no_sign), NULL, MAKER_NOW), "cRLSign");
	inter = saved;
	leaf = saved_leaf;
	unmake(&below);
	unmake(&no_sign);
}

/* By a CA with a composite key: each half of the signature counts. */
static void test_composite(void **state)
{
	struct made pq = make_certificate(&(struct wish){.subject = "CN=Composite CA",
							 .constraints = "critical,CA:TRUE",
							 .curve = "MLDSA65-ECDSA-P256-SHA512"});
	struct made gone = make_certificate(&(struct wish){.subject = "CN=gw", .issuer = &pq});
	BIO *text = make_list(&(struct list){.by = &pq, .revokes = &gone});
	char *der;
	size_t n = (size_t)BIO_get_mem_data(text, &der);
	static const size_t from_end[] = {0, 1, 100, 3300};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint8_t *copy = mem_copy(bytes_of(der, n));
		struct crl *c;

		if (from_end[i] != 0)
			copy[n - from_end[i]] ^= 1;
		assert_int_equal(crl_parse(&c, bytes_of(copy, n), &reason), ERR_NONE);
		assert_true(crl_is_signed_by(c, pq.cert) == (i == 0));
		assert_false(crl_is_signed_by(c, root.cert));
		crl_free(c);
		mem_free(copy);
	}
	BIO_free(text);
	unmake(&gone);
	unmake(&pq);
}

/* What the list says that nobody here knows, and is critical: RFC 5280 5.2 forbids to use it. */
static void test_critical_extension(void **state)
{
	const struct list odd = {
	    .by = &inter, .extension = "1.2.3.4", .value = "critical,DER:0500"};

	(void)state;
	expect(judge(REVOCATION_RELAXED, LISTS(&by_root, &odd), NULL, MAKER_NOW), "critical");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_read),    cmocka_unit_test(test_what_is_not_read),
	    cmocka_unit_test(test_files),           cmocka_unit_test(test_revoked),
	    cmocka_unit_test(test_missing_and_old), cmocka_unit_test(test_older_list_hides_nothing),
	    cmocka_unit_test(test_who_signs),       cmocka_unit_test(test_critical_extension),
	    cmocka_unit_test(test_composite),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
