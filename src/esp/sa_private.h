/* Inside the ESP floor and its tests: what an SA is made of. */
#ifndef POSTERN_ESP_SA_PRIVATE_H
#define POSTERN_ESP_SA_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/sskdf.h"
#include "esp/eesp.h"
#include "esp/replay.h"
#include "esp/sa.h"
#include "esp/transform.h"

/* One key, its numbers and its window: an ESP SA has one, an EESP SA one for each Sub SA in use. */
struct esp_lane {
	const struct esp_transform *transform; /* NULL: the key rests */
	void *expanded;                        /* owned by the lane, made by transform */
	uint64_t sequence;                     /* outbound: last used */
	struct replay replay;                  /* inbound */
};

/* New Sub SAs that one call of esp_open() may try. Each costs a derivation and an expanded key,
 * which go again at once when no packet proves authentic. */
#define EESP_TRIES_MAX 8

/* What EESP has beyond ESP. */
struct eesp_sa {
	struct eesp_terms terms;
	uint8_t number_len;     /* 0 or EESP_NUMBER_LEN */
	bool sub_sas;           /* the Session ID is a Sub SA ID */
	uint16_t n_subs;        /* how many IDs there are, from 0 on */
	struct esp_lane **subs; /* owned, each made on first use, in its own block; NULL without */
	struct sskdf *sskdf;    /* owned; NULL without Sub SAs */
	/* Inbound: those that no authentic packet has come by yet. */
	uint16_t untried[EESP_TRIES_MAX];
	uint8_t n_untried;
	uint8_t tries; /* in this call */
};

/* What each packet needs comes first; the raw keys, needed to expand them, last. */
struct esp_sa {
	struct esp_lane lane; /* unused with Sub SAs */
	uint64_t sequence_max;
	uint64_t packets, octets;
	uint64_t hard_packets, hard_octets; /* UINT64_MAX: none */
	size_t batch;                       /* packets that go to the transform at once */
	struct eesp_sa *eesp;               /* owned; NULL: ESP */
	uint32_t spi;
	uint8_t iv_len, icv_len;
	uint8_t granule; /* Payload, Padding and trailer are a multiple of this (RFC 4303 2.4) */
	bool aead, random_iv, implicit_iv, mac_only, esn, spent;
	uint32_t bad_in_a_row; /* inbound: packets whose ICV did not hold, since one did */
#ifdef POSTERN_FAULTS
	bool spoil_padding; /* of the next packet that has any */
#endif

	uint32_t window; /* inbound: of every lane */
	struct protect_suite suite;
	uint8_t encr_len, integ_len;
	uint8_t keys[]; /* encr (with Sub SAs the root key), then integ */
};

/* Expands keys for the lane, unless it has them already. */
bool esp_lane_wake(struct esp_engine *e, struct esp_sa *sa, struct esp_lane *lane,
		   const struct protect_keys *keys);
void esp_lane_rest(struct esp_lane *lane);
/* The SA's own keys; without Sub SAs. */
bool esp_sa_wake(struct esp_engine *e, struct esp_sa *sa);

/* Whether a packet of len octets may still be counted against the SA's limits. */
static inline bool esp_sa_within(const struct esp_sa *sa, size_t len)
{
	return sa->packets < sa->hard_packets && len <= sa->hard_octets &&
	       sa->octets <= sa->hard_octets - len;
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

static inline enum packet_fate fate_of_verdict(struct replay *r, enum replay_verdict v)
{
	replay_count(r, v);
	return v == REPLAY_DUPLICATE ? PACKET_REPLAY : PACKET_TOO_OLD;
}

/* The three steps of a packet, for ESP (esp_frame.c) and for EESP (eesp_frame.c).
 *
 * frame: puts headers and padding around a payload and describes the work in j; else says why not,
 *   and the packet is as it was.
 * unframe: everything that can be said before the ICV (RFC 4303 3.4.2, 3.4.3).
 * accept: after the ICV: the window again, since the vector's own packets moved it, then what was
 *   encrypted. */
enum packet_fate esp_frame(struct esp_engine *e, struct esp_sa *sa, struct packet *p,
			   struct esp_job *j);
enum packet_fate esp_unframe(struct esp_sa *sa, struct packet *p, struct esp_job *j);
enum packet_fate esp_accept(struct esp_sa *sa, const struct esp_job *j);
size_t esp_frame_overhead(const struct esp_sa *sa, size_t len);
size_t esp_frame_payload_max(const struct esp_sa *sa, size_t most);
/* Before a vector, where too many in a row were not authentic (RFC 4303 A3). */
void esp_resync(struct esp_engine *e, struct esp_sa *sa, struct packet *const *packets, size_t n);

enum packet_fate eesp_frame(struct esp_engine *e, struct esp_sa *sa, struct packet *p,
			    struct esp_job *j);
/* Once sealed: the packet as it travels. */
void eesp_framed(const struct esp_job *j);
enum packet_fate eesp_unframe(struct esp_engine *e, struct esp_sa *sa, struct packet *p,
			      struct esp_job *j);
enum packet_fate eesp_accept(struct esp_sa *sa, const struct esp_job *j);
size_t eesp_frame_overhead(const struct esp_sa *sa, size_t len);
size_t eesp_frame_payload_max(const struct esp_sa *sa, size_t most);

/* Sub SAs (eesp_sub.c). */
enum err eesp_new(struct esp_sa *sa, const struct esp_sa_params *p, bool inbound);
void eesp_free(struct esp_sa *sa);
void eesp_rest(struct esp_sa *sa);
/* The lane of a Session ID that the terms allow, awake; NULL and *fate when there is none. One that
 * did not exist is made. */
struct esp_lane *eesp_lane(struct esp_engine *e, struct esp_sa *sa, uint16_t id, bool inbound,
			   enum packet_fate *fate);
/* An authentic packet came by it: it gets its window and stays. False: out of memory. */
bool eesp_lane_prove(struct esp_sa *sa, struct esp_lane *lane);
/* Drops those that were made for packets that were not authentic. */
void eesp_forget_untried(struct esp_sa *sa);
/* The lane of an ID when there is one. */
const struct esp_lane *eesp_lane_find(const struct esp_sa *sa, uint16_t id);

#endif
