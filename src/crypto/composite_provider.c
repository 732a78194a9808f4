/* The provider: keys and signatures. The library calls these functions by their numbers in
 * <openssl/core_dispatch.h>, and provider-keymgmt(7) and provider-signature(7) say what each does.
 */
#include "crypto/composite.h"

#include <stdio.h>
#include <string.h>

#include "crypto/composite_ready.h"

/* What generates a key, before it does. */
struct generator {
	const struct composite *algorithm;
	bool pair;
};

static void *generator_new(const struct composite *a, int selection)
{
	struct generator *g = OPENSSL_zalloc(sizeof(*g));

	if (g == NULL)
		return NULL;
	g->algorithm = a;
	g->pair = (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
	return g;
}

/* There are no parameters without a key, which the library may ask for. */
static void *generate(void *generator, OSSL_CALLBACK *progress, void *arg)
{
	const struct generator *g = generator;

	(void)progress;
	(void)arg;
	return g->pair ? composite_generate(g->algorithm) : NULL;
}

static void generator_free(void *generator)
{
	OPENSSL_free(generator);
}

static void key_free(void *key)
{
	composite_key_free(key);
}

/* Takes the key out of what our decoder refers to. */
static void *key_load(const void *reference, size_t n)
{
	struct composite_key **from = (struct composite_key **)(uintptr_t)reference;
	struct composite_key *k = NULL;

	if (n != sizeof(k))
		return NULL;
	k = *from;
	*from = NULL;
	return k;
}

static int key_has(const void *key, int selection)
{
	const struct composite_key *k = key;

	return k != NULL && ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || k->private);
}

static int key_match(const void *a, const void *b, int selection)
{
	return (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0 || composite_public_equal(a, b);
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
	const struct composite_key *k = key;
	const int size = (int)composite_signature_max(k->algorithm);
	OSSL_PARAM *p;

	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_BITS)) != NULL &&
	    OSSL_PARAM_set_int(p, EVP_PKEY_get_bits(k->ml_dsa)) != 1)
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_SECURITY_BITS)) != NULL &&
	    OSSL_PARAM_set_int(p, k->algorithm->security_bits) != 1)
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE)) != NULL &&
	    OSSL_PARAM_set_int(p, size) != 1)
		return 0;
	/* The message is hashed inside: whoever signs gives none. */
	p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST);
	return p == NULL || OSSL_PARAM_set_utf8_string(p, "") == 1;
}

static const OSSL_PARAM *key_gettable(void *provider)
{
	static const OSSL_PARAM params[] = {
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)provider;
	return params;
}

/* Of one signature that is made or checked. */
struct operation {
	struct composite_key key; /* with references of its own */
	uint8_t context[COMPOSITE_CONTEXT_MAX];
	size_t context_len;
};

static void *operation_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return OPENSSL_zalloc(sizeof(struct operation));
}

static void operation_free(void *operation)
{
	struct operation *o = operation;

	if (o == NULL)
		return;
	EVP_PKEY_free(o->key.ml_dsa);
	EVP_PKEY_free(o->key.traditional);
	OPENSSL_free(o);
}

static int operation_set_params(void *operation, const OSSL_PARAM params[])
{
	struct operation *o = operation;
	const OSSL_PARAM *p =
	    params != NULL ? OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_CONTEXT_STRING)
			   : NULL;
	void *context = o->context;

	return p == NULL ||
	       OSSL_PARAM_get_octet_string(p, &context, sizeof(o->context), &o->context_len) == 1;
}

static const OSSL_PARAM *operation_settable(void *operation, void *provider)
{
	static const OSSL_PARAM params[] = {
	    OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)operation;
	(void)provider;
	return params;
}

static int operation_begin(void *operation, const char *md, void *key, const OSSL_PARAM params[])
{
	struct operation *o = operation;
	const struct composite_key *k = key;

	if (md != NULL && md[0] != '\0')
		return 0;
	if (k != NULL) {
		if (EVP_PKEY_up_ref(k->ml_dsa) != 1 || EVP_PKEY_up_ref(k->traditional) != 1)
			return 0;
		EVP_PKEY_free(o->key.ml_dsa);
		EVP_PKEY_free(o->key.traditional);
		o->key = *k;
	}
	o->context_len = 0;
	return o->key.algorithm != NULL && operation_set_params(o, params);
}

static int operation_sign(void *operation, unsigned char *signature, size_t *n, size_t cap,
			  const unsigned char *message, size_t message_len)
{
	const struct operation *o = operation;
	const size_t most = composite_signature_max(o->key.algorithm);

	if (signature == NULL) {
		*n = most;
		return 1;
	}
	*n = cap < most ? 0
			: composite_sign(&o->key, bytes_of(o->context, o->context_len),
					 bytes_of(message, message_len), signature);
	return *n != 0;
}

static int operation_verify(void *operation, const unsigned char *signature, size_t n,
			    const unsigned char *message, size_t message_len)
{
	const struct operation *o = operation;

	return composite_verify(&o->key, bytes_of(o->context, o->context_len),
				bytes_of(message, message_len), bytes_of(signature, n));
}

/* The AlgorithmIdentifier for certificates: the OID, and no parameters (section 5). */
static int operation_get_params(void *operation, OSSL_PARAM params[])
{
	const struct operation *o = operation;
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
	X509_ALGOR *identifier;
	ASN1_OBJECT *oid;
	unsigned char *der = NULL;
	int n = 0;
	bool ok;

	if (p == NULL)
		return 1;
	if (o->key.algorithm == NULL)
		return 0;
	identifier = X509_ALGOR_new();
	oid = OBJ_txt2obj(o->key.algorithm->oid, 1);
	if (identifier != NULL && oid != NULL &&
	    X509_ALGOR_set0(identifier, oid, V_ASN1_UNDEF, NULL) == 1) {
		oid = NULL; /* the identifier's now */
		n = i2d_X509_ALGOR(identifier, &der);
	}
	ok = n > 0 && OSSL_PARAM_set_octet_string(p, der, (size_t)n) == 1;
	OPENSSL_free(der);
	ASN1_OBJECT_free(oid);
	X509_ALGOR_free(identifier);
	return ok;
}

static const OSSL_PARAM *operation_gettable(void *operation, void *provider)
{
	static const OSSL_PARAM params[] = {
	    OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)operation;
	(void)provider;
	return params;
}

typedef void (*function)(void);

/* The same for all algorithms, but for the place left for what generates. */
static const OSSL_DISPATCH keymgmt[] = {
    {OSSL_FUNC_KEYMGMT_GEN_INIT, NULL},
    {OSSL_FUNC_KEYMGMT_GEN, (function)generate},
    {OSSL_FUNC_KEYMGMT_GEN_CLEANUP, (function)generator_free},
    {OSSL_FUNC_KEYMGMT_LOAD, (function)key_load},
    {OSSL_FUNC_KEYMGMT_FREE, (function)key_free},
    {OSSL_FUNC_KEYMGMT_HAS, (function)key_has},
    {OSSL_FUNC_KEYMGMT_MATCH, (function)key_match},
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, (function)key_get_params},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (function)key_gettable},
    OSSL_DISPATCH_END,
};

static const OSSL_DISPATCH signature[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (function)operation_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (function)operation_free},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (function)operation_begin},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (function)operation_sign},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, (function)operation_begin},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, (function)operation_verify},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (function)operation_get_params},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (function)operation_gettable},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (function)operation_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (function)operation_settable},
    OSSL_DISPATCH_END,
};

/* The library does not tell a generator of which type its key is to be: each has its own. */
#define OF_ITS_OWN(number)                                                                         \
	static void *generate_##number(void *provider, int selection, const OSSL_PARAM params[])   \
	{                                                                                          \
		(void)provider;                                                                    \
		(void)params;                                                                      \
		return generator_new(composite_at(number - COMPOSITE_FIRST), selection);           \
	}

OF_ITS_OWN(37)
OF_ITS_OWN(38)
OF_ITS_OWN(39)
OF_ITS_OWN(40)
OF_ITS_OWN(41)
OF_ITS_OWN(42)
OF_ITS_OWN(43)
OF_ITS_OWN(44)
OF_ITS_OWN(45)
OF_ITS_OWN(46)
OF_ITS_OWN(47)
OF_ITS_OWN(48)
OF_ITS_OWN(49)
OF_ITS_OWN(50)
OF_ITS_OWN(51)
OF_ITS_OWN(52)
OF_ITS_OWN(53)
OF_ITS_OWN(54)

static const function own[COMPOSITES] = {
    (function)generate_37, (function)generate_38, (function)generate_39, (function)generate_40,
    (function)generate_41, (function)generate_42, (function)generate_43, (function)generate_44,
    (function)generate_45, (function)generate_46, (function)generate_47, (function)generate_48,
    (function)generate_49, (function)generate_50, (function)generate_51, (function)generate_52,
    (function)generate_53, (function)generate_54,
};

static void fill(struct composite_provider *p)
{
	for (size_t i = 0; i < COMPOSITES; i++) {
		const struct composite *a = composite_at(i);

		(void)snprintf(p->names[i], sizeof(p->names[i]), "%s:%s:%s", a->name, a->id,
			       a->oid);
		memcpy(p->keymgmt[i], keymgmt, sizeof(keymgmt));
		p->keymgmt[i][0].function = own[i];
		p->keymgmts[i] =
		    (OSSL_ALGORITHM){p->names[i], COMPOSITE_PROPERTIES, p->keymgmt[i], NULL};
		p->signatures[i] =
		    (OSSL_ALGORITHM){p->names[i], COMPOSITE_PROPERTIES, signature, NULL};
	}
	composite_fill_codecs(p);
}

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	struct composite_provider *p = provider;

	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return p->keymgmts;
	case OSSL_OP_SIGNATURE:
		return p->signatures;
	case OSSL_OP_DECODER:
		return p->decoders;
	case OSSL_OP_ENCODER:
		return p->encoders;
	default:
		return NULL;
	}
}

static void teardown(void *provider)
{
	OPENSSL_free(provider);
}

static int provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
			 const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
	    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (function)query},
	    {OSSL_FUNC_PROVIDER_TEARDOWN, (function)teardown},
	    OSSL_DISPATCH_END,
	};
	struct composite_provider *p = OPENSSL_zalloc(sizeof(*p));

	(void)core;
	if (p == NULL)
		return 0;
	for (; in->function_id != 0; in++) {
		if (in->function_id == OSSL_FUNC_BIO_READ_EX)
			p->read = OSSL_FUNC_BIO_read_ex(in);
		else if (in->function_id == OSSL_FUNC_BIO_WRITE_EX)
			p->write = OSSL_FUNC_BIO_write_ex(in);
	}
	if (p->read == NULL || p->write == NULL) {
		OPENSSL_free(p);
		return 0;
	}
	fill(p);
	*out = functions;
	*provider = p;
	return 1;
}

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static OSSL_PROVIDER *loaded;
static int nids[COMPOSITES]; /* NID_undef before load() */

static void unload(void)
{
	(void)OSSL_PROVIDER_unload(loaded);
	loaded = NULL;
}

/* The library finds the key's type of a signature on a certificate by the number of its OID. */
static bool name_objects(void)
{
	for (size_t i = 0; i < COMPOSITES; i++) {
		const struct composite *a = composite_at(i);
		int nid = OBJ_txt2nid(a->oid);

		if (nid == NID_undef)
			nid = OBJ_create(a->oid, a->id, a->name);
		if (nid == NID_undef || OBJ_add_sigid(nid, NID_undef, nid) != 1)
			return false;
		nids[i] = nid;
	}
	return true;
}

bool composite_is_nid(int nid)
{
	for (size_t i = 0; i < COMPOSITES; i++)
		if (nid != NID_undef && nids[i] == nid)
			return true;
	return false;
}

static void load(void)
{
	if (name_objects() && OSSL_PROVIDER_add_builtin(NULL, "postern", provider_init) == 1)
		loaded = OSSL_PROVIDER_try_load(NULL, "postern", 1);
	if (loaded != NULL && OPENSSL_atexit(unload) != 1)
		unload();
	ERR_clear_error();
}

void composite_ready(void)
{
	(void)CRYPTO_THREAD_run_once(&once, load);
}
