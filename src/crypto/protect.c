#include "crypto/protect.h"

#include <limits.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/library.h"
#include "crypto/openssl.h"

#define NONCE_MAX     16
#define CCM_NONCE_LEN 11 /* RFC 4309 4: salt of 3, IV of 8 */

/* What both ways of protecting work on: contexts that have their keys already. */
struct engine {
	const struct protect_suite *suite;
	EVP_CIPHER_CTX *cipher; /* NULL for NULL encryption */
	EVP_MAC_CTX *mac;       /* NULL for an AEAD */
	const uint8_t *salt;
};

size_t protect_icv_len(const struct protect_suite *s)
{
	return encr_is_aead(s->encr) || s->integ == NULL ? s->encr->icv_len : s->integ->icv_len;
}

static bool is_ccm(const struct encr_desc *d)
{
	return d->id == ENCR_AES_CCM_16 || d->id == ENCR_AES_CCM_12 || d->id == ENCR_AES_CCM_8 ||
	       d->id == ENCR_AES_CCM_8_IIV;
}

/* A suite that names what we do and is whole: an AEAD alone, or a cipher and an integrity algorithm
 * (RFC 7296 3.3.3, RFC 4303 3.2: encryption without integrity is not for us). */
static enum err check_suite(const struct protect_suite *s, const struct protect_keys *keys)
{
	if (!encr_takes_bits(s->encr, s->key_bits) || encr_is_aead(s->encr) != (s->integ == NULL))
		return ERR_UNSUPPORTED;
	if (keys->encr.n != encr_keymat_len(s->encr, s->key_bits) ||
	    keys->integ.n != (s->integ != NULL ? s->integ->key_len : 0))
		return ERR_RANGE;
	return ERR_NONE;
}

static enum err check_unit(const struct protect_suite *s, const struct protect_unit *u)
{
	if (u->iv.n != encr_nonce_iv_len(s->encr) || u->text_len > INT_MAX || u->aad.n > INT_MAX ||
	    u->text_len % s->encr->block_len != 0 || (encr_is_aead(s->encr) && u->tail.n != 0))
		return ERR_RANGE;
	return ERR_NONE;
}

/* Gives ctx its cipher, direction and key; the nonce comes with each unit. */
static bool key_cipher(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, const struct protect_suite *s,
		       struct bytes key, int encrypt)
{
	size_t nonce_len = CCM_NONCE_LEN;
	OSSL_PARAM params[3];

	if (EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, encrypt, NULL) != 1)
		return false;
	if (is_ccm(s->encr)) {
		/* Both lengths shape CCM's first block, so they precede the key. */
		params[0] = OSSL_PARAM_construct_size_t(OSSL_CIPHER_PARAM_AEAD_IVLEN, &nonce_len);
		params[1] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL,
							      s->encr->icv_len);
		params[2] = OSSL_PARAM_construct_end();
		if (EVP_CIPHER_CTX_set_params(ctx, params) != 1)
			return false;
	}
	if (EVP_CipherInit_ex2(ctx, NULL, key.p, NULL, -1, NULL) != 1)
		return false;
	return s->encr->kind != ENCR_KIND_CBC || EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
}

/* nonce := salt | IV, and for CTR the block counter, which starts at one (RFC 3686 4). */
static bool start_unit(const struct engine *e, const struct protect_unit *u)
{
	static const uint8_t one[4] = {0, 0, 0, 1};
	uint8_t nonce[NONCE_MAX];
	struct writer w = writer_of(nonce, sizeof(nonce));

	writer_bytes(&w, bytes_of(e->salt, e->suite->encr->salt_len));
	writer_bytes(&w, u->iv);
	if (e->suite->encr->kind == ENCR_KIND_CTR)
		writer_bytes(&w, BYTES_OF(one));
	return writer_ok(&w) && EVP_CipherInit_ex2(e->cipher, NULL, NULL, nonce, -1, NULL) == 1;
}

static bool set_tag(EVP_CIPHER_CTX *ctx, uint8_t *icv, size_t n)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, icv, n),
	    OSSL_PARAM_construct_end(),
	};

	return EVP_CIPHER_CTX_set_params(ctx, params) == 1;
}

static bool get_tag(EVP_CIPHER_CTX *ctx, uint8_t *icv, size_t n)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, icv, n),
	    OSSL_PARAM_construct_end(),
	};

	return EVP_CIPHER_CTX_get_params(ctx, params) == 1;
}

/* The associated data and the text through the cipher. CCM is told the length of the text before
 * anything else and takes the text in one piece, also when it is empty; on the way in this is where
 * it checks the ICV. */
static bool run_aead(const struct engine *e, const struct protect_unit *u)
{
	bool ccm = is_ccm(e->suite->encr);
	uint8_t none[1] = {0};
	uint8_t *text = u->text_len != 0 ? u->text : none;
	int n;

	if (ccm && EVP_CipherUpdate(e->cipher, NULL, &n, NULL, (int)u->text_len) != 1)
		return false;
	if (u->aad.n != 0 && EVP_CipherUpdate(e->cipher, NULL, &n, u->aad.p, (int)u->aad.n) != 1)
		return false;
	if (!ccm && u->text_len == 0)
		return true;
	return EVP_CipherUpdate(e->cipher, text, &n, text, (int)u->text_len) == 1;
}

static enum err seal_aead(const struct engine *e, const struct protect_unit *u)
{
	uint8_t none[ENCR_BLOCK_MAX];
	int n;

	if (!start_unit(e, u) || !run_aead(e, u) || EVP_CipherFinal_ex(e->cipher, none, &n) != 1 ||
	    !get_tag(e->cipher, u->icv, e->suite->encr->icv_len))
		return ERR_CRYPTO;
	return ERR_NONE;
}

static enum err open_aead(const struct engine *e, const struct protect_unit *u)
{
	uint8_t none[ENCR_BLOCK_MAX];
	int n;

	if (!start_unit(e, u) || !set_tag(e->cipher, u->icv, e->suite->encr->icv_len))
		return ERR_CRYPTO;
	if (!run_aead(e, u))
		return ERR_AUTH;
	if (!is_ccm(e->suite->encr) && EVP_CipherFinal_ex(e->cipher, none, &n) != 1)
		return ERR_AUTH;
	return ERR_NONE;
}

/* The MAC covers what precedes the IV, the IV, the ciphertext and what is not sent. */
static bool run_mac(const struct engine *e, const struct protect_unit *u, uint8_t *mac)
{
	const struct bytes parts[] = {u->aad, u->iv, bytes_of(u->text, u->text_len), u->tail};

	return mac_context_run(e->mac, parts, sizeof(parts) / sizeof(parts[0]), mac);
}

static bool run_cipher(const struct engine *e, const struct protect_unit *u)
{
	int n;

	if (e->cipher == NULL || u->text_len == 0)
		return true;
	return start_unit(e, u) &&
	       EVP_CipherUpdate(e->cipher, u->text, &n, u->text, (int)u->text_len) == 1;
}

static enum err seal(const struct engine *e, const struct protect_unit *u)
{
	uint8_t mac[MAC_LEN_MAX];

	if (e->mac == NULL)
		return seal_aead(e, u);
	if (!run_cipher(e, u) || !run_mac(e, u, mac))
		return ERR_CRYPTO;
	memcpy(u->icv, mac, e->suite->integ->icv_len);
	mem_erase(mac, sizeof(mac));
	return ERR_NONE;
}

static enum err open_unit(const struct engine *e, const struct protect_unit *u)
{
	uint8_t mac[MAC_LEN_MAX];
	bool same;

	if (e->mac == NULL)
		return open_aead(e, u);
	if (!run_mac(e, u, mac))
		return ERR_CRYPTO;
	/* RFC 7296 3.14, RFC 4303 3.4.4.1: the check precedes decryption. */
	same = mem_equal_secret(mac, u->icv, e->suite->integ->icv_len);
	mem_erase(mac, sizeof(mac));
	if (!same)
		return ERR_AUTH;
	return run_cipher(e, u) ? ERR_NONE : ERR_CRYPTO;
}

/* The octets of keys->encr before the salt. */
static struct bytes cipher_key(const struct protect_suite *s, struct bytes encr)
{
	return bytes_of(encr.p, encr.n - s->encr->salt_len);
}

static enum err protect_once(struct crypto *c, const struct protect_suite *s,
			     const struct protect_keys *keys, const struct protect_unit *u,
			     int encrypt)
{
	const EVP_CIPHER *cipher;
	struct engine e = {.suite = s};
	struct bytes key;
	enum err result = check_suite(s, keys);

	if (result == ERR_NONE)
		result = check_unit(s, u);
	if (result != ERR_NONE)
		return result;
	result = ERR_CRYPTO;
	key = cipher_key(s, keys->encr);
	e.salt = s->encr->salt_len != 0 ? key.p + key.n : NULL;
	if (s->integ != NULL) {
		e.mac = mac_scratch(c, mac_of_integ(s->integ->id), keys->integ);
		if (e.mac == NULL)
			goto done;
	}
	if (s->encr->kind != ENCR_KIND_NULL) {
		cipher = cipher_fetched(c, s->encr, s->key_bits);
		e.cipher = cipher_scratch(c);
		if (cipher == NULL || !key_cipher(e.cipher, cipher, s, key, encrypt))
			goto done;
	}
	result = encrypt != 0 ? seal(&e, u) : open_unit(&e, u);
done:
	if (result != ERR_NONE)
		ERR_clear_error();
	mac_scratch_done(e.mac);
	if (e.cipher != NULL)
		EVP_CIPHER_CTX_reset(e.cipher); /* erases the key */
	return result;
}

enum err protect_seal(struct crypto *c, const struct protect_suite *s,
		      const struct protect_keys *keys, const struct protect_unit *u)
{
	return protect_once(c, s, keys, u, 1);
}

enum err protect_open(struct crypto *c, const struct protect_suite *s,
		      const struct protect_keys *keys, const struct protect_unit *u)
{
	return protect_once(c, s, keys, u, 0);
}

/* Which way the cipher has been keyed for: CBC's key schedule differs by direction, and the first
 * unit tells it. */
enum keyed { KEYED_NOT, KEYED_SEAL, KEYED_OPEN };

struct protect_context {
	struct protect_suite suite;
	struct engine engine;
	enum keyed keyed;
	uint8_t encr[ENCR_KEY_MAX];
	size_t encr_len;
};

struct protect_context *protect_context_new(const struct protect_suite *s,
					    const struct protect_keys *keys)
{
	struct protect_context *p;

	if (check_suite(s, keys) != ERR_NONE)
		return NULL;
	p = mem_new(sizeof(*p));
	if (p == NULL)
		return NULL;
	p->suite = *s;
	p->encr_len = keys->encr.n;
	if (p->encr_len != 0)
		memcpy(p->encr, keys->encr.p, p->encr_len);
	p->engine.suite = &p->suite;
	p->engine.salt = p->encr + p->encr_len - s->encr->salt_len;
	if (s->integ != NULL) {
		p->engine.mac = mac_context_new(mac_of_integ(s->integ->id));
		if (p->engine.mac == NULL || !mac_context_key(p->engine.mac, keys->integ))
			goto failed;
	}
	if (s->encr->kind != ENCR_KIND_NULL) {
		p->engine.cipher = EVP_CIPHER_CTX_new();
		if (p->engine.cipher == NULL)
			goto failed;
	}
	return p;
failed:
	ERR_clear_error();
	protect_context_free(p);
	return NULL;
}

void protect_context_free(struct protect_context *p)
{
	if (p == NULL)
		return;
	EVP_CIPHER_CTX_free(p->engine.cipher);
	EVP_MAC_CTX_free(p->engine.mac);
	mem_free_secret(p, sizeof(*p));
}

static bool turn(struct protect_context *p, enum keyed way)
{
	const struct encr_desc *d = p->suite.encr;
	EVP_CIPHER *cipher;
	bool ok;

	if (p->keyed == way || p->engine.cipher == NULL)
		return true;
	cipher = EVP_CIPHER_fetch(NULL, cipher_name(d, p->suite.key_bits), NULL);
	if (cipher == NULL)
		return false;
	EVP_CIPHER_CTX_reset(p->engine.cipher);
	ok = key_cipher(p->engine.cipher, cipher, &p->suite,
			cipher_key(&p->suite, bytes_of(p->encr, p->encr_len)), way == KEYED_SEAL);
	EVP_CIPHER_free(cipher); /* the context holds its own reference */
	p->keyed = ok ? way : KEYED_NOT;
	return ok;
}

static enum err context_run(struct protect_context *p, const struct protect_unit *u, enum keyed way)
{
	enum err result = check_unit(&p->suite, u);

	if (result != ERR_NONE)
		return result;
	if (!turn(p, way))
		result = ERR_CRYPTO;
	else
		result = way == KEYED_SEAL ? seal(&p->engine, u) : open_unit(&p->engine, u);
	if (result != ERR_NONE)
		ERR_clear_error();
	return result;
}

enum err protect_context_seal(struct protect_context *p, const struct protect_unit *u)
{
	return context_run(p, u, KEYED_SEAL);
}

enum err protect_context_open(struct protect_context *p, const struct protect_unit *u)
{
	return context_run(p, u, KEYED_OPEN);
}
