#include "pki/trust.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "crypto/composite_ready.h"
#include "pki/names.h"
#include "pki/revocation.h"
#include "pki/x509.h"

#define CAS_MAX 256

/* RFC 5280 and today's practice: 112 bits is RSA 2048, ECC 224. */
#define SECURITY_BITS_MIN 112

struct trust {
	unsigned references;
	struct certificate *cas[CAS_MAX]; /* owned */
	size_t n;
	X509_STORE *store; /* owned; the same certificates again, as the library wants them */
	struct crl *crls[CRLS_MAX]; /* owned */
	size_t n_crls;
	struct certificate *responders[RESPONDERS_MAX]; /* owned */
	size_t n_responders;
};

struct trust *trust_new(void)
{
	struct trust *t = mem_new(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->references = 1;
	t->store = X509_STORE_new();
	if (t->store == NULL) {
		mem_free(t);
		return NULL;
	}
	return t;
}

struct trust *trust_hold(struct trust *t)
{
	t->references++;
	return t;
}

bool trust_is_shared(const struct trust *t)
{
	return t->references > 1;
}

void trust_free(struct trust *t)
{
	if (t == NULL || --t->references != 0)
		return;
	for (size_t i = 0; i < t->n; i++)
		certificate_free(t->cas[i]);
	for (size_t i = 0; i < t->n_crls; i++)
		crl_free(t->crls[i]);
	for (size_t i = 0; i < t->n_responders; i++)
		certificate_free(t->responders[i]);
	X509_STORE_free(t->store);
	mem_free(t);
}

enum err trust_add_ca(struct trust *t, const struct certificate *ca, const char **reason)
{
	struct certificate *copy;

	if (!certificate_is_ca(ca)) {
		*reason = "it is not a CA's certificate: basicConstraints does not say CA:TRUE";
		return ERR_UNSUPPORTED;
	}
	for (size_t i = 0; i < t->n; i++) {
		if (bytes_equal(certificate_der(t->cas[i]), certificate_der(ca))) {
			*reason = "it is configured twice";
			return ERR_EXISTS;
		}
	}
	if (t->n == CAS_MAX) {
		*reason = "there are more than 256 CAs";
		return ERR_LIMIT;
	}
	copy = certificate_copy(ca);
	if (copy == NULL || X509_STORE_add_cert(t->store, copy->x509) != 1) {
		ERR_clear_error();
		certificate_free(copy);
		*reason = "out of memory";
		return ERR_NO_MEMORY;
	}
	t->cas[t->n++] = copy;
	return ERR_NONE;
}

size_t trust_ca_count(const struct trust *t)
{
	return t->n;
}

const struct certificate *trust_ca(const struct trust *t, size_t i)
{
	return t->cas[i];
}

enum err trust_add_crl(struct trust *t, struct crl *crl, const char **reason)
{
	bool named = false, signed_by = false;

	/* One of a CA below ours is checked when a chain leads there. */
	for (size_t i = 0; i < t->n && !signed_by; i++) {
		if (!crl_is_of(crl, t->cas[i]))
			continue;
		named = true;
		signed_by = crl_is_signed_by(crl, t->cas[i]);
	}
	if (named && !signed_by) {
		*reason = "the CA of that name has not signed it";
		crl_free(crl);
		return ERR_AUTH;
	}
	if (t->n_crls == CRLS_MAX) {
		*reason = "there are more than 64 revocation lists";
		crl_free(crl);
		return ERR_LIMIT;
	}
	t->crls[t->n_crls++] = crl;
	return ERR_NONE;
}

enum err trust_add_responder(struct trust *t, const struct certificate *c)
{
	if (t->n_responders == RESPONDERS_MAX)
		return ERR_LIMIT;
	t->responders[t->n_responders] = certificate_copy(c);
	return t->responders[t->n_responders++] != NULL ? ERR_NONE : ERR_NO_MEMORY;
}

size_t trust_crl_count(const struct trust *t)
{
	return t->n_crls;
}

const struct crl *trust_crl(const struct trust *t, size_t i)
{
	return t->crls[i];
}

static void say(char *reason, size_t cap, const char *a, const char *b, const char *c,
		const char *d)
{
	const char *parts[] = {a, b, c, d};

	if (cap == 0)
		return;
	reason[0] = '\0';
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i] != NULL)
			text_append(reason, cap, parts[i]);
}

/* "2026-11-20"; for a sentence, so that an unreadable time is only a question mark. */
static const char *date_of(const ASN1_TIME *t, char buf[16])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1 || strftime(buf, 16, "%Y-%m-%d", &tm) == 0)
		memcpy(buf, "?", 2);
	return buf;
}

/* What the library's verdicts mean, as sentences around the Subject of the certificate. */
static const struct {
	int code;
	const char *before;
	const char *after;
} verdicts[] = {
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "the chain ends at ", ", which is no configured CA"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "the chain ends at ", ", which is no configured CA"},
    {X509_V_ERR_CERT_UNTRUSTED, "the chain ends at ", ", which is no configured CA"},
    {X509_V_ERR_INVALID_CA, "certificate of ", " has issued another, but it is not a CA's"},
    {X509_V_ERR_INVALID_NON_CA, "certificate of ", " has issued another, but it is not a CA's"},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, "certificate of ",
     " has issued another, but its keyUsage lacks keyCertSign"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "the chain below ",
     " is longer than its pathLenConstraint allows"},
    {X509_V_ERR_PERMITTED_VIOLATION, "a name in the certificate of ",
     " is outside the name constraints of a CA above it"},
    {X509_V_ERR_EXCLUDED_VIOLATION, "a name in the certificate of ",
     " is outside the name constraints of a CA above it"},
    {X509_V_ERR_CERT_REVOKED, "certificate of ", " has been revoked"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "the signature on the certificate of ", " is wrong"},
};

/* The verdict on cert, which may be NULL, as one sentence. */
static void explain(int code, X509 *cert, char *reason, size_t cap)
{
	char subject[IDENTITY_TEXT_MAX / 2] = "?";
	char issuer[IDENTITY_TEXT_MAX / 2] = "?";
	char from[16] = "?";
	char until[16] = "?";

	if (cert != NULL) {
		name_format(X509_get_subject_name(cert), subject, sizeof(subject));
		name_format(X509_get_issuer_name(cert), issuer, sizeof(issuer));
		date_of(X509_get0_notBefore(cert), from);
		date_of(X509_get0_notAfter(cert), until);
	}
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		if (verdicts[i].code != code)
			continue;
		say(reason, cap, verdicts[i].before, subject, verdicts[i].after, NULL);
		return;
	}
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		say(reason, cap, "certificate of ", subject, " expired ", until);
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		say(reason, cap, "certificate of ", subject, " is not valid before ", from);
		return;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		say(reason, cap, "certificate of ", subject, " is issued by ", issuer);
		text_append(reason, cap, ", which is no configured CA and was not sent");
		return;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		say(reason, cap, "there is no revocation list of ", issuer, ", and one is wanted",
		    " (revocation = strict)");
		return;
	case X509_V_ERR_CRL_HAS_EXPIRED:
		say(reason, cap, "the revocation list of ", issuer, " is out of date",
		    " (revocation = strict)");
		return;
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
		say(reason, cap, "the signature on the revocation list of ", issuer, " is wrong",
		    NULL);
		return;
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
		say(reason, cap, "the keyUsage of ", issuer,
		    " lacks cRLSign, but it signs revocation lists", NULL);
		return;
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
		say(reason, cap, "the chain has more than 6 certificates", NULL, NULL, NULL);
		return;
	default:
		say(reason, cap, "certificate of ", subject, ": ",
		    X509_verify_cert_error_string(code));
		return;
	}
}

/* Algorithms that take the certificate itself, not its hash: EdDSA, composites, and of ML-DSA and
 * SLH-DSA the pure form alone, for HashML-DSA MUST NOT appear (RFC 9881 3). */
static bool signs_unhashed(int key)
{
	static const int pure[] = {NID_ED25519,
				   NID_ED448,
				   NID_ML_DSA_44,
				   NID_ML_DSA_65,
				   NID_ML_DSA_87,
				   NID_SLH_DSA_SHA2_128s,
				   NID_SLH_DSA_SHA2_128f,
				   NID_SLH_DSA_SHA2_192s,
				   NID_SLH_DSA_SHA2_192f,
				   NID_SLH_DSA_SHA2_256s,
				   NID_SLH_DSA_SHA2_256f,
				   NID_SLH_DSA_SHAKE_128s,
				   NID_SLH_DSA_SHAKE_128f,
				   NID_SLH_DSA_SHAKE_192s,
				   NID_SLH_DSA_SHAKE_192f,
				   NID_SLH_DSA_SHAKE_256s,
				   NID_SLH_DSA_SHAKE_256f};

	for (size_t i = 0; i < sizeof(pure) / sizeof(pure[0]); i++)
		if (pure[i] == key)
			return true;
	return composite_is_nid(key);
}

/* The library looks at no parameters where none belong (draft-ietf-lamps-pq-composite-sigs 5). */
static bool has_no_parameters(const X509 *cert)
{
	const X509_ALGOR *identifier;
	int type;

	X509_get0_signature(NULL, &identifier, cert);
	X509_ALGOR_get0(NULL, &type, NULL, identifier);
	return type == V_ASN1_UNDEF;
}

/* Hash and key of the signature on a certificate: SHA-1 and older are out (RFC 8247 3.2.1). */
static bool signature_is_strong(X509 *cert)
{
	int hash;
	int key;
	int bits;
	uint32_t flags;

	if (X509_get_signature_info(cert, &hash, &key, &bits, &flags) != 1)
		return false;
	switch (hash) {
	case NID_sha256:
	case NID_sha384:
	case NID_sha512:
	case NID_sha3_256:
	case NID_sha3_384:
	case NID_sha3_512:
		return true;
	case NID_undef:
		return signs_unhashed(key) && (!composite_is_nid(key) || has_no_parameters(cert));
	default:
		return false;
	}
}

static bool key_is_strong(X509 *cert, const struct trust_policy *policy)
{
	unsigned least = policy->rsa_bits_min != 0 ? policy->rsa_bits_min : RSA_BITS_MIN;
	EVP_PKEY *key = X509_get0_pubkey(cert);

	if (key == NULL)
		return false;
	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
		return EVP_PKEY_get_bits(key) >= (int)least &&
		       EVP_PKEY_get_bits(key) <= RSA_BITS_MAX;
	return EVP_PKEY_get_security_bits(key) >= SECURITY_BITS_MIN;
}

/* The algorithms of every link; the trust anchor's own signature proves nothing and may be old. */
static bool check_algorithms(STACK_OF(X509) * chain, const struct trust_policy *policy,
			     char *reason, size_t cap)
{
	char subject[IDENTITY_TEXT_MAX];
	int n = sk_X509_num(chain);

	for (int i = 0; i < n; i++) {
		X509 *cert = sk_X509_value(chain, i);

		name_format(X509_get_subject_name(cert), subject, sizeof(subject));
		if (!key_is_strong(cert, policy)) {
			say(reason, cap, "certificate of ", subject,
			    " has a key that is too short or of an unknown type (RSA needs 2048 "
			    "bits)",
			    NULL);
			return false;
		}
		/* The keys are those of all signatures: the one in AUTH, and the links'. */
		if (policy->key_types != 0 && (policy->key_types >> x509_key_type(cert) & 1) == 0) {
			say(reason, cap, "the key of ", subject, ", ",
			    key_type_name(x509_key_type(cert)));
			text_append(reason, cap,
				    ", is of no kind that remote-auth-algorithms allows");
			return false;
		}
		if (i < n - 1 && !signature_is_strong(cert)) {
			say(reason, cap, "certificate of ", subject,
			    " is signed with SHA-1 or another hash that is not taken", NULL);
			return false;
		}
	}
	return true;
}

static bool eku_allows(X509 *cert, enum eku_policy policy)
{
	EXTENDED_KEY_USAGE *list;
	int critical;
	bool ok = false;

	if (policy == EKU_IGNORE)
		return true;
	list = X509_get_ext_d2i(cert, NID_ext_key_usage, &critical, NULL);
	if (list == NULL)
		return critical == -1; /* absent is well; malformed or doubled is not */
	for (int i = 0; i < sk_ASN1_OBJECT_num(list); i++) {
		int purpose = OBJ_obj2nid(sk_ASN1_OBJECT_value(list, i));

		ok |= purpose == NID_ipsec_IKE || purpose == NID_anyExtendedKeyUsage;
		ok |= policy == EKU_SERVERAUTH_OK &&
		      (purpose == NID_server_auth || purpose == NID_client_auth);
	}
	EXTENDED_KEY_USAGE_free(list);
	return ok;
}

static bool check_eku(const struct certificate *c, const struct trust_policy *policy, char *reason,
		      size_t cap)
{
	if (eku_allows(c->x509, policy->eku))
		return true;
	say(reason, cap, "extendedKeyUsage of the certificate of ", c->subject,
	    " does not allow ipsecIKE", NULL);
	return false;
}

/* RFC 9935 5: keyEncipherment and nothing else, where there is such an extension. What RFC 4945
 * 5.1.3.2 wants, a key that signs, is not asked for here. */
static bool check_kem_usage(const struct certificate *c, uint32_t usage,
			    const struct trust_policy *policy, char *reason, size_t cap)
{
	if (usage == UINT32_MAX || usage == X509v3_KU_KEY_ENCIPHERMENT)
		return check_eku(c, policy, reason, cap);
	say(reason, cap, "keyUsage of the certificate of ", c->subject,
	    " must be keyEncipherment alone, for its key is a KEM's (RFC 9935)", NULL);
	return false;
}

/* RFC 4945 5.1.3.2 and 5.1.3.12, for the certificate whose key made AUTH. */
static bool check_usage(const struct certificate *c, const struct trust_policy *policy,
			char *reason, size_t cap)
{
	uint32_t usage = X509_get_key_usage(c->x509); /* all ones when absent */
	const uint32_t never = X509v3_KU_KEY_ENCIPHERMENT | X509v3_KU_DATA_ENCIPHERMENT |
			       X509v3_KU_KEY_AGREEMENT | X509v3_KU_ENCIPHER_ONLY |
			       X509v3_KU_DECIPHER_ONLY;

	if (policy->kem != key_type_is_kem(public_key_type(c->key))) {
		say(reason, cap, "the certificate of ", c->subject,
		    policy->kem ? " has a key that signs, where a KEM's must be"
				: " has a KEM's key, which cannot sign",
		    NULL);
		return false;
	}
	if (policy->kem)
		return check_kem_usage(c, usage, policy, reason, cap);
	/* RFC 9881 5, RFC 9909 6 */
	if (usage != UINT32_MAX && (usage & never) != 0 &&
	    key_type_is_pq(public_key_type(c->key))) {
		say(reason, cap, "keyUsage of the certificate of ", c->subject,
		    " allows encryption, which its key cannot do", NULL);
		return false;
	}
	if ((usage & (X509v3_KU_DIGITAL_SIGNATURE | X509v3_KU_NON_REPUDIATION)) == 0) {
		say(reason, cap, "keyUsage of the certificate of ", c->subject,
		    " allows neither digitalSignature nor nonRepudiation", NULL);
		return false;
	}
	return check_eku(c, policy, reason, cap);
}

/* What the lists and the OCSP responses leave against a chain that is well otherwise. */
static bool check_revocation(const struct trust *t, const struct revocation *r,
			     STACK_OF(X509) * chain, int64_t now, char *reason, size_t cap)
{
	char subject[IDENTITY_TEXT_MAX / 2];
	const struct revocation_verdict v = revocation_settle(
	    r, chain, (const struct certificate *const *)t->responders, t->n_responders, now);

	if (v.code == X509_V_OK)
		return true;
	if (v.wanted)
		say(reason, cap, "there is no good OCSP response about the peer's certificate, ",
		    "and one is wanted (ocsp = require)", NULL, NULL);
	else
		explain(v.code, sk_X509_value(chain, v.depth), reason, cap);
	if (v.code == X509_V_ERR_CERT_REVOKED)
		return false;
	name_format(X509_get_subject_name(sk_X509_value(chain, v.depth)), subject, sizeof(subject));
	text_append(reason, cap, "; of ");
	text_append(reason, cap, subject);
	text_append(reason, cap, v.about_ocsp != NULL ? ": " : " no OCSP response tells");
	text_append(reason, cap, v.about_ocsp != NULL ? v.about_ocsp : "");
	return false;
}

/* A verification of leaf, with what else the peer sent. */
static X509_STORE_CTX *context_for(const struct trust *t, X509 *leaf, STACK_OF(X509) * others,
				   int64_t now)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, t->store, leaf, others) != 1) {
		X509_STORE_CTX_free(ctx);
		return NULL;
	}
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	/* The library counts the certificates between the two ends. */
	X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX - 2);
	/* A configured CA is an anchor whether it is a root or not. X509_V_FLAG_X509_STRICT stays
	 * off: beside the checks of RFC 5280 6, which are made anyway, it refuses CAs that lack key
	 * identifiers, and many private ones do. */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	return ctx;
}

static enum err check_path(const struct trust *t, const struct trust_policy *policy,
			   const struct certificate *const *certs, size_t n, int64_t now,
			   char *reason, size_t cap)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	X509_STORE_CTX *ctx = NULL;
	struct revocation lists = {0};
	enum err e = ERR_NO_MEMORY;

	say(reason, cap, "out of memory", NULL, NULL, NULL);
	if (others == NULL)
		return e;
	for (size_t i = 1; i < n; i++)
		if (sk_X509_push(others, certs[i]->x509) == 0)
			goto done;
	ctx = context_for(t, certs[0]->x509, others, now);
	if (ctx == NULL || revocation_begin(&lists, ctx, policy, t->crls, t->n_crls) != ERR_NONE)
		goto done;
	e = ERR_AUTH;
	if (X509_verify_cert(ctx) != 1)
		explain(X509_STORE_CTX_get_error(ctx), X509_STORE_CTX_get_current_cert(ctx), reason,
			cap);
	else if (check_algorithms(X509_STORE_CTX_get0_chain(ctx), policy, reason, cap) &&
		 check_revocation(t, &lists, X509_STORE_CTX_get0_chain(ctx), now, reason, cap))
		e = ERR_NONE;
done:
	X509_STORE_CTX_free(ctx);
	revocation_end(&lists);
	sk_X509_free(others);
	ERR_clear_error();
	return e;
}

enum err trust_check_chain(const struct trust *t, const struct trust_policy *policy,
			   const struct certificate *const *certs, size_t n,
			   const struct identity *id, int64_t now, char *reason, size_t cap)
{
	enum err e;

	if (n == 0 || n > CERTIFICATES_MAX) {
		say(reason, cap,
		    n == 0 ? "the peer sent no certificate"
			   : "the peer sent more than 8 certificates",
		    NULL, NULL, NULL);
		return n == 0 ? ERR_AUTH : ERR_LIMIT;
	}
	if (certs[0]->key == NULL) {
		say(reason, cap, "the key in the certificate of ", certs[0]->subject,
		    " is of a type that cannot be used", NULL);
		return ERR_AUTH;
	}
	/* The name first: it costs nothing, and it is the mistake that people make. */
	if (id != NULL && !certificate_matches(certs[0], id, reason, cap))
		return ERR_AUTH;
	if (!check_usage(certs[0], policy, reason, cap))
		return ERR_AUTH;
	e = check_path(t, policy, certs, n, now, reason, cap);
	if (e == ERR_NONE)
		say(reason, cap, NULL, NULL, NULL, NULL);
	return e;
}

void trust_write_certreq(const struct trust *t, struct writer *w)
{
	for (size_t i = 0; i < t->n; i++)
		writer_bytes(w, bytes_of(t->cas[i]->spki_hash, CERTIFICATE_SPKI_HASH_LEN));
}

void trust_write_responders(const struct trust *t, struct writer *w)
{
	for (size_t i = 0; i < t->n_responders; i++)
		writer_bytes(w, bytes_of(t->responders[i]->spki_hash, CERTIFICATE_SPKI_HASH_LEN));
}

/* The configured CA that issued c, when c is not its own issuer. */
static const struct certificate *issuer_of(const struct trust *t, const struct certificate *c)
{
	for (size_t i = 0; t != NULL && i < t->n; i++)
		if (!bytes_equal(certificate_der(t->cas[i]), certificate_der(c)) &&
		    certificate_issued(t->cas[i], c))
			return t->cas[i];
	return NULL;
}

size_t certreq_answers(const struct trust *t, const struct own_chain *chain, uint8_t *hashes,
		       size_t cap)
{
	struct writer w = writer_of(hashes, cap * CERTIFICATE_SPKI_HASH_LEN);

	for (size_t i = 0; i < chain->n; i++) {
		const struct certificate *c = chain->certs[i];

		for (size_t up = 0; c != NULL && up <= CHAIN_DEPTH_MAX; up++) {
			if (w.n == w.cap)
				break;
			writer_bytes(&w, bytes_of(c->spki_hash, CERTIFICATE_SPKI_HASH_LEN));
			c = issuer_of(t, c);
		}
	}
	return w.n / CERTIFICATE_SPKI_HASH_LEN;
}
