/* Published packets: draft-mcgrew-gcm-test-01 (AES-GCM in ESP, RFC 4106), RFC 7634 appendix A
 * (ChaCha20-Poly1305), RFC 3602 section 4 cases 5 and 6 (AES-CBC), the HMAC halves by way of the
 * PRF, which has the vectors of RFC 4868 and RFC 4231 in its own tests. */
#include "esp_test.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/prf.h"
#include "esp/sa_private.h"

struct aead_vector {
	uint16_t encr;
	const char *key; /* without the salt */
	const char *nonce;
	const char *aad; /* SPI and sequence number; 12 octets with ESN */
	const char *plain;
	const char *sealed; /* with the ICV */
};

static const struct aead_vector vectors[] = {
    {ENCR_AES_GCM_16, "4c80cdefbb5d10da906ac73c3613a634", "2e443b684956ed7e3b244cfe",
     "000043218765432100000000",
     "45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000045f736970045f7564700"
     "37369700963796265726369747902646b000021000101020201",
     "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1f4a13"
     "c5d15b21e1884f5ff6247aeabb786b93bce61bc17d768fd9732459018148f6cbe722fd04796562dfdb4"},
    {ENCR_AES_GCM_16, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "0000a5f80000000a",
     "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d0010000010000000000000373697009637"
     "96265726369747902646b00000100010001",
     "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c3de81827c10e9a4f51330d0eec416"
     "642cfbb85a5b47e48a4ec3b9ba95d918bd183b70d3aa8bc6ee4c309e9d85a41ad4a"},
    {ENCR_AES_GCM_16, "abbccddef00112233445566778899aababbccddef00112233445566778899aab",
     "112233440102030405060708", "4a2cbfe300000002",
     "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b401010"
     "40201020201",
     "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f0545659f14e"
     "99def842d8eb335f4eecfdbf831824b4c4915956c96"},
    {ENCR_AES_GCM_16, "00000000000000000000000000000000", "000000000000000000000000",
     "0000000000000001",
     "4500003c99c500008001cb7a40679318010101010800075c020044006162636465666768696a6b6c6d6e6f7071727"
     "37475767761626364656667686901020201",
     "4688daf2f973a392732909c331d56d60f694abaa414b5e7ff5fdcdfff5e9a284456476492719ffb64de7d9dca1e1d"
     "894bc3bd57873ed4d181d19d4d5c8c18af3f821d496eeb096e98ad2b69e4799c71d"},
    {ENCR_AES_GCM_16, "3de09874b388e6491988d0c3607eae1f", "57690e434e280000a2fca1a3",
     "42f67e3f1010101010101010",
     "4500003c99c300008001cb7c40679318010101010800085c020043006162636465666768696a6b6c6d6e6f7071727"
     "37475767761626364656667686901020201",
     "fba2caa4853cf9f0f22cb10d86dd83b0fec75691cf1a04b00d1138ec9c35791765acbd8701ad79845bf9fe3fba487"
     "bc91755e6662b4c8d0d1f5e22739530320ae0d731cc978ecafaeae88f00e80d6e48"},
    {ENCR_AES_GCM_16, "feffe9928665731c6d6a8f9467308308feffe9928665731c",
     "cafebabefacedbaddecaf888", "0000a5f80000000a",
     "45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d075680001",
     "a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0315b27452144cc7795457b9652037"
     "f5318027b5b4cd7a636"},
    {ENCR_AES_GCM_16, "abbccddef00112233445566778899aab", "decaf888cafedebaceface74",
     "000001000000000000000001",
     "4500004933ba00007f119106c3fb1d10c2b1d326c02831ce0035dd7b800302d500004e20001e8c18d75b81dc91baa"
     "0476b91b924b280389d92c963bac046ec959b6266c04722b14923010101",
     "18a6fd42f72cbf4ab2a2ea901f73d814e3e7f243d95412e1c349c1d2fbec168f9190feebaf2cb01984e65863965d7"
     "472b79da345e0e780191f0d2f0e0f496c226f2127b27db35724e7845d68651f57e65f354f75ff17015769623436"},
    {ENCR_AES_GCM_16, "abbccddef00112233445566778899aababbccddef00112233445566778899aab",
     "73616c74616e640169766563", "17405e67156f3126dd0db99b",
     "45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbecb71260250101f646d540001",
     "f2d69ecdbd5a0d5b8d5ef38bad4da58d1f278fde98ef67549d524a3018d9a57ff4d3a31ce673119e451626c241577"
     "1e3b7eebca614c89b35"},
    {ENCR_AES_GCM_16, "7d773d00c144c525ac619d18c84a3f47", "d966426743457e9182443bc6",
     "335467aeffffffff", "01020201", "437f866bcb3f699fe9b0822bac961c4504bef270"},
    {ENCR_AES_GCM_16, "6c6567616c697a656d6172696a75616e61616e64646f69746265666f72656961",
     "7475726e333021696765746d", "796b6963ffffffffffffffff",
     "45000030da3a00008001df3bc0a80005c0a800010800c6cd020007006162636465666768696a6b6c6d6e6f7071727"
     "37401020201",
     "f97ab2aa356d8edce17644ac8c78e25dd24dedbb29ebf1b64a274b39b49c3a864cd3d78ca4ae68a32b42458fb57db"
     "e821dcc63b9d0937ba2945f669368661a329fb4c053"},
    {ENCR_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "a0a1a2a31011121314151617", "0102030400000005",
     "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f10111"
     "2131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363701020204",
     "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c0"
     "2f72aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e076aaa8266b"
     "7fb0f7b11b369907e1ad43"},
};

#define ICV 16

/* The packet as it travels, and its parts. */
struct wire {
	uint8_t keys[ENCR_KEY_MAX];
	struct protect_suite suite;
	struct protect_keys key;
	uint8_t aad[12], nonce[12], plain[256], sealed[256];
	size_t aad_len, plain_len;
	struct box box;
};

static void build(const struct aead_vector *v, struct wire *w)
{
	size_t key_len = unhex(v->key, w->keys, 32);

	unhex(v->nonce, w->nonce, 12);
	memcpy(w->keys + key_len, w->nonce, 4);
	w->suite = (struct protect_suite){encr_find(v->encr), (uint16_t)(key_len * 8), NULL};
	w->key = (struct protect_keys){.encr = bytes_of(w->keys, key_len + 4)};
	w->aad_len = unhex(v->aad, w->aad, sizeof(w->aad));
	w->plain_len = unhex(v->plain, w->plain, sizeof(w->plain));
	assert_int_equal(unhex(v->sealed, w->sealed, sizeof(w->sealed)), w->plain_len + ICV);
	box_put(&w->box, NULL, 16 + w->plain_len + ICV, 0);
	memcpy(w->box.p.data, w->aad, 4);
	memcpy(w->box.p.data + 4, w->aad + w->aad_len - 4, 4);
	memcpy(w->box.p.data + 8, w->nonce + 4, 8);
	memcpy(w->box.p.data + 16, w->sealed, w->plain_len + ICV);
}

/* Below the framing: the published IV goes in as it is, both ways. */
static void run_job(const struct esp_transform *t, struct esp_engine *e, struct wire *w)
{
	void *expanded;
	struct esp_job job, *j = &job;
	uint8_t *text = w->box.p.data + 16;

	assert_non_null(e);
	assert_non_null(t);
	expanded = t->expand(e, &w->suite, &w->key);
	assert_non_null(expanded);
	*j = (struct esp_job){
	    .head = w->box.p.data,
	    .iv = w->box.p.data + 8,
	    .iv_len = 8,
	    .text = text,
	    .icv = text + w->plain_len,
	    .text_len = w->plain_len,
	    .packet = &w->box.p,
	    .aad_len = (uint32_t)w->aad_len,
	};
	memcpy(j->aad_octets, w->aad, w->aad_len);
	j->aad = j->aad_octets;
	memcpy(text, w->plain, w->plain_len);
	memset(j->icv, 0, ICV);
	t->seal(e, expanded, j, 1);
	assert_true(j->ok);
	assert_memory_equal(text, w->sealed, w->plain_len + ICV);
	t->open(e, expanded, j, 1);
	assert_true(j->ok);
	assert_memory_equal(text, w->plain, w->plain_len);
	/* One bit of the ICV. */
	memcpy(text, w->sealed, w->plain_len + ICV);
	text[w->plain_len + ICV - 1] ^= 1;
	t->open(e, expanded, j, 1);
	assert_false(j->ok);
	t->forget(expanded);
}

static void skip_backend(void)
{
	print_message("skipping: ipsec-mb does not run on this machine\n");
	skip();
}

static void jobs_of(enum esp_backend backend)
{
	struct esp_engine *e = esp_engine_new(backend, NULL);

	if (e == NULL)
		skip_backend();
	for (size_t i = 0; i < TEST_COUNT(vectors); i++) {
		struct wire w;

		build(&vectors[i], &w);
		run_job(esp_engine_transform(e, &w.suite, false), e, &w);
	}
	esp_engine_free(e);
	assert_int_equal(mem_blocks_held(), 0);
}

static void aead_library(void **state)
{
	(void)state;
	jobs_of(ESP_BACKEND_LIBRARY);
}

static void aead_ipsec_mb(void **state)
{
	(void)state;
	jobs_of(ESP_BACKEND_IPSEC_MB);
}

/* The whole packet through esp_open(), where its SPI is one that may travel. */
static void aead_packets(void **state)
{
	struct esp_engine *e = esp_engine_new(ESP_BACKEND_BEST, NULL);
	size_t opened = 0;

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(vectors); i++) {
		struct wire w;
		struct esp_sa *sa;
		struct esp_sa_params params;
		struct reader r;
		size_t padding;

		build(&vectors[i], &w);
		r = reader_of(bytes_of(w.aad, w.aad_len));
		params = (struct esp_sa_params){.spi = reader_u32(&r),
						.suite = w.suite,
						.keys = w.key,
						.esn = w.aad_len == 12,
						.replay_window = 64};
		if (params.spi < 256)
			continue;
		assert_int_equal(esp_sa_new_inbound(&sa, &params), ERR_NONE);
		if (params.esn) /* as if all before had come */
			sa->lane.replay.top = reader_u64(&r) - 1;
		assert_int_equal(open_one(e, sa, &w.box), 1);
		padding = w.plain[w.plain_len - 2];
		assert_int_equal(w.box.p.len, w.plain_len - 2 - padding);
		assert_int_equal(w.box.p.next_header, w.plain[w.plain_len - 1]);
		assert_memory_equal(w.box.p.data, w.plain, w.box.p.len);
		opened++;
		esp_sa_free(sa);
	}
	assert_int_equal(opened, TEST_COUNT(vectors) - 1);
	esp_engine_free(e);
}

/* RFC 3602 4, cases 5 and 6: AES-CBC alone, to which an HMAC is added. The published IV comes from
 * the random source; the sequence number is set to what the case has. */
struct cbc_vector {
	const char *key;
	uint32_t spi, seq;
	uint8_t next_header;
	const char *iv, *payload, *cipher;
};

static const struct cbc_vector cbc[] = {
    {"90d382b410eeba7ad938c46cec1a82bf", 0x4321, 1, 1, "e96e8c08ab465763fd098d45dd3ff893",
     "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252"
     "62728292a2b2c2d2e2f3031323334353637",
     "f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856a4699e523a55db080b59ec3a8e4b7"
     "e52775b07d1db34ed9c538ab50c551b874aa269add047ad2d5913ac19b7cfbad4a6"},
    {"90d382b410eeba7ad938c46cec1a82bf", 0x4321, 8, 1, "69d08df7d203329db093fc4924e5bd80",
     "0800b5e8a80a0500a69c083d0b660e00777777777777777777777777",
     "f51995881ec4e0c4488987ce742e8109689bb379d2d750c0d915dca346a89f75"},
};

static const struct cbc_vector *current;

static void published_iv(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i += 16)
		unhex(current->iv, (uint8_t *)buf + i, 16);
}

static void expect_packet(const struct cbc_vector *v, const uint8_t *mac_key, const uint8_t *data,
			  size_t len)
{
	struct crypto *c = crypto_new();
	uint8_t want[256], mac[PRF_MAX];
	struct writer w = writer_of(want, sizeof(want));
	struct bytes part;

	writer_u32(&w, v->spi);
	writer_u32(&w, v->seq);
	unhex(v->iv, writer_reserve(&w, 16), 16);
	w.n += unhex(v->cipher, want + w.n, sizeof(want) - w.n);
	part = bytes_of(want, w.n);
	assert_int_equal(prf(c, prf_find(PRF_HMAC_SHA2_256), bytes_of(mac_key, 32), &part, 1, mac),
			 ERR_NONE);
	writer_bytes(&w, bytes_of(mac, 16)); /* RFC 4868 2.1: half of the digest */
	assert_int_equal(len, w.n);
	assert_memory_equal(data, want, len);
	crypto_free(c);
}

static void cbc_packets(enum esp_backend backend)
{
	struct random_source source = {published_iv, NULL};
	uint8_t keys[16 + 32], payload[128];

	for (size_t i = 0; i < TEST_COUNT(cbc); i++) {
		struct esp_engine *e = esp_engine_new(backend, &source);
		struct esp_sa_params params = {
		    .spi = cbc[i].spi,
		    .suite = {encr_find(ENCR_AES_CBC), 128, integ_find(INTEG_HMAC_SHA2_256_128)},
		    .keys = {bytes_of(keys, 16), bytes_of(keys + 16, 32)},
		    .replay_window = 64,
		};
		struct esp_sa *out, *in;
		struct box b;
		size_t len = unhex(cbc[i].payload, payload, sizeof(payload));

		if (e == NULL)
			skip_backend();
		current = &cbc[i];
		unhex(cbc[i].key, keys, 16);
		memset(keys + 16, 0x5a, 32);
		assert_int_equal(esp_sa_new_outbound(&out, &params), ERR_NONE);
		assert_int_equal(esp_sa_new_inbound(&in, &params), ERR_NONE);
		out->lane.sequence = cbc[i].seq - 1;
		box_put(&b, payload, len, cbc[i].next_header);
		assert_int_equal(seal_one(e, out, &b), 1);
		expect_packet(&cbc[i], keys + 16, b.p.data, b.p.len);
		assert_int_equal(open_one(e, in, &b), 1);
		assert_int_equal(b.p.len, len);
		assert_memory_equal(b.p.data, payload, len);
		esp_sa_free(out);
		esp_sa_free(in);
		esp_engine_free(e);
	}
}

static void cbc_library(void **state)
{
	(void)state;
	cbc_packets(ESP_BACKEND_LIBRARY);
}

static void cbc_ipsec_mb(void **state)
{
	(void)state;
	cbc_packets(ESP_BACKEND_IPSEC_MB);
}

/* NULL encryption (RFC 2410) shows the HMAC half by itself, at each of RFC 4868's lengths and with
 * the high half of an ESN behind the trailer (RFC 4303 2.2.1). */
static void hmac_coverage(enum esp_backend backend)
{
	static const struct {
		uint16_t integ, prf;
		size_t icv_len;
	} macs[] = {{INTEG_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256, 16},
		    {INTEG_HMAC_SHA2_384_192, PRF_HMAC_SHA2_384, 24},
		    {INTEG_HMAC_SHA2_512_256, PRF_HMAC_SHA2_512, 32},
		    {INTEG_HMAC_SHA1_96, PRF_HMAC_SHA1, 12}};
	struct esp_engine *e = esp_engine_new(backend, NULL);
	struct crypto *c = crypto_new();

	for (size_t i = 0; e != NULL && i < TEST_COUNT(macs) * 2; i++) {
		const struct test_suite t = {ENCR_NULL, 0, macs[i / 2].integ};
		bool esn = i % 2 != 0;
		struct esp_sa *sa = test_sa(&t, true, esn, 0, i);
		uint8_t mac[PRF_MAX], high[4] = {0, 0, 0, 6};
		struct bytes parts[2];
		struct box b;

		sa->lane.sequence = esn ? (UINT64_C(6) << 32) + 41 : 41;
		box_put(&b, NULL, 77, 4);
		assert_int_equal(seal_one(e, sa, &b), 1);
		parts[0] = bytes_of(b.p.data, b.p.len - macs[i / 2].icv_len);
		parts[1] = bytes_of(high, esn ? 4 : 0);
		assert_int_equal(prf(c, prf_find(macs[i / 2].prf),
				     bytes_of(sa->keys + sa->encr_len, sa->integ_len), parts, 2,
				     mac),
				 ERR_NONE);
		assert_memory_equal(b.p.data + parts[0].n, mac, macs[i / 2].icv_len);
		esp_sa_free(sa);
	}
	crypto_free(c);
	if (e == NULL)
		skip_backend();
	esp_engine_free(e);
}

static void hmac_library(void **state)
{
	(void)state;
	hmac_coverage(ESP_BACKEND_LIBRARY);
}

static void hmac_ipsec_mb(void **state)
{
	(void)state;
	hmac_coverage(ESP_BACKEND_IPSEC_MB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(aead_library),  cmocka_unit_test(aead_ipsec_mb),
	    cmocka_unit_test(aead_packets),  cmocka_unit_test(cbc_library),
	    cmocka_unit_test(cbc_ipsec_mb),  cmocka_unit_test(hmac_library),
	    cmocka_unit_test(hmac_ipsec_mb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
