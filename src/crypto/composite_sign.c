/* Section 3 of draft-ietf-lamps-pq-composite-sigs. */
#include "crypto/composite.h"

#include <string.h>

#define PREFIX   "CompositeAlgorithmSignatures2025"
#define HASH_MAX 64

/* M' = Prefix | Label | len(ctx) | ctx | PH(M): what both parts sign. */
struct representative {
	uint8_t
	    octets[sizeof(PREFIX) - 1 + COMPOSITE_LABEL_MAX + 1 + COMPOSITE_CONTEXT_MAX + HASH_MAX];
	size_t n;
};

/* 64 octets of SHAKE-256, else what the hash gives; the length, or 0. */
static size_t hash(const char *name, struct bytes message, uint8_t out[HASH_MAX])
{
	EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned n = 0;
	bool ok = md != NULL && ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
		  EVP_DigestUpdate(ctx, message.p, message.n) == 1;

	if (ok && EVP_MD_xof(md)) {
		n = HASH_MAX;
		ok = EVP_DigestFinalXOF(ctx, out, n) == 1;
	} else if (ok) {
		ok = EVP_DigestFinal_ex(ctx, out, &n) == 1;
	}
	EVP_MD_CTX_free(ctx);
	EVP_MD_free(md);
	return ok ? n : 0;
}

static bool represent(struct representative *r, const struct composite *a, struct bytes context,
		      struct bytes message)
{
	struct writer w = writer_of(r->octets, sizeof(r->octets));
	uint8_t digest[HASH_MAX];
	size_t n = hash(a->ph, message, digest);

	if (n == 0 || context.n > COMPOSITE_CONTEXT_MAX)
		return false;
	writer_bytes(&w, BYTES_LITERAL(PREFIX));
	writer_bytes(&w, bytes_of(a->label, strlen(a->label)));
	writer_u8(&w, (uint8_t)context.n);
	writer_bytes(&w, context);
	writer_bytes(&w, bytes_of(digest, n));
	r->n = w.n;
	return writer_ok(&w);
}

/* A context for one part: pctx is set up to sign when sign, else to verify. ML-DSA takes M' itself,
 * with the label as context; RSA-PSS a salt as long as its hash (section 6.1). */
static EVP_MD_CTX *part_context(const struct composite *a, EVP_PKEY *pkey, bool ml_dsa, bool sign)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
					      (void *)(uintptr_t)a->label, strlen(a->label)),
	    OSSL_PARAM_construct_end(),
	};
	const char *md = ml_dsa ? NULL : a->hash;
	const OSSL_PARAM *extra = ml_dsa ? params : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok = ctx != NULL &&
		  (sign ? EVP_DigestSignInit_ex(ctx, &pctx, md, NULL, NULL, pkey, extra)
			: EVP_DigestVerifyInit_ex(ctx, &pctx, md, NULL, NULL, pkey, extra)) == 1;

	if (ok && !ml_dsa && a->kind == COMPOSITE_RSA_PKCS1)
		ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING) == 1;
	if (ok && !ml_dsa && a->kind == COMPOSITE_RSA_PSS)
		ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	if (ok)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

/* The length, or 0. */
static size_t sign_part(const struct composite *a, EVP_PKEY *pkey, bool ml_dsa,
			const struct representative *r, uint8_t *out, size_t cap)
{
	EVP_MD_CTX *ctx = part_context(a, pkey, ml_dsa, true);
	size_t n = cap;

	if (ctx == NULL || EVP_DigestSign(ctx, out, &n, r->octets, r->n) != 1)
		n = 0;
	EVP_MD_CTX_free(ctx);
	return n;
}

static bool verify_part(const struct composite *a, EVP_PKEY *pkey, bool ml_dsa,
			const struct representative *r, struct bytes signature)
{
	EVP_MD_CTX *ctx = part_context(a, pkey, ml_dsa, false);
	bool ok =
	    ctx != NULL && EVP_DigestVerify(ctx, signature.p, signature.n, r->octets, r->n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

size_t composite_signature_max(const struct composite *a)
{
	return a->ml_dsa_signature_len + a->traditional_signature_len;
}

size_t composite_sign(const struct composite_key *k, struct bytes context, struct bytes message,
		      uint8_t *out)
{
	const struct composite *a = k->algorithm;
	const size_t cut = a->ml_dsa_signature_len;
	struct representative r;
	size_t n;

	if (!k->private || !represent(&r, a, context, message) ||
	    sign_part(a, k->ml_dsa, true, &r, out, cut) != cut)
		return 0;
	n = sign_part(a, k->traditional, false, &r, out + cut, a->traditional_signature_len);
	return n != 0 ? cut + n : 0;
}

bool composite_verify(const struct composite_key *k, struct bytes context, struct bytes message,
		      struct bytes signature)
{
	const struct composite *a = k->algorithm;
	const size_t cut = a->ml_dsa_signature_len;
	struct representative r;

	if (signature.n <= cut || signature.n > composite_signature_max(a) ||
	    !represent(&r, a, context, message))
		return false;
	return verify_part(a, k->ml_dsa, true, &r, bytes_of(signature.p, cut)) &&
	       verify_part(a, k->traditional, false, &r,
			   bytes_of(signature.p + cut, signature.n - cut));
}
