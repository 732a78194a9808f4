/* A data plane that keeps keys instead of using them: a packet is the SPI and the key that it would
 * have been sealed with, and whoever receives it compares. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static size_t keys_copy(uint8_t out[SIM_KEY_MAX], const struct protect_keys *keys)
{
	memcpy(out, keys->encr.p, keys->encr.n);
	if (keys->integ.n > 0)
		memcpy(out + keys->encr.n, keys->integ.p, keys->integ.n);
	return keys->encr.n + keys->integ.n;
}

struct sim_sa *plane_find(struct sim_plane *plane, uint32_t handle)
{
	for (size_t i = 0; i < plane->n; i++)
		if (plane->sas[i].used && plane->sas[i].handle == handle)
			return &plane->sas[i];
	return NULL;
}

static struct sim_sa *plane_room(struct sim_plane *plane)
{
	for (size_t i = 0; i < plane->n; i++)
		if (!plane->sas[i].used)
			return &plane->sas[i];
	struct sim_sa *grown = sim_alloc((plane->n + 8) * sizeof(*grown));
	if (plane->n > 0)
		memcpy(grown, plane->sas, plane->n * sizeof(*grown));
	free(plane->sas);
	plane->sas = grown;
	plane->n += 8;
	return &plane->sas[plane->n - 8];
}

static enum err policy_set(void *ctx, const struct dataplane_policy *policy)
{
	struct sim_plane *plane = ctx;

	if (policy->id >= SIM_POLICY)
		return ERR_RANGE;
	plane->policies[policy->id] = true;
	plane->acquires[policy->id] = policy->acquire;
	return ERR_NONE;
}

static void policy_remove(void *ctx, uint32_t id)
{
	struct sim_plane *plane = ctx;

	if (id < SIM_POLICY)
		plane->policies[id] = plane->acquires[id] = false;
}

static enum err child_install(void *ctx, const struct dataplane_child *c)
{
	struct sim_plane *plane = ctx;
	struct sim *sim = plane->peer->sim;

	if (plane->refuse_installs)
		return ERR_NO_MEMORY;
	if (plane_find(plane, c->handle) != NULL)
		sim_fail(sim, "%s: handle %u is installed twice", plane->peer->name, c->handle);
	for (size_t i = 0; i < plane->n; i++)
		if (plane->sas[i].used && plane->sas[i].spi_in == c->spi_in)
			sim_fail(sim, "%s: SPI %08x is installed twice", plane->peer->name,
				 c->spi_in);
	if (!plane->policies[c->policy])
		sim_fail(sim, "%s: a Child SA for policy %u, which is not there", plane->peer->name,
			 c->policy);
	struct sim_sa *sa = plane_room(plane);
	*sa = (struct sim_sa){
	    .used = true,
	    .handle = c->handle,
	    .policy = c->policy,
	    .spi_in = c->spi_in,
	    .spi_out = c->spi_out,
	    .outer = c->outer,
	    .natt = c->udp_encap,
	    .active = c->activate,
	    .activated = c->activate ? ++plane->activations : 0,
	    .soft_packets = c->soft_packets,
	    .hard_packets = c->hard_packets,
	    .soft_octets = c->soft_octets,
	    .hard_octets = c->hard_octets,
	    .esn = c->esn,
	    .n_local = c->n_local,
	    .n_remote = c->n_remote,
	};
	sa->key_in_len = keys_copy(sa->key_in, &c->in);
	sa->key_out_len = keys_copy(sa->key_out, &c->out);
	memcpy(sa->local, c->local, c->n_local * sizeof(*c->local));
	memcpy(sa->remote, c->remote, c->n_remote * sizeof(*c->remote));
	check_installed(sim, plane->peer, sa);
	return ERR_NONE;
}

static void child_activate(void *ctx, uint32_t handle)
{
	struct sim_plane *plane = ctx;
	struct sim_sa *sa = plane_find(plane, handle);

	if (sa == NULL) {
		sim_fail(plane->peer->sim, "%s: activation of handle %u, which is not there",
			 plane->peer->name, handle);
		return;
	}
	sa->active = true;
	sa->activated = ++plane->activations;
}

static void child_move(void *ctx, uint32_t handle, const struct path *outer, bool udp_encap)
{
	struct sim_sa *sa = plane_find(ctx, handle);

	if (sa == NULL)
		return;
	sa->outer = *outer;
	sa->natt = udp_encap;
}

static void child_remove(void *ctx, uint32_t handle)
{
	struct sim_plane *plane = ctx;
	struct sim_sa *sa = plane_find(plane, handle);

	if (sa == NULL)
		sim_fail(plane->peer->sim, "%s: removal of handle %u, which is not there",
			 plane->peer->name, handle);
	else
		sa->used = false;
}

static bool child_usage(void *ctx, uint32_t handle, struct dataplane_usage *usage)
{
	const struct sim_sa *sa = plane_find(ctx, handle);

	if (sa == NULL)
		return false;
	*usage = sa->usage;
	return true;
}

const struct dataplane_ops sim_plane_ops = {
    .policy_set = policy_set,
    .policy_remove = policy_remove,
    .child_install = child_install,
    .child_activate = child_activate,
    .child_move = child_move,
    .child_remove = child_remove,
    .child_usage = child_usage,
};

size_t plane_count(const struct sim_plane *plane)
{
	size_t n = 0;

	for (size_t i = 0; i < plane->n; i++)
		n += plane->sas[i].used;
	return n;
}

void plane_clear(struct sim_plane *plane)
{
	free(plane->sas);
	plane->sas = NULL;
	plane->n = 0;
}

struct told {
	struct dataplane_event event;
};

static void tell_now(struct sim *sim, struct sim_event *e)
{
	struct told *t = e->data;

	if (sim != NULL && e->peer->ike != NULL && e->generation == e->peer->generation) {
		const ptrdiff_t held = peer_enter();
		ike_plane_event(e->peer->ike, &t->event, peer_now(e->peer));
		peer_leave(e->peer, held);
	}
	free(t);
}

/* A plane tells in its own time: a little later. */
static void tell(struct sim *sim, struct sim_peer *p, const struct dataplane_event *event)
{
	struct told *t = sim_alloc(sizeof(*t));

	t->event = *event;
	queue_add(&sim->queue, (struct sim_event){.at = sim->now + 50,
						  .fire = tell_now,
						  .peer = p,
						  .generation = p->generation,
						  .data = t});
}

static void count_out(struct sim *sim, struct sim_peer *p, struct sim_sa *sa)
{
	sa->usage.out_packets++;
	sa->usage.out_octets += 100;
	sa->usage.last_out = peer_now(p);
	if (sa->soft_packets != 0 && !sa->soft_told && sa->usage.out_packets >= sa->soft_packets) {
		sa->soft_told = true;
		tell(sim, p,
		     &(struct dataplane_event){.type = DATAPLANE_SOFT_LIMIT, .handle = sa->handle});
	}
	if (sa->hard_packets != 0 && sa->usage.out_packets == sa->hard_packets)
		tell(sim, p,
		     &(struct dataplane_event){.type = DATAPLANE_HARD_LIMIT, .handle = sa->handle});
}

static void no_sa(struct sim *sim, struct sim_peer *p, uint32_t policy)
{
	struct sim_plane *plane = &p->plane;

	plane->no_sa++;
	if (plane->no_sa < 1000)
		sim_note(sim, "%s: no SA for a packet of policy %u", p->name, policy);
	if (!plane->acquires[policy])
		return;
	if (plane->acquired_at[policy] != 0 && sim->now < plane->acquired_at[policy] + SECOND)
		return;
	plane->acquired_at[policy] = sim->now;
	tell(sim, p, &(struct dataplane_event){.type = DATAPLANE_ACQUIRE, .policy = policy});
}

bool plane_send(struct sim *sim, struct sim_peer *p, uint32_t policy)
{
	struct sim_plane *plane = &p->plane;
	struct sim_sa *best = NULL;

	for (size_t i = 0; i < plane->n; i++) {
		struct sim_sa *sa = &plane->sas[i];
		if (sa->used && sa->active && sa->policy == policy &&
		    (sa->hard_packets == 0 || sa->usage.out_packets < sa->hard_packets) &&
		    (best == NULL || sa->activated > best->activated))
			best = sa;
	}
	if (best == NULL) {
		no_sa(sim, p, policy);
		return false;
	}
	count_out(sim, p, best);
	struct sim_packet packet = {.spi = best->spi_out,
				    .policy = policy,
				    .sequence = best->usage.out_packets,
				    .key_len = best->key_out_len};
	memcpy(packet.key, best->key_out, best->key_out_len);
	plane->sent[policy]++;
	network_send(sim, p, &best->outer, BYTES_OF(((struct sim_packet[1]){packet})), true);
	return true;
}

void plane_receive(struct sim *sim, struct sim_peer *p, const struct sim_datagram *d)
{
	struct sim_plane *plane = &p->plane;
	const struct sim_packet *packet = (const void *)d->octets;
	struct sim_sa *sa = NULL;

	for (size_t i = 0; i < plane->n; i++)
		if (plane->sas[i].used && plane->sas[i].spi_in == packet->spi)
			sa = &plane->sas[i];
	if (sa == NULL) {
		plane->unknown_spi++;
		sim_note(sim, "%s: a packet with unknown SPI %08x", p->name, packet->spi);
		return;
	}
	if (packet->key_len != sa->key_in_len ||
	    memcmp(packet->key, sa->key_in, sa->key_in_len) != 0) {
		sim_fail(sim, "%s: a packet with SPI %08x was sealed with another key", p->name,
			 packet->spi);
		return;
	}
	sa->usage.in_packets++;
	sa->usage.in_octets += 100;
	sa->usage.last_in = peer_now(p);
	plane->received[sa->policy]++;
	if (!sa->active && !sa->first_in_told) {
		sa->first_in_told = true;
		tell(sim, p,
		     &(struct dataplane_event){.type = DATAPLANE_FIRST_IN, .handle = sa->handle});
	}
	if (d->natt && !endpoint_equal(&d->src, &sa->outer.remote))
		tell(sim, p,
		     &(struct dataplane_event){
			 .type = DATAPLANE_PEER_MOVED, .handle = sa->handle, .remote = d->src});
}
