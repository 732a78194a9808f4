/* The Sub SAs of an EESP SA (E3 2.9, 5): keys, numbers and windows of their own, made on first use.
 */
#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "esp/sa_private.h"

/* As ipsec-mb's keys are aligned for themselves, a lane needs no more than its own block. */
static void lane_free(struct esp_lane *lane)
{
	if (lane == NULL)
		return;
	esp_lane_rest(lane);
	replay_clear(&lane->replay);
	mem_free(lane);
}

static enum err terms_check(const struct esp_sa_params *p, bool inbound)
{
	const struct eesp_terms *t = p->eesp;

	/* draft-ietf-ipsecme-eesp-ikev2 3.2: an implicit IV is the number. */
	if (p->suite.encr->implicit_iv && !t->numbers)
		return ERR_UNSUPPORTED;
	if (t->mode != ESP_MODE_TUNNEL && t->mode != ESP_MODE_TRANSPORT && t->mode != ESP_MODE_BEET)
		return ERR_RANGE;
	if (t->clear > EESP_CRYPT_OFFSET_MAX)
		return ERR_RANGE;
	/* What we state we also keep: state for each ID up to the limit must be affordable. */
	if (inbound && t->sskdf != SSKDF_NONE &&
	    (!t->sub_sa.stated || t->sub_sa.most > EESP_SUB_SA_LIMIT))
		return ERR_RANGE;
	return ERR_NONE;
}

enum err eesp_new(struct esp_sa *sa, const struct esp_sa_params *p, bool inbound)
{
	enum err e = terms_check(p, inbound);
	struct eesp_sa *s;

	if (e != ERR_NONE)
		return e;
	s = sa->eesp = mem_new(sizeof(*s));
	if (s == NULL)
		return ERR_NO_MEMORY;
	s->terms = *p->eesp;
	s->number_len = s->terms.numbers ? EESP_NUMBER_LEN : 0;
	s->n_subs = (uint16_t)eesp_sub_sas(&s->terms);
	if (s->terms.sskdf == SSKDF_NONE)
		return ERR_NONE;
	s->sub_sas = true;
	s->subs = mem_new(s->n_subs * sizeof(*s->subs));
	s->sskdf = sskdf_new(sskdf_find(s->terms.sskdf), bytes_of(sa->keys, sa->encr_len));
	return s->subs != NULL && s->sskdf != NULL ? ERR_NONE : ERR_NO_MEMORY;
}

void eesp_free(struct esp_sa *sa)
{
	struct eesp_sa *s = sa->eesp;

	for (unsigned i = 0; s->subs != NULL && i < s->n_subs; i++)
		lane_free(s->subs[i]);
	mem_free(s->subs);
	sskdf_free(s->sskdf);
	mem_free(s);
}

void eesp_rest(struct esp_sa *sa)
{
	struct eesp_sa *s = sa->eesp;

	for (unsigned i = 0; s->subs != NULL && i < s->n_subs; i++)
		if (s->subs[i] != NULL)
			esp_lane_rest(s->subs[i]);
}

/* Every key of an SA with Sub SAs is derived, that of ID 0 too (E3 5). */
static bool lane_wake(struct esp_engine *e, struct esp_sa *sa, uint16_t id, struct esp_lane *lane)
{
	const size_t n = encr_keymat_len(sa->suite.encr, sa->suite.key_bits);
	uint8_t keymat[ENCR_KEY_MAX];
	const struct protect_keys keys = {.encr = bytes_of(keymat, n)};
	bool awake;

	awake = sskdf_derive(sa->eesp->sskdf, id, keymat, n) == ERR_NONE &&
		esp_lane_wake(e, sa, lane, &keys);
	mem_erase(keymat, sizeof(keymat));
	return awake;
}

static struct esp_lane *lane_make(struct esp_engine *e, struct esp_sa *sa, uint16_t id,
				  bool inbound, enum packet_fate *fate)
{
	struct eesp_sa *s = sa->eesp;
	struct esp_lane *lane;

	*fate = PACKET_SUB_SA_BUSY;
	if (inbound && s->tries == EESP_TRIES_MAX)
		return NULL;
	*fate = PACKET_CRYPTO_FAILED;
	lane = mem_new(sizeof(*lane));
	if (lane == NULL || !lane_wake(e, sa, id, lane)) {
		lane_free(lane);
		return NULL;
	}
	s->subs[id] = lane;
	if (inbound) {
		s->untried[s->n_untried++] = id;
		s->tries++;
	}
	return lane;
}

struct esp_lane *eesp_lane(struct esp_engine *e, struct esp_sa *sa, uint16_t id, bool inbound,
			   enum packet_fate *fate)
{
	struct eesp_sa *s = sa->eesp;
	struct esp_lane *lane;

	if (!s->sub_sas) {
		/* Without Sub SAs the field means nothing; what is not 0 is not ours to read. */
		*fate = PACKET_BAD_SESSION_ID;
		return id == 0 ? &sa->lane : NULL;
	}
	*fate = PACKET_BAD_SUB_SA;
	if (id >= s->n_subs)
		return NULL;
	lane = s->subs[id];
	if (lane == NULL)
		return lane_make(e, sa, id, inbound, fate);
	*fate = PACKET_CRYPTO_FAILED;
	if (lane->transform == NULL && !lane_wake(e, sa, id, lane))
		return NULL;
	return lane;
}

const struct esp_lane *eesp_lane_find(const struct esp_sa *sa, uint16_t id)
{
	return id < sa->eesp->n_subs ? sa->eesp->subs[id] : NULL;
}

bool eesp_lane_prove(struct esp_sa *sa, struct esp_lane *lane)
{
	struct eesp_sa *s = sa->eesp;

	if (!s->sub_sas)
		return true;
	for (uint8_t i = 0; i < s->n_untried; i++) {
		if (s->subs[s->untried[i]] != lane)
			continue;
		if (!replay_init(&lane->replay, sa->window))
			return false;
		s->untried[i] = s->untried[--s->n_untried];
		break;
	}
	return true;
}

void eesp_forget_untried(struct esp_sa *sa)
{
	struct eesp_sa *s = sa->eesp;

	for (uint8_t i = 0; i < s->n_untried; i++) {
		lane_free(s->subs[s->untried[i]]);
		s->subs[s->untried[i]] = NULL;
	}
	s->n_untried = 0;
}
