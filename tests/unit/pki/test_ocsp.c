/* OCSP (RFC 6960): what is read, who may answer, what counts, and what a chain's check makes of it
 * beside the revocation lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "maker.h"
#include "pki/ocsp.h"
#include "pki/trust.h"

#define DAY 86400

static struct made root, inter, leaf, leaf2;               /* the leaves by inter by root */
static struct made stranger;                               /* of inter's name, with another key */
static struct made delegate, plain, old_delegate, by_root; /* who may answer, or may not */
static const char *reason;
static char why[TRUST_REASON_MAX];

static struct made responder(const char *subject, const struct made *by, const char *eku,
			     int64_t until)
{
	return make_certificate(
	    &(struct wish){.subject = subject, .issuer = by, .eku = eku, .until = until});
}

static int setup(void **state)
{
	struct wish wish = {.subject = "CN=Root CA", .constraints = "critical,CA:TRUE"};
	struct wish end = {.subject = "CN=gw", .issuer = &inter, .san = "DNS:gw"};

	(void)state;
	root = make_certificate(&wish);
	wish.subject = "CN=Issuing CA";
	stranger = make_certificate(&wish);
	wish.issuer = &root;
	inter = make_certificate(&wish);
	leaf = make_certificate(&end);
	leaf2 = make_certificate(&end);
	delegate = responder("CN=Responder", &inter, "OCSPSigning", 0);
	plain = responder("CN=No responder", &inter, "serverAuth", 0);
	old_delegate = responder("CN=Old responder", &inter, "OCSPSigning", MAKER_NOW - 1);
	by_root = responder("CN=The root's responder", &root, "OCSPSigning", 0);
	return 0;
}

static int teardown(void **state)
{
	struct made *all[] = {&root,     &inter, &leaf,         &leaf2,  &stranger,
			      &delegate, &plain, &old_delegate, &by_root};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		unmake(all[i]);
	return mem_blocks_held() != 0;
}

/* What an answer is to say; zeroed fields take what is said. */
struct says {
	const struct made *by;     /* NULL: inter */
	const struct made *of;     /* NULL: leaf */
	const struct made *issuer; /* whose certificate that is; NULL: inter */
	const struct made *also;   /* one more of the same issuer, good; NULL: none */
	int status;                /* V_OCSP_CERTSTATUS_; 0: good */
	int64_t from, until;       /* 0: a day before and after MAKER_NOW */
	const EVP_MD *id_hash;     /* of the certID; NULL: SHA-1 */
	const EVP_MD *hash;        /* of the signature; NULL: SHA-256 */
	const char *nonce;         /* NULL: none */
	const char *extension;     /* a name of the library's, and its value; NULL: none */
	int refusal;               /* OCSP_RESPONSE_STATUS_; 0: an answer */
	bool no_end;               /* without nextUpdate */
	bool no_certs;             /* without the signer's certificate */
	bool by_key;               /* the responder named by its key */
};

static void add(OCSP_BASICRESP *b, const struct says *s, const struct made *of, int status)
{
	const struct made *issuer = s->issuer != NULL ? s->issuer : &inter;
	ASN1_TIME *from = ASN1_TIME_set(NULL, s->from != 0 ? s->from : MAKER_NOW - DAY);
	ASN1_TIME *until = ASN1_TIME_set(NULL, s->until != 0 ? s->until : MAKER_NOW + DAY);
	OCSP_CERTID *id =
	    OCSP_cert_to_id(s->id_hash != NULL ? s->id_hash : EVP_sha1(), of->x509, issuer->x509);

	assert_non_null(
	    OCSP_basic_add1_status(b, id, status, 0, from, from, s->no_end ? NULL : until));
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
}

/* In DER. */
static BIO *make(const struct says *s)
{
	const struct made *by = s->by != NULL ? s->by : &inter;
	OCSP_BASICRESP *b = OCSP_BASICRESP_new();
	OCSP_RESPONSE *r;
	BIO *out = BIO_new(BIO_s_mem());

	add(b, s, s->of != NULL ? s->of : &leaf, s->status);
	if (s->also != NULL)
		add(b, s, s->also, V_OCSP_CERTSTATUS_GOOD);
	if (s->nonce != NULL)
		OCSP_basic_add1_nonce(b, (unsigned char *)(uintptr_t)s->nonce,
				      (int)strlen(s->nonce));
	if (s->extension != NULL) {
		X509_EXTENSION *e = X509V3_EXT_conf(NULL, NULL, s->extension, "critical,DER:0500");
		assert_non_null(e);
		OCSP_BASICRESP_add_ext(b, e, -1);
		X509_EXTENSION_free(e);
	}
	assert_int_equal(OCSP_basic_sign(b, by->x509, by->key,
					 s->hash != NULL ? s->hash : EVP_sha256(), NULL,
					 (s->no_certs ? OCSP_NOCERTS : 0UL) |
					     (s->by_key ? OCSP_RESPID_KEY : 0UL)),
			 1);
	r = OCSP_response_create(s->refusal, s->refusal != 0 ? NULL : b);
	i2d_OCSP_RESPONSE_bio(out, r);
	OCSP_RESPONSE_free(r);
	OCSP_BASICRESP_free(b);
	return out;
}

static struct bytes octets(BIO *b)
{
	char *p;
	long n = BIO_get_mem_data(b, &p);

	return bytes_of(p, (size_t)n);
}

static enum err try_parse(const struct says *s, struct ocsp **out)
{
	BIO *b = make(s);
	enum err e = ocsp_parse(out, octets(b), &reason);

	BIO_free(b);
	return e;
}

static struct ocsp *parsed(const struct says *s)
{
	struct ocsp *o;

	assert_int_equal(try_parse(s, &o), ERR_NONE);
	return o;
}

/* What it says of leaf. */
static enum ocsp_answer ask(const struct says *s, const struct ocsp_terms *terms)
{
	struct ocsp *o = parsed(s);
	enum ocsp_answer answer = ocsp_says(o, leaf.cert, inter.cert, terms, &reason);

	ocsp_free(o);
	return answer;
}

static const struct ocsp_terms usual = {.now = MAKER_NOW};

static void expect_silent(const struct says *s, const char *words)
{
	assert_int_equal(ask(s, &usual), OCSP_SILENT);
	if (strstr(reason, words) == NULL)
		fail_msg("the reason is: %s", reason);
}

static void test_what_it_says(void **state)
{
	struct ocsp *o = parsed(&(struct says){.also = &leaf2});

	(void)state;
	assert_int_equal(ocsp_this_update(o), MAKER_NOW - DAY);
	assert_int_equal(ocsp_next_update(o), MAKER_NOW + DAY);
	assert_true(ocsp_is_about(o, leaf.cert, inter.cert));
	assert_true(ocsp_is_about(o, leaf2.cert, NULL));
	assert_false(ocsp_is_about(o, leaf.cert, root.cert));
	assert_false(ocsp_is_about(o, plain.cert, NULL));
	assert_int_equal(ocsp_says(o, leaf2.cert, inter.cert, &usual, &reason), OCSP_GOOD);
	ocsp_free(o);
	assert_int_equal(ask(&(struct says){0}, &usual), OCSP_GOOD);
	assert_int_equal(ask(&(struct says){.by_key = true, .no_certs = true}, &usual), OCSP_GOOD);
	assert_int_equal(ask(&(struct says){.id_hash = EVP_sha256()}, &usual), OCSP_GOOD);
	assert_int_equal(ask(&(struct says){.status = V_OCSP_CERTSTATUS_REVOKED}, &usual),
			 OCSP_REVOKED);
	expect_silent(&(struct says){.status = V_OCSP_CERTSTATUS_UNKNOWN}, "does not know");
	expect_silent(&(struct says){.of = &leaf2}, "another certificate");
	/* leaf's number, but of another CA. */
	expect_silent(&(struct says){.issuer = &root}, "another certificate");
	expect_silent(&(struct says){.id_hash = EVP_md5()}, "another certificate");
}

static void test_times(void **state)
{
	const struct says now = {.from = MAKER_NOW, .no_end = true};

	(void)state;
	expect_silent(&(struct says){.until = MAKER_NOW - OCSP_SLACK - 1}, "out of date");
	assert_int_equal(ask(&(struct says){.until = MAKER_NOW - OCSP_SLACK}, &usual), OCSP_GOOD);
	expect_silent(&(struct says){.from = MAKER_NOW + OCSP_SLACK + 1}, "not valid yet");
	assert_int_equal(ask(&(struct says){.from = MAKER_NOW + OCSP_SLACK}, &usual), OCSP_GOOD);
	/* Without an end it is good for a while. */
	assert_int_equal(ask(&now, &usual), OCSP_GOOD);
	expect_silent(&(struct says){.no_end = true}, "out of date");
	/* Nobody takes a revocation back. */
	assert_int_equal(ask(&(struct says){.until = MAKER_NOW - 99,
					    .from = MAKER_NOW - 9 * DAY,
					    .status = V_OCSP_CERTSTATUS_REVOKED},
			     &usual),
			 OCSP_REVOKED);
}

static void test_who_signs(void **state)
{
	static const int both[] = {V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED};

	(void)state;
	assert_int_equal(ask(&(struct says){.by = &delegate}, &usual), OCSP_GOOD);
	assert_int_equal(ask(&(struct says){.by = &delegate, .by_key = true}, &usual), OCSP_GOOD);
	for (size_t i = 0; i < 2; i++) {
		const struct made *const bad[] = {&stranger, &plain, &old_delegate,
						  &by_root,  &root,  &leaf};

		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
			expect_silent(&(struct says){.by = bad[k], .status = both[i]}, "nobody");
		/* Whose certificate is not there. */
		expect_silent(&(struct says){.by = &delegate, .no_certs = true, .status = both[i]},
			      "nobody");
	}
}

static void test_configured_responders(void **state)
{
	const struct certificate *const known[] = {stranger.cert, old_delegate.cert};
	const struct ocsp_terms terms = {.now = MAKER_NOW, .responders = known, .n_responders = 2};
	struct says s = {.by = &stranger, .no_certs = true};

	(void)state;
	assert_int_equal(ask(&s, &terms), OCSP_GOOD);
	s.by_key = true;
	assert_int_equal(ask(&s, &terms), OCSP_GOOD);
	s.status = V_OCSP_CERTSTATUS_REVOKED;
	assert_int_equal(ask(&s, &terms), OCSP_REVOKED);
	/* The CA's own goes on to count, one that is over does not, nor does a third. */
	assert_int_equal(ask(&(struct says){0}, &terms), OCSP_GOOD);
	assert_int_equal(ask(&(struct says){.by = &old_delegate}, &terms), OCSP_SILENT);
	assert_int_equal(ask(&(struct says){.by = &by_root}, &terms), OCSP_SILENT);
}

static void test_nonce(void **state)
{
	uint8_t *der, *other;
	size_t n, m;
	struct ocsp_terms terms = usual;
	OCSP_REQUEST *q;
	OCSP_BASICRESP *b;
	OCSP_RESPONSE *r;
	struct says s = {0};
	BIO *out;

	(void)state;
	assert_int_equal(ocsp_request(leaf.cert, inter.cert, &der, &n), ERR_NONE);
	assert_int_equal(ocsp_request(leaf.cert, inter.cert, &other, &m), ERR_NONE);
	assert_false(bytes_equal(bytes_of(der, n), bytes_of(other, m)));
	terms.request = bytes_of(der, n);
	/* An answer made in advance has none. */
	assert_int_equal(ask(&s, &terms), OCSP_GOOD);
	s.nonce = "somebody else's nonce";
	assert_int_equal(ask(&s, &terms), OCSP_SILENT);
	assert_non_null(strstr(reason, "nonce"));
	assert_int_equal(ask(&s, &usual), OCSP_GOOD);
	/* And the right one. */
	const unsigned char *p = der;
	q = d2i_OCSP_REQUEST(NULL, &p, (long)n);
	assert_int_equal(OCSP_request_onereq_count(q), 1);
	b = OCSP_BASICRESP_new();
	s.nonce = NULL;
	add(b, &s, &leaf, V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(OCSP_copy_nonce(b, q), 1);
	assert_int_equal(OCSP_basic_sign(b, inter.x509, inter.key, EVP_sha256(), NULL, 0), 1);
	r = OCSP_response_create(0, b);
	out = BIO_new(BIO_s_mem());
	i2d_OCSP_RESPONSE_bio(out, r);
	struct ocsp *o;
	assert_int_equal(ocsp_parse(&o, octets(out), &reason), ERR_NONE);
	assert_int_equal(ocsp_says(o, leaf.cert, inter.cert, &terms, &reason), OCSP_GOOD);
	terms.request = bytes_of(other, m);
	assert_int_equal(ocsp_says(o, leaf.cert, inter.cert, &terms, &reason), OCSP_SILENT);
	ocsp_free(o);
	BIO_free(out);
	OCSP_RESPONSE_free(r);
	OCSP_BASICRESP_free(b);
	OCSP_REQUEST_free(q);
	mem_free(der);
	mem_free(other);
}

static void test_what_is_not_read(void **state)
{
	struct ocsp *o;
	BIO *b = make(&(struct says){.by = &delegate});

	(void)state;
	/* Every length that is not the whole, and one more octet. */
	for (size_t n = 0; n < octets(b).n; n++)
		assert_int_not_equal(ocsp_parse(&o, bytes_of(octets(b).p, n), &reason), ERR_NONE);
	BIO_write(b, "x", 1);
	assert_int_equal(ocsp_parse(&o, octets(b), &reason), ERR_SYNTAX);
	BIO_free(b);
	assert_int_equal(ocsp_parse(&o, bytes_of("x", OCSP_MAX + 1), &reason), ERR_RANGE);
	assert_int_equal(try_parse(&(struct says){.hash = EVP_sha1()}, &o), ERR_UNSUPPORTED);
	assert_non_null(strstr(reason, "SHA-1"));
	assert_int_equal(try_parse(&(struct says){.extension = "1.2.3.4"}, &o), ERR_UNSUPPORTED);
	assert_non_null(strstr(reason, "critical"));
	assert_int_equal(
	    try_parse(&(struct says){.refusal = OCSP_RESPONSE_STATUS_UNAUTHORIZED}, &o),
	    ERR_UNSUPPORTED);
	assert_non_null(strstr(reason, "does not answer for this CA"));
	assert_null(o);
}

/* Whatever octet is changed: never good by accident. */
static void test_altered(void **state)
{
	BIO *b = make(&(struct says){.status = V_OCSP_CERTSTATUS_REVOKED, .no_certs = true});
	struct bytes whole = octets(b);
	uint8_t *copy = mem_copy(whole);

	(void)state;
	for (size_t i = 0; i < whole.n; i++) {
		struct ocsp *o;

		copy[i] ^= 0x21;
		if (ocsp_parse(&o, bytes_of(copy, whole.n), &reason) == ERR_NONE) {
			if (ocsp_says(o, leaf.cert, inter.cert, &usual, &reason) == OCSP_GOOD)
				fail_msg("octet %zu", i);
			ocsp_free(o);
		}
		copy[i] ^= 0x21;
	}
	mem_free(copy);
	BIO_free(b);
}

/* --- Chains ---------------------------------------------------------------------------------- */

static struct crl *list_of(const struct made *by, const struct made *revokes)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, MAKER_NOW - DAY);
	ASN1_TIME *until = ASN1_TIME_set(NULL, MAKER_NOW + DAY);
	unsigned char *der = NULL;
	struct crl *c;

	X509_CRL_set_version(list, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(by->x509));
	X509_CRL_set1_lastUpdate(list, from);
	X509_CRL_set1_nextUpdate(list, until);
	if (revokes != NULL) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revokes->x509));
		X509_REVOKED_set_revocationDate(entry, from);
		X509_CRL_add0_revoked(list, entry);
	}
	assert_true(X509_CRL_sign(list, by->key, EVP_sha256()) > 0);
	int n = i2d_X509_CRL(list, &der);
	assert_int_equal(crl_parse(&c, bytes_of(der, (size_t)n), &reason), ERR_NONE);
	OPENSSL_free(der);
	X509_CRL_free(list);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return c;
}

static struct crl *list_a, *list_b; /* taken by the next judge(); may be NULL */
static bool required;
static struct ocsp_questions asked; /* by the last judge() */

/* The verdict on leaf and inter, with these answers (ended by NULL). */
static enum err judge(enum revocation_policy policy, const struct says *const *says)
{
	const struct certificate *certs[] = {leaf.cert, inter.cert};
	struct ocsp *answers[OCSP_ANSWERS_MAX] = {NULL};
	struct trust_policy p = {.revocation = policy,
				 .answers = (const struct ocsp *const *)answers,
				 .questions = &asked,
				 .ocsp_required = required};
	struct trust *t = trust_new();
	enum err e;

	assert_int_equal(trust_add_ca(t, root.cert, &reason), ERR_NONE);
	if (list_a != NULL)
		assert_int_equal(trust_add_crl(t, list_a, &reason), ERR_NONE);
	if (list_b != NULL)
		assert_int_equal(trust_add_crl(t, list_b, &reason), ERR_NONE);
	list_a = list_b = NULL;
	asked.n = 0;
	for (; *says != NULL; says++)
		answers[p.n_answers++] = parsed(*says);
	e = trust_check_chain(t, &p, certs, 2, NULL, MAKER_NOW, why, sizeof(why));
	for (size_t i = 0; i < p.n_answers; i++)
		ocsp_free(answers[i]);
	trust_free(t);
	return e;
}

#define SAYS(...) ((const struct says *const[]){__VA_ARGS__})

static void expect(enum err e, const char *words)
{
	assert_int_equal(e, ERR_AUTH);
	if (strstr(why, words) == NULL)
		fail_msg("the reason is: %s", why);
}

static const struct says good = {.by = NULL}, old = {.until = MAKER_NOW - DAY / 2};
static const struct says gone = {.status = V_OCSP_CERTSTATUS_REVOKED};
static const struct says odd = {.status = V_OCSP_CERTSTATUS_UNKNOWN};
static struct says inter_good, inter_gone, by_stranger; /* filled in at run time */

static void fill(void)
{
	inter_good = (struct says){.by = &root, .of = &inter, .issuer = &root};
	inter_gone = inter_good;
	inter_gone.status = V_OCSP_CERTSTATUS_REVOKED;
	by_stranger = (struct says){.by = &stranger, .status = V_OCSP_CERTSTATUS_REVOKED};
}

static void test_chain_relaxed(void **state)
{
	(void)state;
	fill();
	assert_int_equal(judge(REVOCATION_RELAXED, SAYS(NULL)), ERR_NONE);
	assert_int_equal(judge(REVOCATION_RELAXED, SAYS(&good, &inter_good, NULL)), ERR_NONE);
	expect(judge(REVOCATION_RELAXED, SAYS(&gone, NULL)), "certificate of CN=gw has been");
	expect(judge(REVOCATION_RELAXED, SAYS(&good, &inter_gone, NULL)), "of CN=Issuing CA has");
	/* Of two that do not agree, the worse. */
	expect(judge(REVOCATION_RELAXED, SAYS(&good, &gone, NULL)), "revoked");
	assert_int_equal(judge(REVOCATION_RELAXED, SAYS(&odd, &by_stranger, &old, NULL)), ERR_NONE);
	assert_int_equal(judge(REVOCATION_NONE, SAYS(&gone, NULL)), ERR_NONE);
}

static void test_chain_strict(void **state)
{
	(void)state;
	fill();
	assert_int_equal(judge(REVOCATION_STRICT, SAYS(&inter_good, &good, NULL)), ERR_NONE);
	expect(judge(REVOCATION_STRICT, SAYS(&inter_good, NULL)), "of CN=Issuing CA, and one is");
	expect(judge(REVOCATION_STRICT, SAYS(&good, NULL)), "of CN=Root CA, and one is wanted");
	expect(judge(REVOCATION_STRICT, SAYS(&inter_good, &odd, NULL)), "does not know");
	expect(judge(REVOCATION_STRICT, SAYS(&inter_good, &old, NULL)), "out of date");
	expect(judge(REVOCATION_STRICT, SAYS(&by_stranger, &inter_good, NULL)), "signed by nobody");
	/* A list for the one, a response for the other. */
	list_a = list_of(&root, NULL);
	assert_int_equal(judge(REVOCATION_STRICT, SAYS(&good, NULL)), ERR_NONE);
	list_a = list_of(&inter, NULL);
	assert_int_equal(judge(REVOCATION_STRICT, SAYS(&inter_good, NULL)), ERR_NONE);
}

/* Revoked by the one counts, whatever the other says. */
static void test_lists_and_responses(void **state)
{
	(void)state;
	fill();
	for (int policy = REVOCATION_RELAXED; policy <= REVOCATION_STRICT; policy++) {
		list_a = list_of(&root, NULL);
		list_b = list_of(&inter, &leaf);
		expect(judge((enum revocation_policy)policy, SAYS(&good, &inter_good, NULL)),
		       "certificate of CN=gw has been revoked");
		list_a = list_of(&root, NULL);
		list_b = list_of(&inter, NULL);
		expect(judge((enum revocation_policy)policy, SAYS(&gone, NULL)),
		       "certificate of CN=gw has been revoked");
	}
}

static void test_required(void **state)
{
	(void)state;
	fill();
	required = true;
	list_a = list_of(&root, NULL);
	list_b = list_of(&inter, NULL);
	expect(judge(REVOCATION_STRICT, SAYS(&inter_good, NULL)), "ocsp = require");
	assert_int_equal(judge(REVOCATION_RELAXED, SAYS(&good, NULL)), ERR_NONE);
	expect(judge(REVOCATION_RELAXED, SAYS(&old, NULL)), "out of date");
	required = false;
}

/* The CA has taken its responder's certificate back. */
static void test_delegate_revoked(void **state)
{
	const struct says by_delegate = {.by = &delegate};

	(void)state;
	required = true;
	assert_int_equal(judge(REVOCATION_RELAXED, SAYS(&by_delegate, NULL)), ERR_NONE);
	list_a = list_of(&inter, &delegate);
	expect(judge(REVOCATION_RELAXED, SAYS(&by_delegate, NULL)), "signed by nobody");
	list_a = list_of(&inter, &leaf2);
	assert_int_equal(judge(REVOCATION_RELAXED, SAYS(&by_delegate, NULL)), ERR_NONE);
	required = false;
}

/* The i-th question is about cert, without a nonce, and the same each time. */
static void expect_question(size_t i, const struct made *cert, const struct made *issuer)
{
	const struct ocsp_question *q = &asked.q[i];
	OCSP_CERTID *wanted = OCSP_cert_to_id(EVP_sha1(), cert->x509, issuer->x509);
	const unsigned char *p = q->der;
	OCSP_REQUEST *r = d2i_OCSP_REQUEST(NULL, &p, (long)q->der_len);

	assert_true(i < asked.n);
	assert_non_null(r);
	assert_int_equal(OCSP_request_onereq_count(r), 1);
	assert_int_equal(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(r, 0)), wanted),
			 0);
	assert_int_equal(OCSP_REQUEST_get_ext_count(r), 0);
	assert_string_equal(q->url, "");
	OCSP_CERTID_free(wanted);
	OCSP_REQUEST_free(r);
}

/* A question for each certificate that neither a list nor a response tells of. */
static void test_questions(void **state)
{
	(void)state;
	fill();
	for (int policy = REVOCATION_RELAXED; policy <= REVOCATION_STRICT; policy++) {
		const enum revocation_policy p = (enum revocation_policy)policy;

		(void)judge(p, SAYS(NULL));
		assert_int_equal(asked.n, 2);
		expect_question(0, &leaf, &inter);
		expect_question(1, &inter, &root);
		const struct ocsp_questions first = asked;
		(void)judge(p, SAYS(&old, &odd, &by_stranger, NULL));
		assert_memory_equal(&asked, &first, sizeof(asked));
		(void)judge(p, SAYS(&good, NULL));
		assert_int_equal(asked.n, 1);
		expect_question(0, &inter, &root);
		list_a = list_of(&root, NULL);
		(void)judge(p, SAYS(NULL));
		assert_int_equal(asked.n, 1);
		expect_question(0, &leaf, &inter);
		(void)judge(p, SAYS(&good, &inter_good, NULL));
		assert_int_equal(asked.n, 0);
		/* Who is revoked is so, whatever else is not known. */
		expect(judge(p, SAYS(&inter_gone, NULL)), "of CN=Issuing CA has been revoked");
		assert_int_equal(asked.n, 0);
	}
	assert_int_equal(judge(REVOCATION_NONE, SAYS(NULL)), ERR_NONE);
	assert_int_equal(asked.n, 0);
	/* Required, though the lists tell. */
	required = true;
	list_a = list_of(&root, NULL);
	list_b = list_of(&inter, NULL);
	expect(judge(REVOCATION_RELAXED, SAYS(NULL)), "of CN=gw no OCSP response tells");
	assert_int_equal(asked.n, 1);
	expect_question(0, &leaf, &inter);
	required = false;
}

static void test_url(void **state)
{
	char url[64];

	(void)state;
	assert_false(ocsp_url(leaf.cert, 0, url, sizeof(url)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_it_says), cmocka_unit_test(test_times),
	    cmocka_unit_test(test_who_signs),    cmocka_unit_test(test_configured_responders),
	    cmocka_unit_test(test_nonce),        cmocka_unit_test(test_what_is_not_read),
	    cmocka_unit_test(test_altered),      cmocka_unit_test(test_chain_relaxed),
	    cmocka_unit_test(test_chain_strict), cmocka_unit_test(test_lists_and_responses),
	    cmocka_unit_test(test_required),     cmocka_unit_test(test_delegate_revoked),
	    cmocka_unit_test(test_questions),    cmocka_unit_test(test_url),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
