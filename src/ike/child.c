#include "ike/child.h"
#include "ike/ext/separate_transports.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_names.h"
#include "base/mem.h"
#include "ike/select.h"
#include "ike/task.h"

/* How long the responder of a rekey waits for the peer to show that it has the new SA. */
#define ACTIVATE_AFTER (3 * UINT64_C(1000000))
#define PACKETS_32     UINT64_C(0xffffffff)
#define PACKETS_64     (UINT64_C(1) << 62)

struct child_sa *child_find(struct ike *ike, uint32_t spi_in)
{
	struct table_node *n = table_find(&ike->children, bytes_of(&spi_in, sizeof(spi_in)));

	return n == NULL ? NULL : CONTAINER_OF(n, struct child_sa, by_spi);
}

struct child_sa *child_find_handle(struct ike *ike, uint32_t handle)
{
	struct table_node *n = table_find(&ike->handles, bytes_of(&handle, sizeof(handle)));

	return n == NULL ? NULL : CONTAINER_OF(n, struct child_sa, by_handle);
}

struct child_sa *child_find_out(struct ike_sa *sa, uint32_t spi_out)
{
	LIST_EACH (&sa->children, node) {
		struct child_sa *c = CONTAINER_OF(node, struct child_sa, of_sa);
		if (c->spi_out == spi_out)
			return c;
	}
	return NULL;
}

const struct child_sa *child_find_in(const struct ike_sa *sa, uint32_t spi_in)
{
	for (const struct list *node = sa->children.next; node != &sa->children;
	     node = node->next) {
		const struct child_sa *c = CONTAINER_OF(node, const struct child_sa, of_sa);
		if (c->spi_in == spi_in)
			return c;
	}
	return NULL;
}

struct child_sa *child_of_index(struct ike_sa *sa, unsigned index)
{
	LIST_EACH (&sa->children, node) {
		struct child_sa *c = CONTAINER_OF(node, struct child_sa, of_sa);
		if (c->index == index && (c->state == CHILD_UP || c->state == CHILD_REKEYING))
			return c;
	}
	return NULL;
}

uint32_t child_new_spi(struct ike *ike)
{
	uint32_t spi;

	do {
		ike_random(ike, &spi, sizeof(spi));
		/* The first bit tells EESP from ESP on port 4500 (draft-ietf-ipsecme-eesp 6). */
		spi &= 0x7fffffff;
	} while (spi < 256 || child_find(ike, spi) != NULL); /* RFC 4303 2.1 */
	return spi;
}

/* The soft limit: the configuration's, 0 for none, but well before most, 0 for none. */
static uint64_t soft_limit(uint64_t wished, uint64_t most)
{
	const uint64_t soft = most / 8 * 7;

	return wished != 0 && (soft == 0 || wished < soft) ? wished : soft;
}

static void limits_set(const struct ike_child_config *cfg, const struct child_draft *d,
		       struct dataplane_child *p)
{
	const struct encr_limit limit = encr_limit(d->suite.protect.encr);
	uint64_t packets = limit.packets;

	/* RFC 4303 3.3.3: without extended sequence numbers there are 2^32 - 1 (N13). */
	if (!d->suite.esn && (packets == 0 || packets > PACKETS_32))
		packets = PACKETS_32;
	if (packets == 0)
		packets = PACKETS_64;
	p->soft_packets = soft_limit(cfg->rekey_packets, packets);
	p->hard_packets = p->soft_packets + p->soft_packets / 8;
	p->soft_octets = soft_limit(cfg->rekey_octets, limit.octets);
	p->hard_octets = p->soft_octets + p->soft_octets / 8;
}

static enum err plane_install(struct ike *ike, const struct child_sa *c,
			      const struct child_draft *d, const struct child_keys *keys,
			      bool we_initiate, bool activate)
{
	const struct ike_sa *sa = c->sa;
	const struct ike_child_config *cfg = child_config(c);
	const bool eesp = d->suite.eesp;
	struct path outer;
	bool encap;

	separate_esp_path(sa, &outer, &encap);
	struct dataplane_child p = {
	    .handle = c->handle,
	    .policy = cfg->policy,
	    .spi_in = d->spi_in,
	    .spi_out = d->spi_out,
	    .mode = d->mode,
	    .outer = outer,
	    .udp_encap = encap,
	    .follow_peer = sa->nat_there && !sa->nat_here,
	    .suite = d->suite.protect,
	    .esn = d->suite.esn,
	    .in = we_initiate ? keys->from_responder : keys->from_initiator,
	    .out = we_initiate ? keys->from_initiator : keys->from_responder,
	    .replay_window = cfg->replay_window,
	    .df = cfg->df,
	    .copy_dscp = cfg->copy_dscp,
	    .ecn = cfg->ecn,
	    .local = c->local,
	    .n_local = c->n_local,
	    .remote = c->remote,
	    .n_remote = c->n_remote,
	    .activate = activate,
	    .eesp = eesp,
	};

	if (eesp) {
		p.eesp_in = (struct eesp_terms){
		    .mode = d->mode,
		    .numbers = d->suite.esn,
		    .sskdf = d->suite.sskdf,
		    .sub_sa = {true, CHILD_SUB_SA_MOST},
		    .over_ipv6 = outer.remote.addr.family == 6,
		};
		p.eesp_out = p.eesp_in;
		p.eesp_out.sub_sa = d->sub_sa;
		p.eesp_out.crypt_offset = d->crypt_offset;
	}
	limits_set(cfg, d, &p);
	return ike->cb.plane->child_install(ike->cb.plane_ctx, &p);
}

static void timers_set(struct ike *ike, struct child_sa *c, bool activate)
{
	const uint64_t life = child_config(c)->rekey_time;

	c->since = ike->now;
	c->activate_at = activate ? 0 : ike->now + ACTIVATE_AFTER;
	if (life == 0)
		return;
	c->rekey_at = ike->now + ike_jitter(ike, life);
	c->expire_at = ike->now + life + life / 4;
}

static struct child_sa *child_new(struct ike *ike, struct ike_sa *sa, const struct child_draft *d)
{
	struct child_sa *c = mem_new(sizeof(*c));
	const size_t n = d->n_local + d->n_remote;

	if (c == NULL)
		return NULL;
	c->local = mem_new((n == 0 ? 1 : n) * sizeof(*c->local));
	if (c->local == NULL || ike_handle_take(ike, &c->handle)) {
		mem_free(c->local);
		mem_free(c);
		return NULL;
	}
	memcpy(c->local, d->local, d->n_local * sizeof(*c->local));
	c->remote = c->local + d->n_local;
	memcpy(c->remote, d->remote, d->n_remote * sizeof(*c->remote));
	c->n_local = (uint16_t)d->n_local;
	c->n_remote = (uint16_t)d->n_remote;
	c->sa = sa;
	c->index = d->index;
	c->spi_in = d->spi_in;
	c->spi_out = d->spi_out;
	c->suite = d->suite;
	c->mode = d->mode;
	return c;
}

static void child_free(struct ike *ike, struct child_sa *c)
{
	ike_handle_give(ike, c->handle);
	mem_free(c->local);
	mem_free(c);
}

static void child_announce(struct ike *ike, const struct child_sa *c)
{
	char suite[IKE_SUITE_TEXT_MAX];
	char local[SELECTOR_TEXT_MAX], remote[SELECTOR_TEXT_MAX];

	sa_log(ike, c->sa, LOG_INFO, "Child SA %s is up: %s%s === %s%s, %s, SPIs %08x in %08x out",
	       child_config(c)->name, selector_format(&c->local[0], local),
	       c->n_local > 1 ? " ..." : "", selector_format(&c->remote[0], remote),
	       c->n_remote > 1 ? " ..." : "", ike_suite_format(&c->suite, suite), c->spi_in,
	       c->spi_out);
}

enum err child_install(struct ike *ike, struct ike_sa *sa, const struct child_draft *d,
		       struct ke_secrets secrets, struct bytes nonce_i, struct bytes nonce_r,
		       bool we_initiate, bool activate, struct child_sa **out)
{
	struct child_keys keys;
	struct child_sa *c = child_new(ike, sa, d);

	if (c == NULL)
		return ERR_NO_MEMORY;
	enum err e = child_keys_derive(ike->crypto, sa->suite.prf, ike_keys_d(&sa->keys), &d->suite,
				       secrets, nonce_i, nonce_r, &keys);
	if (e == ERR_NONE)
		e = plane_install(ike, c, d, &keys, we_initiate, activate);
	child_keys_erase(&keys);
	if (e) {
		child_free(ike, c);
		return e;
	}
	c->active = activate;
	c->initiated = we_initiate;
	timers_set(ike, c, activate);
	list_append(&sa->children, &c->of_sa);
	table_add(&ike->children, &c->by_spi);
	table_add(&ike->handles, &c->by_handle);
	child_announce(ike, c);
	ike_tell(ike, IKE_EVENT_CHILD_UP, sa, c, NULL);
	*out = c;
	return ERR_NONE;
}

void child_activate(struct ike *ike, struct child_sa *c)
{
	c->activate_at = 0;
	if (c->active)
		return;
	c->active = true;
	ike->cb.plane->child_activate(ike->cb.plane_ctx, c->handle);
}

/* What c was to replace carries the traffic again, or is replaced by c's own successor. */
static void predecessor_tell(const struct child_sa *c)
{
	LIST_EACH (&c->sa->children, node) {
		struct child_sa *old = CONTAINER_OF(node, struct child_sa, of_sa);
		if (old->successor != c->spi_in)
			continue;
		old->successor = c->successor;
		if (old->successor == 0 && old->state == CHILD_REPLACED)
			old->state = CHILD_UP;
	}
}

void child_remove(struct ike *ike, struct child_sa *c, const char *reason)
{
	struct child_sa *next = c->successor == 0 ? NULL : child_find(ike, c->successor);

	/* The old one goes: whatever the peer has shown so far, only the new one is left. */
	if (next != NULL)
		child_activate(ike, next);
	predecessor_tell(c);
	ike->cb.plane->child_remove(ike->cb.plane_ctx, c->handle);
	sa_log(ike, c->sa, LOG_INFO, "Child SA %s with SPI %08x is gone%s%s", child_config(c)->name,
	       c->spi_in, reason ? ": " : "", reason ? reason : "");
	ike_tell(ike, IKE_EVENT_CHILD_DOWN, c->sa, c, reason);
	list_remove(&c->of_sa);
	table_remove(&ike->children, &c->by_spi);
	table_remove(&ike->handles, &c->by_handle);
	child_free(ike, c);
}

void child_delete(struct ike *ike, struct child_sa *c)
{
	if (c->state == CHILD_DELETING)
		return;
	c->state = CHILD_DELETING;
	if (task_add(ike, c->sa, TASK_CHILD_DELETE, c->spi_in) == NULL)
		child_remove(ike, c, "the peer could not be told");
}

void child_delete_spi(struct ike *ike, struct ike_sa *sa, uint32_t spi_in)
{
	task_add(ike, sa, TASK_CHILD_DELETE, spi_in);
}

void child_inherit(struct ike *ike, struct ike_sa *from, struct ike_sa *to)
{
	LIST_EACH (&from->children, node) {
		struct child_sa *c = CONTAINER_OF(node, struct child_sa, of_sa);
		list_remove(node);
		list_append(&to->children, node);
		c->sa = to;
		/* Its exchange, if there was one, was not sent or is dropped with the old SA. */
		if (c->state == CHILD_REKEYING)
			c->state = CHILD_UP;
	}
	tasks_move_waiting(ike, from, to);
	tasks_run(ike, to);
	sa_schedule(ike, to);
}

/* Both ends may make the same child at the same time. Both see the same two pairs of SPIs, and of
 * the pair with the lower one its initiator deletes it. */
static bool loses_to(const struct child_sa *a, const struct child_sa *b)
{
	const uint32_t low_a = a->spi_in < a->spi_out ? a->spi_in : a->spi_out;
	const uint32_t low_b = b->spi_in < b->spi_out ? b->spi_in : b->spi_out;

	return low_a < low_b;
}

static bool child_carries(const struct child_sa *c)
{
	return c->state == CHILD_UP || c->state == CHILD_REKEYING;
}

void child_settle_twins(struct ike *ike, struct child_sa *fresh)
{
	LIST_EACH (&fresh->sa->children, node) {
		struct child_sa *other = CONTAINER_OF(node, struct child_sa, of_sa);
		if (other == fresh || other->index != fresh->index || !child_carries(other))
			continue;
		struct child_sa *loser = loses_to(fresh, other) ? fresh : other;
		if (loser->initiated) {
			sa_log(ike, fresh->sa, LOG_INFO,
			       "both sides made Child SA %s; one of the two goes",
			       child_config(fresh)->name);
			child_delete(ike, loser);
		}
		if (loser == fresh)
			return;
	}
}

void child_refused(struct ike *ike, struct ike_sa *sa, unsigned index, const struct notify_part *n)
{
	const struct ike_child_config *cfg = &sa->config->children[index];
	char text[IKE_EXPLAIN_MAX];
	char name[IKEV2_NAME_MAX];
	const char *what = notify_name(n->type, name);

	if (n->type == NOTIFY_NO_PROPOSAL_CHOSEN)
		what = ike_explain_refusal(&cfg->esp, true, text, sizeof(text));
	else if (n->type == NOTIFY_TS_UNACCEPTABLE)
		what = "TS_UNACCEPTABLE: the peer has no child whose local-ts and remote-ts mirror "
		       "ours";
	if (sa->conn != NULL)
		ike_conn_failed(ike, sa->conn, "the peer refused child %s: %s", cfg->name, what);
}
