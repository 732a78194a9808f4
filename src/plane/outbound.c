/* From the TUN device to the outer network: read, look up, encapsulate, seal, send. */
#include <string.h>

#include "esp/mtu.h"
#include "plane/fragment.h"
#include "plane/impair.h"
#include "plane/plane_impl.h"

/* One answer a pair in this time: enough for every flow to learn soon, too few to flood. */
#define TOO_BIG_PAUSE 10000

static void drop(struct plane *p, enum packet_fate fate)
{
	p->stats.fates_out[fate]++;
}

/* Tells the ike process that a packet found no SA, at most once a second a policy. The packet
 * itself is lost: what the sender repeats finds the SA. */
static void acquire(struct plane *p, struct spd_policy *policy, const struct flow_key *flow)
{
	if (!policy->acquire)
		return;
	if (policy->acquired_at != 0 && p->now - policy->acquired_at < SECOND)
		return;
	struct dataplane_event e = {.type = DATAPLANE_ACQUIRE, .policy = policy->id, .flow = *flow};
	if (!plane_tell(p, &e))
		return;
	policy->acquired_at = p->now;
	p->stats.acquires++;
}

/* The answer comes, as it were, from the far end: an address of this host as source would not get
 * in through the TUN device (the kernel takes it for a forgery), and the far end's fits the policy.
 */
static void answer_too_big(struct plane *p, struct plane_item *it, size_t inner_mtu)
{
	uint8_t answer[MTU_ANSWER_MAX];
	struct spd_child *c = it->child;
	if (c->too_big_at != 0 && p->now - c->too_big_at < TOO_BIG_PAUSE)
		return;
	size_t n =
	    mtu_answer(answer, it->p.data, it->p.len, &it->inner, &it->inner.key.dst, inner_mtu);
	if (n == 0)
		return;
	struct packet out = {.buf = answer, .cap = sizeof(answer), .data = answer, .len = n};
	struct packet *const one[] = {&out};
	if (tun_write(&p->tun, one, 1) == 1) {
		c->too_big_at = p->now;
		p->stats.too_big_sent++;
	}
}

/* Seals and sends packets of one pair, in order. */
static void seal_and_send(struct plane *p, struct spd_child *c, struct packet **packets, size_t n)
{
	uint64_t octets = esp_sa_octets(c->out);
	plane_impair_sealing(p, c);
	size_t ok = esp_seal(p->engine, c->out, packets, n);
	if (ok != n) {
		size_t kept = 0;
		for (size_t i = 0; i < n; i++) {
			if (packets[i]->fate == PACKET_OK)
				packets[kept++] = packets[i];
			else
				drop(p, (enum packet_fate)packets[i]->fate);
		}
		counter_add(&c->usage->out_errors, n - ok);
	}
	if (ok != 0) {
		p->stats.fates_out[PACKET_OK] += ok;
		counter_add(&c->usage->out_packets, ok);
		counter_add(&c->usage->out_octets, esp_sa_octets(c->out) - octets);
		__atomic_store_n(&c->usage->last_out, p->now, __ATOMIC_RELAXED);
		plane_send(p, c, packets, plane_impair_sealed(p, c, packets, ok));
	}
	plane_check_limits(p, c);
}

static struct tunnel_params tunnel_of(const struct spd_child *c)
{
	return (struct tunnel_params){.df = c->df, .copy_dscp = c->copy_dscp, .ecn = c->ecn};
}

/* An inner packet that is too big and may be fragmented goes as several. */
static void send_pieces(struct plane *p, const struct plane_item *it, size_t inner_mtu)
{
	struct packet *pieces[PACKET_VECTOR_MAX];
	struct tunnel_params t = tunnel_of(it->child);
	for (size_t i = 0; i < PACKET_VECTOR_MAX; i++)
		pieces[i] = &p->pieces[i];
	size_t n = fragment_ipv4(pieces, PACKET_VECTOR_MAX, it->p.data, it->inner.total, inner_mtu);
	if (n == 0) {
		drop(p, PACKET_TOO_BIG);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		pieces[i]->fate = PACKET_OK;
		(void)tunnel_encapsulate(&t, pieces[i], NULL);
	}
	seal_and_send(p, it->child, pieces, n);
}

/* True: the packet is ready to be sealed. False: it was dropped or is in pieces. */
static bool fit(struct plane *p, struct plane_item *it, size_t inner_mtu, bool *in_pieces)
{
	struct spd_child *c = it->child;
	*in_pieces = false;
	if (p->config.clamp_mss)
		(void)mtu_clamp_mss(it->p.data, it->p.len, &it->inner, inner_mtu);
	enum mtu_verdict verdict = MTU_FITS;
	/* Without DF outside, the network fragments the outer packet. */
	if (c->df != ESP_DF_CLEAR)
		verdict = mtu_judge(&it->inner, inner_mtu);
	struct tunnel_params t = tunnel_of(c);
	switch (verdict) {
	case MTU_FRAGMENT:
		*in_pieces = true;
		return false;
	case MTU_ANSWER:
		answer_too_big(p, it, inner_mtu);
		drop(p, PACKET_TOO_BIG);
		return false;
	case MTU_SEND:
		t.df = ESP_DF_CLEAR;
		break;
	case MTU_FITS:
		break;
	}
	enum packet_fate fate = tunnel_encapsulate(&t, &it->p, &it->inner);
	if (fate != PACKET_OK)
		drop(p, fate);
	return fate == PACKET_OK;
}

/* All packets of items[first]'s pair, in the order in which they came. */
static void send_group(struct plane *p, size_t first, size_t n)
{
	struct packet *ready[PACKET_VECTOR_MAX];
	struct spd_child *c = p->out[first].child;
	size_t inner_mtu = plane_inner_mtu(p, c);
	size_t n_ready = 0;
	for (size_t i = first; i < n; i++) {
		struct plane_item *it = &p->out[i];
		bool in_pieces;
		if (it->taken || it->child != c)
			continue;
		it->taken = true;
		if (fit(p, it, inner_mtu, &in_pieces)) {
			ready[n_ready++] = &it->p;
		} else if (in_pieces) {
			if (n_ready != 0)
				seal_and_send(p, c, ready, n_ready);
			n_ready = 0;
			send_pieces(p, it, inner_mtu);
		}
	}
	if (n_ready != 0)
		seal_and_send(p, c, ready, n_ready);
}

/* Finds the pair; false when the packet is dropped. */
static bool look_up(struct plane *p, struct plane_item *it)
{
	struct spd_policy *policy;
	it->p.fate = PACKET_OK;
	it->child = NULL;
	it->taken = true;
	if (!inner_read(&it->inner, bytes_of(it->p.data, it->p.len))) {
		drop(p, PACKET_BAD_INNER);
		return false;
	}
	enum packet_fate fate = spd_outbound(&p->spd, &it->inner.key, &policy, &it->child);
	if (fate != PACKET_OK) {
		drop(p, fate);
		if (fate == PACKET_NO_SA)
			acquire(p, policy, &it->inner.key);
		return false;
	}
	it->taken = false;
	return true;
}

enum err plane_outbound(struct plane *p)
{
	struct packet *packets[PACKET_VECTOR_MAX];
	enum err e;
	for (size_t i = 0; i < PACKET_VECTOR_MAX; i++)
		packets[i] = &p->out[i].p;
	do {
		size_t n = tun_read(&p->tun, packets, PACKET_VECTOR_MAX, &e);
		for (size_t i = 0; i < n; i++)
			(void)look_up(p, &p->out[i]);
		for (size_t i = 0; i < n; i++) {
			if (!p->out[i].taken)
				send_group(p, i, n);
		}
	} while (e == ERR_NONE && tun_has_more(&p->tun));
	return e;
}
