/* The frame of EESP, version 0 (draft-ietf-ipsecme-eesp 2, 4.4, 4.5). */
#include <string.h>

#include "esp/inner.h"
#include "esp/sa_private.h"

#define UNIT EESP_UNIT

/* Where the parts of an outbound packet are. */
struct layout {
	size_t head_len; /* base header, options, number and IV */
	uint8_t opt_len;
	uint8_t info_len; /* 0 or EESP_INFO_LEN */
	uint8_t clear;    /* units after the head that are not encrypted */
	uint8_t padding;
	bool align; /* the options hold PadN */
};

/* How much of a payload of len octets goes in clear: what is configured, as far as the peer takes
 * it (R11) and the inner packet has it (E3 3.1.2). */
static uint8_t clear_units(const struct eesp_terms *t, size_t len)
{
	size_t units = t->clear;

	if (!t->crypt_offset.stated)
		return 0;
	if (units > t->crypt_offset.most)
		units = t->crypt_offset.most;
	if (units > (EESP_INFO_LEN + len) / UNIT)
		units = (EESP_INFO_LEN + len) / UNIT;
	return (uint8_t)units;
}

static struct layout layout_of(const struct esp_sa *sa, size_t len)
{
	const struct eesp_terms *t = &sa->eesp->terms;
	struct layout l = {.clear = clear_units(t, len)};
	size_t fixed = EESP_BASE_LEN + (size_t)sa->eesp->number_len + sa->iv_len;

	/* E3 2.8, 3.1.2: the optimized format in tunnel mode, unless a router is to read on. */
	if (t->mode != ESP_MODE_TUNNEL || l.clear != 0)
		l.info_len = EESP_INFO_LEN;
	if (l.clear != 0)
		l.opt_len = UNIT;
	/* E3 2.5: what comes after the headers is aligned as IPv6 wants it. */
	if (t->over_ipv6 && (fixed + l.opt_len + l.info_len) % 8 != 0) {
		l.align = true;
		l.opt_len += UNIT;
	}
	l.head_len = fixed + l.opt_len;
	l.padding = (uint8_t)((UNIT - (l.info_len + len) % UNIT) % UNIT);
	return l;
}

size_t eesp_frame_overhead(const struct esp_sa *sa, size_t len)
{
	const struct layout l = layout_of(sa, len);

	return l.head_len + l.info_len + l.padding + sa->icv_len;
}

size_t eesp_frame_payload_max(const struct esp_sa *sa, size_t most)
{
	/* A long payload, which has the longest headers. */
	const struct layout l = layout_of(sa, EESP_CRYPT_OFFSET_MAX * UNIT);
	const size_t fixed = l.head_len + sa->icv_len;

	if (most < fixed + UNIT + l.info_len)
		return 0;
	return (most - fixed) / UNIT * UNIT - l.info_len;
}

static void write_head(const struct esp_sa *sa, const struct layout *l, const struct packet *p,
		       uint8_t *at)
{
	const struct eesp_base base = {l->opt_len, p->session_id, sa->spi};

	eesp_base_write(at, &base);
	at += EESP_BASE_LEN;
	if (l->clear != 0) {
		eesp_crypt_offset_write(at, (uint8_t)(l->head_len / UNIT), l->clear);
		at += UNIT;
	}
	if (l->align) {
		eesp_pad_write(at);
		at += UNIT;
	}
	if (sa->eesp->number_len != 0) {
		put_u64(at, p->seq);
		at += EESP_NUMBER_LEN;
	}
	/* Unique under the key: the number, or where none is sent a count that is kept all the
	 * same. */
	if (sa->iv_len != 0)
		put_u64(at, p->seq);
}

/* What is encrypted and what is only authenticated (E3 4.2, 3.1.2), of a packet whose head starts
 * at j->head and whose ICV at j->icv. */
static void cover(const struct esp_sa *sa, struct esp_job *j)
{
	const size_t exposed = j->head_len + (size_t)j->clear * UNIT;

	j->aad = j->head;
	j->shifted = 0;
	j->tail_len = 0;
	j->iv = j->head + j->head_len - sa->iv_len;
	j->iv_len = sizeof(uint64_t);
	if (sa->implicit_iv) {
		put_u64(j->iv_octets, j->seq);
		j->iv = j->iv_octets;
	}
	if (sa->mac_only) {
		/* RFC 4543 3.2: all is associated data, in both readings. */
		j->aad_len = (uint32_t)(j->icv - j->head);
		j->text = j->icv;
		j->text_len = 0;
		return;
	}
	j->aad_len = (uint32_t)exposed;
	j->text = j->head + exposed;
	j->text_len = (size_t)(j->icv - j->text);
	if (!sa->eesp->terms.iv_not_in_aad || sa->iv_len == 0)
		return;
	if (j->clear == 0) {
		j->aad_len -= sa->iv_len;
		return;
	}
	/* The IV stands in the midst: what is before it moves over it for the time being. */
	j->shifted = sa->iv_len;
	memcpy(j->iv_octets, j->iv, sa->iv_len);
	j->iv = j->iv_octets;
	memmove(j->head + j->shifted, j->head, (size_t)j->head_len - j->shifted);
	j->aad += j->shifted;
	j->aad_len -= j->shifted;
}

enum packet_fate eesp_frame(struct esp_engine *e, struct esp_sa *sa, struct packet *p,
			    struct esp_job *j)
{
	const struct layout l = layout_of(sa, p->len);
	const size_t head = l.head_len + l.info_len;
	enum packet_fate fate;
	struct esp_lane *lane;

	if (packet_headroom(p) < head || packet_tailroom(p) < l.padding + (size_t)sa->icv_len)
		return PACKET_TOO_BIG;
	if (!esp_sa_within(sa, p->len))
		return PACKET_LIFETIME_OVER;
	lane = eesp_lane(e, sa, p->session_id, false, &fate);
	if (lane == NULL)
		return fate;
	/* E3 4.4.4: the counter never cycles; each Sub SA has its own. */
	if (lane->sequence >= sa->sequence_max)
		return PACKET_SEQUENCE_OVER;
	p->seq = ++lane->sequence;
	sa->packets++;
	sa->octets += p->len;

	memset(p->data + p->len, 0, l.padding); /* E3 2.6 */
	if (l.info_len != 0) {
		const struct eesp_info info = {p->next_header, l.padding};

		eesp_info_write(p->data - EESP_INFO_LEN, &info);
	}
	j->head = p->data - head;
	j->icv = p->data + p->len + l.padding;
	write_head(sa, &l, p, j->head);
	j->packet = p;
	j->lane = lane;
	j->seq = p->seq;
	j->head_len = (uint16_t)l.head_len;
	j->clear = l.clear;
	j->ok = false;
	cover(sa, j);
	p->data = j->head;
	p->len = (size_t)(j->icv - j->head) + sa->icv_len;
	return PACKET_OK;
}

void eesp_framed(const struct esp_job *j)
{
	if (j->shifted == 0)
		return;
	memmove(j->head, j->head + j->shifted, (size_t)j->head_len - j->shifted);
	memcpy(j->head + j->head_len - j->shifted, j->iv_octets, j->shifted);
}

/* Options, and what a Crypt Offset among them says; then lengths, no one of which is subtracted
 * from before it was compared. */
static enum packet_fate read_options(const struct esp_sa *sa, const struct packet *p,
				     const struct eesp_base *base, struct esp_job *j)
{
	const struct eesp_terms *t = &sa->eesp->terms;
	const size_t head =
	    EESP_BASE_LEN + (size_t)base->opt_len + sa->eesp->number_len + sa->iv_len;
	struct reader r = reader_of(bytes_of(p->data, p->len));
	struct eesp_options o;
	struct bytes field;

	reader_take(&r, EESP_BASE_LEN);
	field = reader_take(&r, base->opt_len);
	if (!reader_ok(&r) || !eesp_options_read(field, &o))
		return PACKET_BAD_OPTIONS;
	j->head_len = (uint16_t)head;
	j->clear = o.crypt_offset;
	/* E3 2.8, 3.1.2: the mode says the format, and the option does. */
	j->full = t->mode != ESP_MODE_TUNNEL || o.has_crypt_offset;
	if (p->len < head + (j->full ? EESP_INFO_LEN : 1) + sa->icv_len)
		return PACKET_TOO_SHORT;
	if ((p->len - head - sa->icv_len) % UNIT != 0)
		return PACKET_BAD_LENGTH;
	if (o.has_crypt_offset && ((size_t)o.payload_offset * UNIT != head ||
				   head + (size_t)o.crypt_offset * UNIT + sa->icv_len > p->len))
		return PACKET_BAD_CRYPT_OFFSET;
	j->forbidden = o.has_crypt_offset &&
		       (!t->crypt_offset.stated || o.crypt_offset > t->crypt_offset.most);
	return PACKET_OK;
}

enum packet_fate eesp_unframe(struct esp_engine *e, struct esp_sa *sa, struct packet *p,
			      struct esp_job *j)
{
	struct eesp_base base;
	enum packet_fate fate = eesp_base_read(bytes_of(p->data, p->len), &base);
	enum replay_verdict v;

	if (fate != PACKET_OK)
		return fate;
	if (base.spi != sa->spi)
		return PACKET_NO_SA;
	if (!sa->eesp->sub_sas && base.session_id != 0)
		return PACKET_BAD_SESSION_ID;
	if (sa->eesp->sub_sas && base.session_id >= sa->eesp->n_subs)
		return PACKET_BAD_SUB_SA; /* E3 2.9.2 */
	fate = read_options(sa, p, &base, j);
	if (fate != PACKET_OK)
		return fate;
	j->lane = eesp_lane(e, sa, base.session_id, true, &fate);
	if (j->lane == NULL)
		return fate;
	j->seq = 0;
	if (sa->eesp->number_len != 0) {
		struct reader r =
		    reader_of(bytes_of(p->data + EESP_BASE_LEN + base.opt_len, EESP_NUMBER_LEN));

		j->seq = reader_u64(&r);
		v = replay_check(&j->lane->replay, j->seq);
		if (v != REPLAY_NEW)
			return fate_of_verdict(&j->lane->replay, v);
	}
	p->seq = j->seq;
	p->session_id = base.session_id;
	j->packet = p;
	j->head = p->data;
	j->icv = p->data + p->len - sa->icv_len;
	j->ok = false;
	cover(sa, j);
	return PACKET_OK;
}

/* The full format: Payload Info Header, payload, padding. */
static enum packet_fate unwrap_full(const struct esp_sa *sa, const struct esp_job *j,
				    struct bytes plain, struct packet *p)
{
	struct eesp_info info;
	const uint8_t *payload = plain.p + EESP_INFO_LEN;
	size_t len;

	if (!eesp_info_read(plain, &info))
		return PACKET_BAD_FORMAT;
	if ((size_t)info.pad_len + EESP_INFO_LEN > plain.n)
		return PACKET_BAD_PADDING;
	len = plain.n - EESP_INFO_LEN - info.pad_len;
	/* E3 3.1.2: not larger than the inner packet; padding is no part of that. */
	if ((size_t)j->clear * UNIT > EESP_INFO_LEN + len)
		return PACKET_BAD_CRYPT_OFFSET;
	p->next_header = info.next_header;
	p->data += j->head_len + EESP_INFO_LEN;
	p->len = len;
	if (info.next_header == INNER_NONE)
		return PACKET_DUMMY; /* E3 4.5.4.1: silently */
	if (sa->eesp->terms.mode != ESP_MODE_TUNNEL)
		return PACKET_OK;
	if (len == 0 || info.next_header != (payload[0] >> 4 == 4   ? INNER_IPV4
					     : payload[0] >> 4 == 6 ? INNER_IPV6
								    : INNER_NONE))
		return PACKET_BAD_NEXT_HEADER;
	return PACKET_OK;
}

/* The optimized format: the inner packet says how long it is. */
static enum packet_fate unwrap_optimized(const struct esp_job *j, struct bytes plain,
					 struct packet *p)
{
	const unsigned version = plain.p[0] >> 4;
	size_t len;

	if (version != 4 && version != 6)
		return PACKET_BAD_FORMAT;
	if (!eesp_inner_length(plain, &p->next_header, &len))
		return PACKET_BAD_PADDING;
	p->data += j->head_len;
	p->len = len;
	return PACKET_OK;
}

enum packet_fate eesp_accept(struct esp_sa *sa, const struct esp_job *j)
{
	struct packet *p = j->packet;
	struct replay *replay = &j->lane->replay;
	enum replay_verdict v = REPLAY_NEW;
	enum packet_fate fate;
	struct bytes plain;

	if (!j->ok) {
		sa->bad_in_a_row++;
		return PACKET_BAD_ICV;
	}
	sa->bad_in_a_row = 0;
	if (j->forbidden) {
		v = sa->eesp->number_len != 0 ? replay_check(replay, j->seq) : REPLAY_NEW;
		return v == REPLAY_NEW ? PACKET_CRYPT_OFFSET_FORBIDDEN : fate_of_verdict(replay, v);
	}
	if (!eesp_lane_prove(sa, j->lane))
		return PACKET_CRYPTO_FAILED;
	if (sa->eesp->number_len != 0)
		v = replay_update(replay, j->seq);
	if (v != REPLAY_NEW)
		return fate_of_verdict(replay, v);
	plain = bytes_of(j->head + j->head_len, (size_t)(j->icv - j->head) - j->head_len);
	fate = j->full ? unwrap_full(sa, j, plain, p) : unwrap_optimized(j, plain, p);
	if (fate != PACKET_OK && fate != PACKET_DUMMY)
		return fate;
	if (!esp_sa_within(sa, p->len)) {
		sa->spent = true;
		return PACKET_LIFETIME_OVER;
	}
	sa->packets++;
	sa->octets += p->len;
	return fate;
}
