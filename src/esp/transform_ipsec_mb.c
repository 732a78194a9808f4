#include "esp/transform.h"

#include <intel-ipsec-mb.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"

#define KEY_ALIGN 64 /* what the library's wide loads like best; it needs 16 */
#define GCM_NONCE 12

/* The keys of one SA as the library wants them. Lives at a multiple of KEY_ALIGN inside a larger
 * block, which `block` remembers. */
struct mb_keys {
	union {
		struct gcm_key_data gcm;
		struct {
			_Alignas(16) uint32_t enc[15 * 4];
			_Alignas(16) uint32_t dec[15 * 4];
		} aes;
		_Alignas(16) uint8_t chacha[32];
	} cipher;
	_Alignas(16) uint8_t inner[IMB_SHA_512_BLOCK_SIZE]; /* HMAC's two hashed pads */
	_Alignas(16) uint8_t outer[IMB_SHA_512_BLOCK_SIZE];
	uint8_t salt[4];
	uint8_t salt_len;
	uint8_t key_len;
	uint8_t icv_len;
	bool gcm;
	IMB_CIPHER_MODE mode;
	IMB_HASH_ALG hash;
	void *block;
};

#define KEY_BLOCK (sizeof(struct mb_keys) + KEY_ALIGN)

void *esp_ipsec_mb_new(void)
{
	IMB_MGR *m = alloc_mb_mgr(0);

	if (m == NULL)
		return NULL;
	init_mb_mgr_auto(m, NULL);
	/* A failed self-test, or a processor without AES instructions, leaves an error behind. */
	if (imb_get_errno(m) != 0) {
		free_mb_mgr(m);
		return NULL;
	}
	return m;
}

void esp_ipsec_mb_free(void *manager)
{
	if (manager != NULL)
		free_mb_mgr(manager);
}

static bool is_gcm(uint16_t id)
{
	return id == ENCR_AES_GCM_16 || id == ENCR_AES_GCM_12 || id == ENCR_AES_GCM_8 ||
	       id == ENCR_AES_GCM_16_IIV;
}

static bool is_ccm(uint16_t id)
{
	return id == ENCR_AES_CCM_16 || id == ENCR_AES_CCM_12 || id == ENCR_AES_CCM_8 ||
	       id == ENCR_AES_CCM_8_IIV;
}

/* The library's names of a suite's parts; false when it lacks one. */
static bool modes_of(const struct protect_suite *s, IMB_CIPHER_MODE *mode, IMB_HASH_ALG *hash)
{
	uint16_t id = s->encr->id;

	if (is_gcm(id) && s->integ == NULL) {
		*mode = IMB_CIPHER_GCM;
		*hash = IMB_AUTH_AES_GMAC;
		return true;
	}
	if (is_ccm(id) && s->integ == NULL && s->key_bits != 192) {
		*mode = IMB_CIPHER_CCM;
		*hash = IMB_AUTH_AES_CCM;
		return true;
	}
	if ((id == ENCR_CHACHA20_POLY1305 || id == ENCR_CHACHA20_POLY1305_IIV) &&
	    s->integ == NULL) {
		*mode = IMB_CIPHER_CHACHA20_POLY1305;
		*hash = IMB_AUTH_CHACHA20_POLY1305;
		return true;
	}
	if (s->integ == NULL)
		return false;
	if (id == ENCR_AES_CBC)
		*mode = IMB_CIPHER_CBC;
	else if (id == ENCR_AES_CTR)
		*mode = IMB_CIPHER_CNTR;
	else if (id == ENCR_NULL)
		*mode = IMB_CIPHER_NULL;
	else
		return false;
	switch (s->integ->id) {
	case INTEG_HMAC_SHA1_96:
		*hash = IMB_AUTH_HMAC_SHA_1;
		return true;
	case INTEG_HMAC_SHA2_256_128:
		*hash = IMB_AUTH_HMAC_SHA_256;
		return true;
	case INTEG_HMAC_SHA2_384_192:
		*hash = IMB_AUTH_HMAC_SHA_384;
		return true;
	case INTEG_HMAC_SHA2_512_256:
		*hash = IMB_AUTH_HMAC_SHA_512;
		return true;
	default:
		return false;
	}
}

static bool takes(const struct esp_engine *e, const struct protect_suite *suite, bool long_aad)
{
	IMB_CIPHER_MODE mode;
	IMB_HASH_ALG hash;

	return e->ipsec_mb != NULL && modes_of(suite, &mode, &hash) &&
	       !(long_aad && mode == IMB_CIPHER_CCM);
}

static void expand_gcm(IMB_MGR *m, struct mb_keys *k, const uint8_t *key)
{
	k->gcm = true;
	if (k->key_len == 16)
		IMB_AES128_GCM_PRE(m, key, &k->cipher.gcm);
	else if (k->key_len == 24)
		IMB_AES192_GCM_PRE(m, key, &k->cipher.gcm);
	else
		IMB_AES256_GCM_PRE(m, key, &k->cipher.gcm);
}

static void expand_aes(IMB_MGR *m, struct mb_keys *k, const uint8_t *key)
{
	if (k->key_len == 16)
		IMB_AES_KEYEXP_128(m, key, k->cipher.aes.enc, k->cipher.aes.dec);
	else if (k->key_len == 24)
		IMB_AES_KEYEXP_192(m, key, k->cipher.aes.enc, k->cipher.aes.dec);
	else
		IMB_AES_KEYEXP_256(m, key, k->cipher.aes.enc, k->cipher.aes.dec);
}

static void *expand(struct esp_engine *e, const struct protect_suite *suite,
		    const struct protect_keys *keys)
{
	uint8_t *block = mem_new(KEY_BLOCK);
	struct mb_keys *k;

	if (block == NULL)
		return NULL;
	k = (struct mb_keys *)(void *)(block + (KEY_ALIGN - (uintptr_t)block % KEY_ALIGN));
	k->block = block;
	k->salt_len = suite->encr->salt_len;
	k->key_len = (uint8_t)(keys->encr.n - k->salt_len);
	k->icv_len = (uint8_t)protect_icv_len(suite);
	if (k->salt_len > 0)
		memcpy(k->salt, keys->encr.p + k->key_len, k->salt_len);
	modes_of(suite, &k->mode, &k->hash);
	if (k->mode == IMB_CIPHER_GCM)
		expand_gcm(e->ipsec_mb, k, keys->encr.p);
	else if (k->mode == IMB_CIPHER_CHACHA20_POLY1305)
		memcpy(k->cipher.chacha, keys->encr.p, sizeof(k->cipher.chacha));
	else if (k->mode != IMB_CIPHER_NULL)
		expand_aes(e->ipsec_mb, k, keys->encr.p);
	if (suite->integ != NULL)
		imb_hmac_ipad_opad(e->ipsec_mb, k->hash, keys->integ.p, keys->integ.n, k->inner,
				   k->outer);
	return k;
}

static void forget(void *expanded)
{
	struct mb_keys *k = expanded;

	if (k != NULL)
		mem_free_secret(k->block, KEY_BLOCK);
}

static size_t batch(const void *expanded)
{
	const struct mb_keys *k = expanded;

	return k->gcm ? ESP_SMALL_BATCH : PACKET_VECTOR_MAX;
}

static void make_nonce(const struct mb_keys *k, struct esp_job *j)
{
	memcpy(j->nonce, k->salt, k->salt_len);
	memcpy(j->nonce + k->salt_len, j->iv, j->iv_len);
}

static void gcm_vector(IMB_MGR *m, struct mb_keys *k, struct esp_job *jobs, size_t n, bool sealing)
{
	aes_gcm_enc_dec_t run;
	struct gcm_context_data ctx;

	if (k->key_len == 16)
		run = sealing ? m->gcm128_enc : m->gcm128_dec;
	else if (k->key_len == 24)
		run = sealing ? m->gcm192_enc : m->gcm192_dec;
	else
		run = sealing ? m->gcm256_enc : m->gcm256_dec;
	for (size_t i = 0; i < n; i++) {
		struct esp_job *j = &jobs[i];

		make_nonce(k, j);
		run(&k->cipher.gcm, &ctx, j->text, j->text, j->text_len, j->nonce, j->aad,
		    j->aad_len, sealing ? j->icv : j->tag, k->icv_len);
		j->ok = sealing || mem_equal_secret(j->tag, j->icv, k->icv_len);
	}
	mem_erase(&ctx, sizeof(ctx));
}

/* The parts of a job of AEADs other than GCM. */
static void fill_aead(IMB_JOB *job, struct mb_keys *k, struct esp_job *j, bool sealing)
{
	bool ccm = k->mode == IMB_CIPHER_CCM;

	make_nonce(k, j);
	job->iv_len_in_bytes = (uint64_t)k->salt_len + j->iv_len;
	job->src = j->text;
	job->cipher_start_src_offset_in_bytes = 0;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = j->text_len;
	if (ccm) {
		job->enc_keys = job->dec_keys = k->cipher.aes.enc;
		job->u.CCM.aad = j->aad;
		job->u.CCM.aad_len_in_bytes = j->aad_len;
	} else {
		job->enc_keys = job->dec_keys = k->cipher.chacha;
		job->u.CHACHA20_POLY1305.aad = j->aad;
		job->u.CHACHA20_POLY1305.aad_len_in_bytes = j->aad_len;
	}
	/* CCM's MAC is over the plaintext, the other's over the ciphertext. */
	job->chain_order = sealing == ccm ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
}

/* A cipher with HMAC: what is hashed runs from the SPI to the end of the text, and on into the
 * place of the ICV, where the high half of an ESN stands in while the hash runs (RFC 4303 2.2.1).
 */
static void fill_hmac(IMB_JOB *job, struct mb_keys *k, struct esp_job *j, bool sealing)
{
	size_t offset = (size_t)(j->text - j->head);

	if (!sealing)
		memcpy(j->came, j->icv, k->icv_len);
	memcpy(j->icv, j->tail, j->tail_len);
	memcpy(j->nonce, k->salt, k->salt_len);
	memcpy(j->nonce + k->salt_len, j->iv, j->iv_len);
	if (k->mode == IMB_CIPHER_CNTR) {
		static const uint8_t one[4] = {0, 0, 0, 1}; /* RFC 3686 4 */

		memcpy(j->nonce + GCM_NONCE, one, sizeof(one));
	}
	job->iv_len_in_bytes = k->mode == IMB_CIPHER_NULL ? 0 : sizeof(j->nonce);
	job->enc_keys = k->cipher.aes.enc;
	job->dec_keys = k->mode == IMB_CIPHER_CBC ? k->cipher.aes.dec : k->cipher.aes.enc;
	job->src = j->head;
	job->cipher_start_src_offset_in_bytes = offset;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = offset + j->text_len + j->tail_len;
	job->u.HMAC._hashed_auth_key_xor_ipad = k->inner;
	job->u.HMAC._hashed_auth_key_xor_opad = k->outer;
	job->chain_order = sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
}

static void fill(IMB_JOB *job, struct mb_keys *k, struct esp_job *j, bool sealing)
{
	job->cipher_mode = k->mode;
	job->hash_alg = k->hash;
	job->cipher_direction = sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->key_len_in_bytes = k->key_len;
	job->dst = j->text;
	job->msg_len_to_cipher_in_bytes = j->text_len;
	job->iv = j->nonce;
	job->auth_tag_output = j->tag;
	job->auth_tag_output_len_in_bytes = k->icv_len;
	job->user_data = j;
	if (k->mode == IMB_CIPHER_CCM || k->mode == IMB_CIPHER_CHACHA20_POLY1305)
		fill_aead(job, k, j, sealing);
	else
		fill_hmac(job, k, j, sealing);
}

static void take_back(const IMB_JOB *job, const struct mb_keys *k, bool sealing)
{
	struct esp_job *j = job->user_data;
	bool aead = k->mode == IMB_CIPHER_CCM || k->mode == IMB_CIPHER_CHACHA20_POLY1305;

	if (job->status != IMB_STATUS_COMPLETED)
		return; /* refused; j->ok stays false */
	if (sealing) {
		memcpy(j->icv, j->tag, k->icv_len);
		j->ok = true;
	} else {
		j->ok = mem_equal_secret(j->tag, aead ? j->icv : j->came, k->icv_len);
	}
}

/* Hands the whole vector in before it asks for the last results: CBC and HMAC gain their speed from
 * working on many packets side by side. */
static void job_vector(IMB_MGR *m, struct mb_keys *k, struct esp_job *jobs, size_t n, bool sealing)
{
	IMB_JOB *done;

	for (size_t i = 0; i < n; i++) {
		jobs[i].ok = false;
		fill(IMB_GET_NEXT_JOB(m), k, &jobs[i], sealing);
		done = IMB_SUBMIT_JOB(m);
		while (done != NULL) {
			take_back(done, k, sealing);
			done = IMB_GET_COMPLETED_JOB(m);
		}
	}
	for (done = IMB_FLUSH_JOB(m); done != NULL; done = IMB_FLUSH_JOB(m))
		take_back(done, k, sealing);
}

static void seal(struct esp_engine *e, void *expanded, struct esp_job *jobs, size_t n)
{
	struct mb_keys *k = expanded;

	if (k->gcm)
		gcm_vector(e->ipsec_mb, k, jobs, n, true);
	else
		job_vector(e->ipsec_mb, k, jobs, n, true);
}

static void open(struct esp_engine *e, void *expanded, struct esp_job *jobs, size_t n)
{
	struct mb_keys *k = expanded;

	if (k->gcm)
		gcm_vector(e->ipsec_mb, k, jobs, n, false);
	else
		job_vector(e->ipsec_mb, k, jobs, n, false);
}

const struct esp_transform esp_transform_ipsec_mb = {
    .name = "ipsec-mb",
    .takes = takes,
    .expand = expand,
    .forget = forget,
    .batch = batch,
    .seal = seal,
    .open = open,
};
