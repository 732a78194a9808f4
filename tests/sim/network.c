/* The network between the peers: it loses, doubles, delays, reorders, breaks and reflects. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static unsigned port_slot(uint16_t port)
{
	return port == 4500 ? 1 : 0;
}

struct endpoint network_outside(const struct sim_peer *p, uint16_t port)
{
	struct endpoint e = {p->addr, port};

	if (p->nat.on) {
		e.addr = p->nat.outside;
		e.port = p->nat.ports[port_slot(port)];
	}
	return e;
}

void network_rebind(struct sim *sim, struct sim_peer *p)
{
	if (!p->nat.on)
		return;
	for (size_t i = 0; i < 2; i++)
		p->nat.ports[i] = (uint16_t)rng_between(&sim->rng, 10000, 60000);
	if (rng_chance(&sim->rng, 300))
		p->nat.outside.a[3] = (uint8_t)(p->nat.outside.a[3] ^ 64);
	sim_note(sim, "%s: its NAT made another mapping", p->name);
}

/* The peer that a datagram for dst reaches, and dst as it sees it. */
static struct sim_peer *peer_at(struct sim *sim, struct endpoint *dst)
{
	for (size_t i = 0; i < sim->n_peers; i++) {
		struct sim_peer *p = sim->peers[i];
		if (!p->nat.on) {
			if (addr_equal(&p->addr, &dst->addr))
				return p;
			continue;
		}
		for (unsigned slot = 0; slot < 2; slot++) {
			if (!addr_equal(&p->nat.outside, &dst->addr) ||
			    p->nat.ports[slot] != dst->port)
				continue;
			*dst = (struct endpoint){p->addr, slot == 1 ? 4500 : 500};
			return p;
		}
	}
	return NULL;
}

static void arrive(struct sim *sim, struct sim_event *e)
{
	struct sim_datagram *d = e->data;
	struct path path = {.remote = d->src, .natt = d->natt};
	struct sim_peer *p = NULL;

	if (sim != NULL) {
		path.local = d->dst;
		p = peer_at(sim, &path.local);
	}
	if (p == NULL || p->ike == NULL)
		goto done;
	if (d->esp) {
		plane_receive(sim, p, d);
	} else if (path.natt == (path.local.port == 4500) && d->len > 1) {
		/* one octet is a NAT keepalive, which net/ swallows */
		const ptrdiff_t held = peer_enter();
		ike_input(p->ike, &path, bytes_of(d->octets, d->len), peer_now(p));
		peer_leave(p, held);
	}
done:
	free(d->octets);
	free(d);
}

static void deliver(struct sim *sim, const struct sim_datagram *d, uint64_t delay)
{
	struct sim_datagram *copy = sim_alloc(sizeof(*copy));

	*copy = *d;
	copy->octets = sim_alloc(d->len);
	memcpy(copy->octets, d->octets, d->len);
	queue_add(&sim->queue,
		  (struct sim_event){.at = sim->now + delay, .fire = arrive, .data = copy});
}

static uint64_t some_delay(struct sim *sim)
{
	return rng_between(&sim->rng, sim->net.delay_min, sim->net.delay_max);
}

static void damage(struct sim *sim, struct sim_datagram *d)
{
	const struct sim_net *net = &sim->net;

	if (d->esp || d->len < 2)
		return;
	if (rng_chance(&sim->rng, net->corrupt)) {
		const uint64_t bit = rng_below(&sim->rng, 8 * d->len);
		d->octets[bit / 8] = (uint8_t)(d->octets[bit / 8] ^ (1U << bit % 8));
	}
	if (rng_chance(&sim->rng, net->truncate))
		d->len = (size_t)rng_below(&sim->rng, d->len);
}

/* IP and UDP headers and the non-ESP marker included. */
static bool is_too_large(const struct sim_net *net, const struct sim_datagram *d)
{
	const size_t headers = (addr_len(&d->dst.addr) == 4 ? 20U : 40U) + 8 + (d->natt ? 4 : 0);

	return net->mtu != 0 && d->len + headers > net->mtu;
}

void network_send(struct sim *sim, struct sim_peer *from, const struct path *path,
		  struct bytes octets, bool esp)
{
	const struct sim_net *net = &sim->net;
	uint64_t delay = some_delay(sim);
	struct sim_datagram d = {
	    .src = network_outside(from, path->local.port),
	    .dst = path->remote,
	    .natt = path->natt,
	    .from = from,
	    .len = octets.n,
	    .esp = esp,
	};

	sim->datagrams++;
	if (path->stream != 0) {
		streams_send(sim, from, path, octets, esp);
		return;
	}
	d.octets = sim_alloc(octets.n);
	memcpy(d.octets, octets.p, octets.n);
	if (sim->hook != NULL && !sim->hook(sim, &d, &delay))
		goto done;
	if (rng_chance(&sim->rng, net->duplicate))
		deliver(sim, &d, some_delay(sim));
	if (!esp && rng_chance(&sim->rng, net->replay))
		deliver(sim, &d, some_delay(sim) + rng_below(&sim->rng, 10 * SECOND));
	if (!esp && rng_chance(&sim->rng, net->reflect)) {
		struct sim_datagram back = d;
		back.src = d.dst;
		back.dst = d.src;
		deliver(sim, &back, some_delay(sim));
	}
	if (rng_chance(&sim->rng, net->loss) || (!esp && is_too_large(net, &d)))
		goto done;
	damage(sim, &d);
	deliver(sim, &d, delay);
done:
	free(d.octets);
}

void network_inject(struct sim *sim, struct sim_peer *to, const struct endpoint *src, bool natt,
		    struct bytes octets, uint64_t delay)
{
	struct sim_datagram d = {
	    .src = *src,
	    .dst = network_outside(to, natt ? 4500 : 500),
	    .natt = natt,
	    .len = octets.n,
	};

	d.octets = sim_alloc(octets.n);
	memcpy(d.octets, octets.p, octets.n);
	deliver(sim, &d, delay);
	free(d.octets);
}
