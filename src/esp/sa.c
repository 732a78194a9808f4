#include "esp/sa.h"

#include <string.h>

#include "base/mem.h"
#include "esp/sa_private.h"

#define SPI_MIN 256 /* RFC 4303 2.1: 1..255 are reserved, 0 is never sent */

/* Of the cipher, or of the root key of Sub SAs; 0 when there is no such. */
static size_t keys_len(const struct esp_sa_params *p)
{
	const struct sskdf_desc *d;

	if (p->eesp == NULL || p->eesp->sskdf == 0)
		return encr_keymat_len(p->suite.encr, p->suite.key_bits);
	d = sskdf_find(p->eesp->sskdf);
	return d != NULL ? d->root_len : 0;
}

static enum err check_params(const struct esp_sa_params *p)
{
	const struct encr_desc *d = p->suite.encr;

	if (d == NULL || !encr_takes_bits(d, p->suite.key_bits))
		return ERR_UNSUPPORTED;
	/* E3 4.3: AEADs alone, and no ESP cipher that ESP may not use. */
	if (p->eesp != NULL ? !encr_is_aead(d) : !d->in_esp)
		return ERR_UNSUPPORTED;
	/* RFC 4303 5: never neither; and never a cipher without integrity (RFC 8221 4). */
	if ((p->suite.integ == NULL) != encr_is_aead(d))
		return ERR_UNSUPPORTED;
	if (d->iv_len > ENCR_IV_MAX || d->block_len > ENCR_BLOCK_MAX ||
	    (d->kind != ENCR_KIND_CBC && d->iv_len != 0 && d->iv_len != sizeof(uint64_t)) ||
	    (encr_is_aead(d) && encr_nonce_iv_len(d) != sizeof(uint64_t)))
		return ERR_UNSUPPORTED;
	if (p->spi < SPI_MIN || p->keys.encr.n != keys_len(p) ||
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
	sa->sequence_max = p->esn || p->eesp != NULL ? UINT64_MAX : UINT32_MAX;
	sa->hard_packets = p->hard_packets != 0 ? p->hard_packets : UINT64_MAX;
	sa->hard_octets = p->hard_octets != 0 ? p->hard_octets : UINT64_MAX;
	sa->iv_len = d->iv_len;
	sa->icv_len = (uint8_t)protect_icv_len(&p->suite);
	sa->granule = d->block_len > 4 ? d->block_len : 4;
	sa->aead = encr_is_aead(d);
	sa->implicit_iv = d->implicit_iv;
	sa->mac_only = d->mac_only;
	sa->batch = ESP_SMALL_BATCH;
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
	enum err err = sa_new(sa, params);

	if (err == ERR_NONE && params->eesp != NULL)
		err = eesp_new(*sa, params, false);
	if (err != ERR_NONE) {
		esp_sa_free(*sa);
		*sa = NULL;
	}
	return err;
}

enum err esp_sa_new_inbound(struct esp_sa **sa, const struct esp_sa_params *params)
{
	uint32_t window = params->replay_window;
	enum err err;

	*sa = NULL;
	if (window != 0 && (window < REPLAY_WINDOW_MIN || window > REPLAY_WINDOW_MAX))
		return ERR_RANGE;
	err = sa_new(sa, params);
	if (err == ERR_NONE && params->eesp != NULL)
		err = eesp_new(*sa, params, true);
	if (err == ERR_NONE) {
		/* Without numbers there is nothing to look at (E3 2.3.1). */
		(*sa)->window = params->eesp != NULL && !params->eesp->numbers ? 0 : window;
		if ((params->eesp == NULL || params->eesp->sskdf == 0) &&
		    !replay_init(&(*sa)->lane.replay, (*sa)->window))
			err = ERR_NO_MEMORY;
	}
	if (err != ERR_NONE) {
		esp_sa_free(*sa);
		*sa = NULL;
	}
	return err;
}

void esp_lane_rest(struct esp_lane *lane)
{
	if (lane->transform != NULL)
		lane->transform->forget(lane->expanded);
	lane->transform = NULL;
	lane->expanded = NULL;
}

void esp_sa_rest(struct esp_sa *sa)
{
	esp_lane_rest(&sa->lane);
	if (sa->eesp != NULL)
		eesp_rest(sa);
}

void esp_sa_free(struct esp_sa *sa)
{
	if (sa == NULL)
		return;
	esp_lane_rest(&sa->lane);
	replay_clear(&sa->lane.replay);
	if (sa->eesp != NULL)
		eesp_free(sa);
	mem_free_secret(sa, sizeof(*sa) + sa->encr_len + sa->integ_len);
}

bool esp_lane_wake(struct esp_engine *e, struct esp_sa *sa, struct esp_lane *lane,
		   const struct protect_keys *keys)
{
	const struct esp_transform *t = esp_engine_transform(e, &sa->suite, sa->eesp != NULL);

	if (t == NULL)
		return false;
	lane->expanded = t->expand(e, &sa->suite, keys);
	if (lane->expanded == NULL)
		return false;
	lane->transform = t;
	sa->batch = t->batch(lane->expanded);
	return true;
}

bool esp_sa_wake(struct esp_engine *e, struct esp_sa *sa)
{
	const struct protect_keys keys = {
	    .encr = bytes_of(sa->keys, sa->encr_len),
	    .integ = bytes_of(sa->keys + sa->encr_len, sa->integ_len),
	};

	return sa->lane.transform != NULL || esp_lane_wake(e, sa, &sa->lane, &keys);
}

/* With Sub SAs each has its own key, and is woken when a packet is its own. */
static bool wake(struct esp_engine *e, struct esp_sa *sa)
{
	return (sa->eesp != NULL && sa->eesp->sub_sas) || esp_sa_wake(e, sa);
}

size_t esp_overhead(const struct esp_sa *sa, size_t len)
{
	return sa->eesp != NULL ? eesp_frame_overhead(sa, len) : esp_frame_overhead(sa, len);
}

size_t esp_payload_max(const struct esp_sa *sa, size_t most)
{
	return sa->eesp != NULL ? eesp_frame_payload_max(sa, most)
				: esp_frame_payload_max(sa, most);
}

static size_t refuse_all(struct packet *const *packets, size_t n, enum packet_fate fate)
{
	for (size_t i = 0; i < n; i++)
		if (packets[i]->fate == PACKET_OK)
			packets[i]->fate = (uint8_t)fate;
	return 0;
}

/* Packets of one key go to their transform together. */
static void run(struct esp_engine *e, size_t n, bool sealing)
{
	for (size_t i = 0; i < n;) {
		const struct esp_lane *lane = e->jobs[i].lane;
		size_t end = i + 1;

		while (end < n && e->jobs[end].lane == lane)
			end++;
		if (sealing)
			lane->transform->seal(e, lane->expanded, &e->jobs[i], end - i);
		else
			lane->transform->open(e, lane->expanded, &e->jobs[i], end - i);
		i = end;
	}
}

static size_t seal_batch(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets,
			 size_t n)
{
	size_t n_jobs = 0, good = 0;

	for (size_t i = 0; i < n; i++) {
		struct packet *p = packets[i];
		struct esp_job *j = &e->jobs[n_jobs];

		if (p->fate != PACKET_OK)
			continue;
		p->fate =
		    (uint8_t)(sa->eesp != NULL ? eesp_frame(e, sa, p, j) : esp_frame(e, sa, p, j));
		if (p->fate == PACKET_OK)
			n_jobs++;
		else if (p->fate == PACKET_SEQUENCE_OVER || p->fate == PACKET_LIFETIME_OVER)
			sa->spent = true;
	}
	run(e, n_jobs, true);
	for (size_t i = 0; i < n_jobs; i++) {
		if (sa->eesp != NULL)
			eesp_framed(&e->jobs[i]);
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
	/* The first key that wakes may change how many go at once. */
	for (size_t i = 0, step; i < n; i += step) {
		step = n - i < sa->batch ? n - i : sa->batch;
		good += seal_batch(e, sa, packets + i, step);
	}
	return good;
}

static size_t open_batch(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets,
			 size_t n)
{
	size_t n_jobs = 0, good = 0;

	if (sa->esn && sa->eesp == NULL)
		esp_resync(e, sa, packets, n);
	for (size_t i = 0; i < n; i++) {
		struct packet *p = packets[i];
		struct esp_job *j = &e->jobs[n_jobs];

		if (p->fate != PACKET_OK)
			continue;
		p->fate =
		    (uint8_t)(sa->eesp != NULL ? eesp_unframe(e, sa, p, j) : esp_unframe(sa, p, j));
		if (p->fate == PACKET_OK)
			n_jobs++;
	}
	run(e, n_jobs, false);
	for (size_t i = 0; i < n_jobs; i++) {
		struct packet *p = e->jobs[i].packet;

		p->fate = (uint8_t)(sa->eesp != NULL ? eesp_accept(sa, &e->jobs[i])
						     : esp_accept(sa, &e->jobs[i]));
		if (p->fate == PACKET_OK)
			good++;
	}
	if (sa->eesp != NULL)
		eesp_forget_untried(sa);
	return good;
}

size_t esp_open(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets, size_t n)
{
	size_t good = 0;

	if (n > PACKET_VECTOR_MAX || !wake(e, sa))
		return refuse_all(packets, n, PACKET_CRYPTO_FAILED);
	if (sa->eesp != NULL)
		sa->eesp->tries = 0;
	/* The first key that wakes may change how many go at once. */
	for (size_t i = 0, step; i < n; i += step) {
		step = n - i < sa->batch ? n - i : sa->batch;
		good += open_batch(e, sa, packets + i, step);
	}
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
	return sa->lane.sequence != 0 ? sa->lane.sequence : sa->lane.replay.top;
}

bool esp_sa_newest(const struct esp_sa *sa, const struct packet *p)
{
	const struct esp_lane *lane = &sa->lane;

	if (sa->eesp != NULL && !sa->eesp->terms.numbers)
		return false;
	if (sa->eesp != NULL && sa->eesp->sub_sas)
		lane = eesp_lane_find(sa, p->session_id);
	return lane != NULL && p->seq != 0 && p->seq == lane->replay.top;
}

uint64_t esp_sa_packets_left(const struct esp_sa *sa)
{
	uint64_t numbers = sa->sequence_max - sa->lane.sequence;
	uint64_t packets = sa->packets < sa->hard_packets ? sa->hard_packets - sa->packets : 0;

	return numbers < packets ? numbers : packets;
}

bool esp_sa_spent(const struct esp_sa *sa)
{
	return sa->spent;
}
