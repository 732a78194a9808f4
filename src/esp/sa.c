#include "esp/sa.h"

#include <string.h>

#include "base/mem.h"
#include "esp/sa_private.h"

#define SPI_MIN          256 /* RFC 4303 2.1: 1..255 are reserved, 0 is never sent */
#define TRAILER_LEN      2   /* Pad Length, Next Header */
#define NEXT_HEADER_NONE 59
/* RFC 4303 A3: after so many packets in a row whose ICV does not hold, one is tried with the next
 * subspaces of sequence numbers. It costs at most a sixteenth more than the forgeries themselves.
 */
#define RESYNC_AFTER 128
#define RESYNC_TRIES 8

/* RFC 4303 2.4; no more than a cipher's block asks for is ever made. */
static const uint8_t default_padding[ENCR_BLOCK_MAX] = {1, 2,  3,  4,  5,  6,  7,  8,
							9, 10, 11, 12, 13, 14, 15, 16};

static enum err check_params(const struct esp_sa_params *p)
{
	const struct encr_desc *d = p->suite.encr;

	if (d == NULL || !d->in_esp || !encr_takes_bits(d, p->suite.key_bits))
		return ERR_UNSUPPORTED;
	/* RFC 4303 5: never neither; and never a cipher without integrity (RFC 8221 4). */
	if ((p->suite.integ == NULL) != encr_is_aead(d))
		return ERR_UNSUPPORTED;
	if (d->iv_len > ENCR_IV_MAX || d->block_len > ENCR_BLOCK_MAX ||
	    (d->kind != ENCR_KIND_CBC && d->iv_len != 0 && d->iv_len != sizeof(uint64_t)) ||
	    (encr_is_aead(d) && d->iv_len == 0))
		return ERR_UNSUPPORTED;
	if (p->spi < SPI_MIN || p->keys.encr.n != encr_keymat_len(d, p->suite.key_bits) ||
	    p->keys.integ.n != (p->suite.integ != NULL ? p->suite.integ->key_len : 0U))
		return ERR_RANGE;
	return ERR_NONE;
}

static size_t sa_size(const struct esp_sa_params *p)
{
	return sizeof(struct esp_sa) + p->keys.encr.n + p->keys.integ.n;
}

static enum err sa_new(struct esp_sa **out, const struct esp_sa_params *p)
{
	const struct encr_desc *d = p->suite.encr;
	enum err err = check_params(p);
	struct esp_sa *sa;

	*out = NULL;
	if (err != ERR_NONE)
		return err;
	sa = mem_new(sa_size(p));
	if (sa == NULL)
		return ERR_NO_MEMORY;
	sa->spi = p->spi;
	sa->suite = p->suite;
	sa->esn = p->esn;
	sa->sequence_max = p->esn ? UINT64_MAX : UINT32_MAX;
	sa->hard_packets = p->hard_packets != 0 ? p->hard_packets : UINT64_MAX;
	sa->hard_octets = p->hard_octets != 0 ? p->hard_octets : UINT64_MAX;
	sa->iv_len = d->iv_len;
	sa->icv_len = (uint8_t)protect_icv_len(&p->suite);
	sa->granule = d->block_len > 4 ? d->block_len : 4;
	sa->aead = encr_is_aead(d);
	sa->random_iv = d->kind == ENCR_KIND_CBC;
	sa->encr_len = (uint8_t)p->keys.encr.n;
	sa->integ_len = (uint8_t)p->keys.integ.n;
	if (sa->encr_len > 0)
		memcpy(sa->keys, p->keys.encr.p, sa->encr_len);
	if (sa->integ_len > 0)
		memcpy(sa->keys + sa->encr_len, p->keys.integ.p, sa->integ_len);
	*out = sa;
	return ERR_NONE;
}

enum err esp_sa_new_outbound(struct esp_sa **sa, const struct esp_sa_params *params)
{
	return sa_new(sa, params);
}

enum err esp_sa_new_inbound(struct esp_sa **sa, const struct esp_sa_params *params)
{
	uint32_t window = params->replay_window;
	enum err err;

	*sa = NULL;
	if (window != 0 && (window < REPLAY_WINDOW_MIN || window > REPLAY_WINDOW_MAX))
		return ERR_RANGE;
	err = sa_new(sa, params);
	if (err != ERR_NONE)
		return err;
	if (!replay_init(&(*sa)->replay, window)) {
		esp_sa_free(*sa);
		*sa = NULL;
		return ERR_NO_MEMORY;
	}
	return ERR_NONE;
}

void esp_sa_rest(struct esp_sa *sa)
{
	if (sa->transform != NULL)
		sa->transform->forget(sa->expanded);
	sa->transform = NULL;
	sa->expanded = NULL;
}

void esp_sa_free(struct esp_sa *sa)
{
	if (sa == NULL)
		return;
	esp_sa_rest(sa);
	replay_clear(&sa->replay);
	mem_free_secret(sa, sizeof(*sa) + sa->encr_len + sa->integ_len);
}

static bool wake(struct esp_engine *e, struct esp_sa *sa)
{
	const struct esp_transform *t;
	const struct protect_keys keys = {
	    .encr = bytes_of(sa->keys, sa->encr_len),
	    .integ = bytes_of(sa->keys + sa->encr_len, sa->integ_len),
	};

	if (sa->transform != NULL)
		return true;
	t = esp_engine_transform(e, &sa->suite);
	if (t == NULL)
		return false;
	sa->expanded = t->expand(e, &sa->suite, &keys);
	if (sa->expanded == NULL)
		return false;
	sa->transform = t;
	sa->batch = t->batch(sa->expanded);
	return true;
}

static size_t padding_for(const struct esp_sa *sa, size_t len)
{
	size_t over = (len + TRAILER_LEN) % sa->granule;

	return over == 0 ? 0 : sa->granule - over;
}

size_t esp_overhead(const struct esp_sa *sa, size_t len)
{
	return ESP_HEADER_LEN + (size_t)sa->iv_len + padding_for(sa, len) + TRAILER_LEN +
	       sa->icv_len;
}

size_t esp_payload_max(const struct esp_sa *sa, size_t most)
{
	size_t fixed = ESP_HEADER_LEN + (size_t)sa->iv_len + sa->icv_len;

	if (most < fixed + sa->granule)
		return 0;
	return (most - fixed) / sa->granule * sa->granule - TRAILER_LEN;
}

/* The fields of fixed place that are written for every packet, in room that was measured before;
 * inline, since they are most of what framing costs. */
static inline void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void put_u64(uint8_t *p, uint64_t v)
{
	put_u32(p, (uint32_t)(v >> 32));
	put_u32(p + 4, (uint32_t)v);
}

/* The AAD of an AEAD holds the whole number with ESN (RFC 4106 5); else SPI and the half that is
 * sent are hashed, and the other half after the text (RFC 4303 2.2.1, 3.3.2.1). */
static inline void cover(const struct esp_sa *sa, struct esp_job *j)
{
	j->aad_len = ESP_HEADER_LEN;
	j->tail_len = 0;
	put_u32(j->aad, sa->spi);
	if (!sa->esn) {
		put_u32(j->aad + 4, (uint32_t)j->seq);
	} else if (sa->aead) {
		put_u64(j->aad + 4, j->seq);
		j->aad_len = ESP_JOB_AAD_MAX;
	} else {
		put_u32(j->aad + 4, (uint32_t)j->seq);
		put_u32(j->tail, (uint32_t)(j->seq >> 32));
		j->tail_len = ESP_TAIL_MAX;
	}
}

/* Whether a packet of len octets may still be counted against the SA's limits. */
static bool within_limits(const struct esp_sa *sa, size_t len)
{
	return sa->packets < sa->hard_packets && len <= sa->hard_octets &&
	       sa->octets <= sa->hard_octets - len;
}

static inline void put_iv(struct esp_engine *e, const struct esp_sa *sa, uint8_t *iv, uint64_t seq)
{
	if (sa->random_iv)
		esp_engine_random(e, iv, sa->iv_len);
	else if (sa->iv_len > 0)
		/* The packet counter: unique under the key (RFC 4106 3.1, RFC 3686 3.1). */
		put_u64(iv, seq);
}

#ifdef POSTERN_FAULTS
void esp_sa_skip_sequence(struct esp_sa *sa, uint64_t n)
{
	const uint64_t left = sa->sequence_max - sa->sequence;

	sa->sequence += n < left ? n : left;
}

void esp_sa_spoil_padding(struct esp_sa *sa)
{
	sa->spoil_padding = true;
}

static void spoil_padding(struct esp_sa *sa, uint8_t *padding, size_t n)
{
	if (!sa->spoil_padding || n == 0)
		return;
	padding[n - 1] ^= 0x80;
	sa->spoil_padding = false;
}
#else
static inline void spoil_padding(const struct esp_sa *sa, uint8_t *padding, size_t n)
{
	(void)sa;
	(void)padding;
	(void)n;
}
#endif

/* Frames a packet around its payload and describes the work in j; else says why not, and the packet
 * is as it was. */
static enum packet_fate frame(struct esp_engine *e, struct esp_sa *sa, struct packet *p,
			      struct esp_job *j)
{
	size_t head_len = ESP_HEADER_LEN + (size_t)sa->iv_len;
	size_t padding = padding_for(sa, p->len);
	size_t tail_len = padding + TRAILER_LEN + sa->icv_len;
	uint8_t *trailer = p->data + p->len + padding;

	if (packet_headroom(p) < head_len || packet_tailroom(p) < tail_len)
		return PACKET_TOO_BIG;
	/* RFC 4303 3.3.3: the counter never cycles. */
	if (sa->sequence >= sa->sequence_max)
		return PACKET_SEQUENCE_OVER;
	if (!within_limits(sa, p->len))
		return PACKET_LIFETIME_OVER;
	j->seq = p->seq = ++sa->sequence;
	sa->packets++;
	sa->octets += p->len;

	j->head = p->data - head_len;
	put_u32(j->head, sa->spi);
	put_u32(j->head + 4, (uint32_t)j->seq);
	put_iv(e, sa, j->head + ESP_HEADER_LEN, j->seq);
	memcpy(p->data + p->len, default_padding, padding);
	spoil_padding(sa, p->data + p->len, padding);
	trailer[0] = (uint8_t)padding;
	trailer[1] = p->next_header;

	j->packet = p;
	j->iv = j->head + ESP_HEADER_LEN;
	j->iv_len = sa->iv_len;
	j->text = p->data;
	j->text_len = p->len + padding + TRAILER_LEN;
	j->icv = j->text + j->text_len;
	j->ok = false;
	cover(sa, j);
	p->data = j->head;
	p->len = head_len + j->text_len + sa->icv_len;
	return PACKET_OK;
}

static size_t refuse_all(struct packet *const *packets, size_t n, enum packet_fate fate)
{
	for (size_t i = 0; i < n; i++)
		if (packets[i]->fate == PACKET_OK)
			packets[i]->fate = (uint8_t)fate;
	return 0;
}

static size_t seal_batch(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets,
			 size_t n)
{
	size_t n_jobs = 0, good = 0;

	for (size_t i = 0; i < n; i++) {
		struct packet *p = packets[i];

		if (p->fate != PACKET_OK)
			continue;
		p->fate = (uint8_t)frame(e, sa, p, &e->jobs[n_jobs]);
		if (p->fate == PACKET_OK)
			n_jobs++;
		else if (p->fate != PACKET_TOO_BIG)
			sa->spent = true;
	}
	sa->transform->seal(e, sa->expanded, e->jobs, n_jobs);
	for (size_t i = 0; i < n_jobs; i++) {
		if (e->jobs[i].ok)
			good++;
		else
			e->jobs[i].packet->fate = PACKET_CRYPTO_FAILED;
	}
	return good;
}

size_t esp_seal(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets, size_t n)
{
	size_t good = 0;

	if (n > PACKET_VECTOR_MAX || !wake(e, sa))
		return refuse_all(packets, n, PACKET_CRYPTO_FAILED);
	for (size_t i = 0; i < n; i += sa->batch)
		good += seal_batch(e, sa, packets + i, n - i < sa->batch ? n - i : sa->batch);
	return good;
}

/* What the ICV of an inbound packet covers, for the number that it is taken to have. */
static void describe(const struct esp_sa *sa, struct packet *p, uint64_t seq, struct esp_job *j)
{
	size_t head_len = ESP_HEADER_LEN + (size_t)sa->iv_len;

	j->seq = seq;
	j->packet = p;
	j->head = p->data;
	j->iv = j->head + ESP_HEADER_LEN;
	j->iv_len = sa->iv_len;
	j->text = p->data + head_len;
	j->text_len = p->len - head_len - sa->icv_len;
	j->icv = j->text + j->text_len;
	j->ok = false;
	cover(sa, j);
}

/* The number that the packet shows; no length is subtracted from before it was compared. */
static enum packet_fate read_header(const struct esp_sa *sa, const struct packet *p, uint32_t *low)
{
	size_t head_len = ESP_HEADER_LEN + (size_t)sa->iv_len;
	struct reader r = reader_of(bytes_of(p->data, p->len));
	uint32_t spi = reader_u32(&r);

	*low = reader_u32(&r);
	/* A text without so much as its trailer is never a packet, whatever its ICV. */
	if (!reader_ok(&r) || p->len < head_len + sa->granule + sa->icv_len)
		return PACKET_TOO_SHORT;
	if (spi != sa->spi)
		return PACKET_NO_SA;
	return (p->len - head_len - sa->icv_len) % sa->granule == 0 ? PACKET_OK : PACKET_BAD_LENGTH;
}

/* Everything that can be said before the ICV (RFC 4303 3.4.2, 3.4.3). */
static enum packet_fate unframe(struct esp_sa *sa, struct packet *p, struct esp_job *j)
{
	uint32_t low;
	enum packet_fate fate = read_header(sa, p, &low);
	enum replay_verdict v;
	uint64_t seq;

	if (fate != PACKET_OK)
		return fate;
	seq = sa->esn ? replay_infer(&sa->replay, low) : low;
	v = replay_check(&sa->replay, seq);
	if (v != REPLAY_NEW) {
		replay_count(&sa->replay, v);
		return v == REPLAY_DUPLICATE ? PACKET_REPLAY : PACKET_TOO_OLD;
	}
	p->seq = seq;
	describe(sa, p, seq, j);
	return PACKET_OK;
}

/* RFC 4303 A3.2: is it from later than the window can tell? Opens a copy, for that spoils it. */
static bool resync_by(struct esp_engine *e, struct esp_sa *sa, const struct packet *p)
{
	struct packet copy = {.cap = p->len, .len = p->len};
	struct esp_job *j = &e->jobs[0];
	uint32_t low;
	bool found = false;

	if (p->fate != PACKET_OK || read_header(sa, p, &low) != PACKET_OK)
		return false;
	copy.buf = copy.data = mem_new(p->len);
	if (copy.buf == NULL)
		return true;
	uint64_t seq = replay_infer(&sa->replay, low);
	for (unsigned i = 0; i < RESYNC_TRIES && !found && seq <= UINT64_MAX - (UINT64_C(1) << 32);
	     i++) {
		seq += UINT64_C(1) << 32;
		memcpy(copy.data, p->data, p->len);
		describe(sa, &copy, seq, j);
		sa->transform->open(e, sa->expanded, j, 1);
		found = j->ok;
	}
	if (found)
		replay_restart(&sa->replay, seq);
	mem_free_secret(copy.buf, p->len);
	return true;
}

/* One packet is tried; then the count begins anew. */
static void resync(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets, size_t n)
{
	for (size_t i = 0; i < n && sa->bad_in_a_row >= RESYNC_AFTER; i++)
		if (resync_by(e, sa, packets[i]))
			sa->bad_in_a_row = 0;
}

/* The padding is inspected: it is the default 1, 2, 3, ... of RFC 4303 2.4 (3.4.4.1). */
static bool padding_right(const uint8_t *text, size_t text_len, size_t padding)
{
	const uint8_t *pad = text + text_len - TRAILER_LEN - padding;
	unsigned wrong = 0;

	for (size_t i = 0; i < padding; i++)
		wrong |= pad[i] ^ (unsigned)(i + 1);
	return wrong == 0;
}

/* After the ICV: the window again, since the vector's own packets moved it, then the trailer. */
static enum packet_fate accept(struct esp_sa *sa, const struct esp_job *j)
{
	struct packet *p = j->packet;
	enum replay_verdict v;
	size_t padding, len;

	if (!j->ok) {
		sa->bad_in_a_row++;
		return PACKET_BAD_ICV;
	}
	sa->bad_in_a_row = 0;
	v = replay_update(&sa->replay, j->seq);
	if (v != REPLAY_NEW) {
		replay_count(&sa->replay, v);
		return v == REPLAY_DUPLICATE ? PACKET_REPLAY : PACKET_TOO_OLD;
	}
	padding = j->text[j->text_len - TRAILER_LEN];
	if (padding + TRAILER_LEN > j->text_len || !padding_right(j->text, j->text_len, padding))
		return PACKET_BAD_PADDING;
	len = j->text_len - TRAILER_LEN - padding;
	if (!within_limits(sa, len)) {
		sa->spent = true;
		return PACKET_LIFETIME_OVER;
	}
	sa->packets++;
	sa->octets += len;
	p->next_header = j->text[j->text_len - 1];
	p->data = j->text;
	p->len = len;
	return p->next_header == NEXT_HEADER_NONE ? PACKET_DUMMY : PACKET_OK;
}

static size_t open_batch(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets,
			 size_t n)
{
	size_t n_jobs = 0, good = 0;

	if (sa->esn && sa->bad_in_a_row >= RESYNC_AFTER)
		resync(e, sa, packets, n);
	for (size_t i = 0; i < n; i++) {
		struct packet *p = packets[i];

		if (p->fate != PACKET_OK)
			continue;
		p->fate = (uint8_t)unframe(sa, p, &e->jobs[n_jobs]);
		if (p->fate == PACKET_OK)
			n_jobs++;
	}
	sa->transform->open(e, sa->expanded, e->jobs, n_jobs);
	for (size_t i = 0; i < n_jobs; i++) {
		struct packet *p = e->jobs[i].packet;

		p->fate = (uint8_t)accept(sa, &e->jobs[i]);
		if (p->fate == PACKET_OK)
			good++;
	}
	return good;
}

size_t esp_open(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets, size_t n)
{
	size_t good = 0;

	if (n > PACKET_VECTOR_MAX || !wake(e, sa))
		return refuse_all(packets, n, PACKET_CRYPTO_FAILED);
	for (size_t i = 0; i < n; i += sa->batch)
		good += open_batch(e, sa, packets + i, n - i < sa->batch ? n - i : sa->batch);
	return good;
}

uint32_t esp_sa_spi(const struct esp_sa *sa)
{
	return sa->spi;
}

uint64_t esp_sa_packets(const struct esp_sa *sa)
{
	return sa->packets;
}

uint64_t esp_sa_octets(const struct esp_sa *sa)
{
	return sa->octets;
}

uint64_t esp_sa_sequence(const struct esp_sa *sa)
{
	return sa->sequence != 0 ? sa->sequence : sa->replay.top;
}

uint64_t esp_sa_packets_left(const struct esp_sa *sa)
{
	uint64_t numbers = sa->sequence_max - sa->sequence;
	uint64_t packets = sa->packets < sa->hard_packets ? sa->hard_packets - sa->packets : 0;

	return numbers < packets ? numbers : packets;
}

bool esp_sa_spent(const struct esp_sa *sa)
{
	return sa->spent;
}
