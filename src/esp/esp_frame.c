/* The frame of ESP (RFC 4303). */
#include <string.h>

#include "base/mem.h"
#include "esp/sa_private.h"

#define TRAILER_LEN      2 /* Pad Length, Next Header */
#define NEXT_HEADER_NONE 59
/* RFC 4303 A3: after so many packets in a row whose ICV does not hold, one is tried with the next
 * subspaces of sequence numbers. It costs at most a sixteenth more than the forgeries themselves.
 */
#define RESYNC_AFTER 128
#define RESYNC_TRIES 8

/* RFC 4303 2.4; no more than a cipher's block asks for is ever made. */
static const uint8_t default_padding[ENCR_BLOCK_MAX] = {1, 2,  3,  4,  5,  6,  7,  8,
							9, 10, 11, 12, 13, 14, 15, 16};

static size_t padding_for(const struct esp_sa *sa, size_t len)
{
	size_t over = (len + TRAILER_LEN) % sa->granule;

	return over == 0 ? 0 : sa->granule - over;
}

size_t esp_frame_overhead(const struct esp_sa *sa, size_t len)
{
	return ESP_HEADER_LEN + (size_t)sa->iv_len + padding_for(sa, len) + TRAILER_LEN +
	       sa->icv_len;
}

size_t esp_frame_payload_max(const struct esp_sa *sa, size_t most)
{
	size_t fixed = ESP_HEADER_LEN + (size_t)sa->iv_len + sa->icv_len;

	if (most < fixed + sa->granule)
		return 0;
	return (most - fixed) / sa->granule * sa->granule - TRAILER_LEN;
}

/* The AAD of an AEAD holds the whole number with ESN (RFC 4106 5); else SPI and the half that is
 * sent are hashed, and the other half after the text (RFC 4303 2.2.1, 3.3.2.1). */
static inline void cover(const struct esp_sa *sa, struct esp_job *j)
{
	uint8_t *aad = j->aad_octets;

	j->aad = aad;
	j->aad_len = ESP_HEADER_LEN;
	j->tail_len = 0;
	put_u32(aad, sa->spi);
	if (!sa->esn) {
		put_u32(aad + 4, (uint32_t)j->seq);
	} else if (sa->aead) {
		put_u64(aad + 4, j->seq);
		j->aad_len = ESP_JOB_AAD_MAX;
	} else {
		put_u32(aad + 4, (uint32_t)j->seq);
		put_u32(j->tail, (uint32_t)(j->seq >> 32));
		j->tail_len = ESP_TAIL_MAX;
	}
}

/* What the transform gets as IV: for an implicit one the number, 32 or 64 bits of it in eight
 * octets (RFC 8750 4). */
static inline void point_to_iv(const struct esp_sa *sa, struct esp_job *j)
{
	j->iv = j->head + ESP_HEADER_LEN;
	j->iv_len = sa->iv_len;
	if (sa->implicit_iv) {
		put_u64(j->iv_octets, j->seq);
		j->iv = j->iv_octets;
		j->iv_len = sizeof(j->iv_octets);
	}
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
	const uint64_t left = sa->sequence_max - sa->lane.sequence;

	sa->lane.sequence += n < left ? n : left;
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

enum packet_fate esp_frame(struct esp_engine *e, struct esp_sa *sa, struct packet *p,
			   struct esp_job *j)
{
	size_t head_len = ESP_HEADER_LEN + (size_t)sa->iv_len;
	size_t padding = padding_for(sa, p->len);
	size_t tail_len = padding + TRAILER_LEN + sa->icv_len;
	uint8_t *trailer = p->data + p->len + padding;

	if (packet_headroom(p) < head_len || packet_tailroom(p) < tail_len)
		return PACKET_TOO_BIG;
	/* RFC 4303 3.3.3: the counter never cycles. */
	if (sa->lane.sequence >= sa->sequence_max)
		return PACKET_SEQUENCE_OVER;
	if (!esp_sa_within(sa, p->len))
		return PACKET_LIFETIME_OVER;
	j->seq = p->seq = ++sa->lane.sequence;
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
	j->lane = &sa->lane;
	point_to_iv(sa, j);
	j->text = p->data;
	j->text_len = p->len + padding + TRAILER_LEN;
	j->icv = j->text + j->text_len;
	j->ok = false;
	cover(sa, j);
	p->data = j->head;
	p->len = head_len + j->text_len + sa->icv_len;
	return PACKET_OK;
}

/* What the ICV of an inbound packet covers, for the number that it is taken to have. */
static void describe(struct esp_sa *sa, struct packet *p, uint64_t seq, struct esp_job *j)
{
	size_t head_len = ESP_HEADER_LEN + (size_t)sa->iv_len;

	j->seq = seq;
	j->packet = p;
	j->lane = &sa->lane;
	j->head = p->data;
	point_to_iv(sa, j);
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

enum packet_fate esp_unframe(struct esp_sa *sa, struct packet *p, struct esp_job *j)
{
	uint32_t low;
	enum packet_fate fate = read_header(sa, p, &low);
	enum replay_verdict v;
	uint64_t seq;

	if (fate != PACKET_OK)
		return fate;
	seq = sa->esn ? replay_infer(&sa->lane.replay, low) : low;
	v = replay_check(&sa->lane.replay, seq);
	if (v != REPLAY_NEW)
		return fate_of_verdict(&sa->lane.replay, v);
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
	uint64_t seq = replay_infer(&sa->lane.replay, low);
	for (unsigned i = 0; i < RESYNC_TRIES && !found && seq <= UINT64_MAX - (UINT64_C(1) << 32);
	     i++) {
		seq += UINT64_C(1) << 32;
		memcpy(copy.data, p->data, p->len);
		describe(sa, &copy, seq, j);
		sa->lane.transform->open(e, sa->lane.expanded, j, 1);
		found = j->ok;
	}
	if (found)
		replay_restart(&sa->lane.replay, seq);
	mem_free_secret(copy.buf, p->len);
	return true;
}

/* One packet is tried; then the count begins anew. */
void esp_resync(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets, size_t n)
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

enum packet_fate esp_accept(struct esp_sa *sa, const struct esp_job *j)
{
	struct packet *p = j->packet;
	enum replay_verdict v;
	size_t padding, len;

	if (!j->ok) {
		sa->bad_in_a_row++;
		return PACKET_BAD_ICV;
	}
	sa->bad_in_a_row = 0;
	v = replay_update(&sa->lane.replay, j->seq);
	if (v != REPLAY_NEW)
		return fate_of_verdict(&sa->lane.replay, v);
	padding = j->text[j->text_len - TRAILER_LEN];
	if (padding + TRAILER_LEN > j->text_len || !padding_right(j->text, j->text_len, padding))
		return PACKET_BAD_PADDING;
	len = j->text_len - TRAILER_LEN - padding;
	if (!esp_sa_within(sa, len)) {
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
