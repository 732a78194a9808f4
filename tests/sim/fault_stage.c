#include "fault_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ike/task.h"

static void note_payloads(struct stage *st, const struct sim_peer *from, const struct payloads *ps)
{
	struct notify_part n;

	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_NOTIFY, p)) != NULL;) {
		if (notify_parse(p->body, &n, NULL) || st->n_said == SAID_MAX)
			continue;
		struct said *s = &st->said[st->n_said++];
		*s = (struct said){.from = from, .type = n.type, .n = n.data.n};
		memcpy(s->data, n.data.p, n.data.n < sizeof(s->data) ? n.data.n : sizeof(s->data));
	}
}

static void note_protected(struct stage *st, const struct sim_datagram *d,
			   const struct ike_header *h)
{
	struct ike_sa *sa = sa_find(d->from->ike, header_from_initiator(h) ? h->spi_i : h->spi_r);
	struct ike_sk_opened opened;
	const char *reason;

	if (sa == NULL || sa->keys.block == NULL)
		return;
	const struct protect_keys keys = ike_keys_protect(&sa->keys, sa->initiator);
	uint8_t *copy = sim_alloc(d->len);
	memcpy(copy, d->octets, d->len);
	if (ike_sk_open(d->from->crypto, &sa->suite.protect, &keys, h, copy, d->len, &opened,
			&reason) == ERR_NONE)
		note_payloads(st, d->from, &opened.payloads);
	free(copy);
}

/* Sees each datagram as it leaves. */
static bool on_datagram(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct stage *st = sim->hook_ctx;
	const struct bytes octets = bytes_of(d->octets, d->len);
	struct ike_header h;
	struct payloads ps;
	const char *reason;

	(void)delay;
	if (d->esp || d->len < IKE_HEADER_LEN)
		return true;
	enum err e = header_parse(&h, octets, &reason);
	if (e != ERR_NONE)
		return true;
	if (h.next_payload == PAYLOAD_SK)
		note_protected(st, d, &h);
	else if (payloads_parse(&ps, PAYLOADS_OUTER, h.next_payload,
				bytes_of(octets.p + IKE_HEADER_LEN, octets.n - IKE_HEADER_LEN),
				&reason) == ERR_NONE)
		note_payloads(st, d->from, &ps);
	return true;
}

static struct sim_wish wish_of_c(void)
{
	struct sim_wish w = config_usual;

	w.name = "other";
	w.local_id = "c.example";
	w.children[0].local = "10.3.0.0/24";
	w.children[0].policy = 2;
	w.children[0].start = IKE_START_AUTO;
	return w;
}

static bool c_is_up(struct sim *sim)
{
	return peer_sa(sim->peers[2]) != NULL && plane_count(&sim->peers[2]->plane) == 1;
}

void stage_set(struct stage *st, bool trace)
{
	struct sim *sim = sim_new(1, trace);
	struct sim_wish w = wish_of_c(), m;

	*st = (struct stage){.sim = sim, .blocks = sim->blocks_at_start};
	st->a = peer_add(sim, "A");
	st->b = peer_add(sim, "B");
	st->c = peer_add(sim, "C");
	st->a->callbacks.faults = &st->of_a;
	st->b->callbacks.faults = &st->of_b;
	config_pair(sim, SIM_PSK, IKE_START_MANUAL, IKE_START_MANUAL);
	m = config_mirror(&w);
	m.children[0].start = IKE_START_MANUAL;
	peer_connection(st->c, config_make(st->c, st->b, &w));
	peer_connection(st->b, config_make(st->b, st->c, &m));
	sim->hook = on_datagram;
	sim->hook_ctx = st;
	for (size_t i = 0; i < sim->n_peers; i++)
		peer_start(sim->peers[i]);
	if (!sim_run_until(sim, c_is_up, MINUTE))
		sim_fail(sim, "C has no tunnel to begin with");
	pass(st, 1);
}

/* A fault that never fired shows nothing. */
static void all_fired(struct stage *st, const struct sim_peer *p)
{
	for (size_t i = 0; i < FAULT_COUNT; i++)
		if (p->callbacks.faults->state[i].on && p->callbacks.faults->state[i].fired == 0)
			sim_fail(st->sim, "%s: the fault %s never fired", p->name,
				 fault_list()[i].name);
}

void fault(struct stage *st, struct sim_peer *p, const char *text)
{
	sim_note(st->sim, "%s: faults: %s", p->name, text);
	if (strcmp(text, "off") == 0)
		all_fired(st, p);
	p->misbehaves = true;
	if (faults_set(p->callbacks.faults, text))
		sim_fail(st->sim, "%s is no fault", text);
}

void expect(struct stage *st, bool holds, const char *what)
{
	if (!holds)
		sim_fail(st->sim, "does not hold: %s (A: %s; B: %s)", what, st->a->last_failure,
			 st->b->last_warning);
}

void pass(struct stage *st, unsigned seconds)
{
	sim_run(st->sim, seconds * SECOND);
}

void go(struct stage *st, unsigned seconds)
{
	if (ike_up(st->a->ike, "net", NULL, peer_now(st->a)))
		sim_fail(st->sim, "A does not know its connection");
	pass(st, seconds);
}

static bool a_in_auth(struct sim *sim)
{
	return peer_count_sas(sim->peers[0], SA_AUTH) == 1;
}

void go_to_auth(struct stage *st)
{
	go(st, 0);
	if (!sim_run_until(st->sim, a_in_auth, MINUTE))
		sim_fail(st->sim, "A never comes to IKE_AUTH");
}

void go_up(struct stage *st)
{
	go(st, 2);
	if (!tunnel(st))
		sim_fail(st->sim, "there is no tunnel to begin with");
}

bool tunnel(struct stage *st)
{
	const uint64_t at_a = st->a->plane.received[1], at_b = st->b->plane.received[1];

	if (!plane_send(st->sim, st->a, 1) || !plane_send(st->sim, st->b, 1))
		return false;
	sim_run(st->sim, 100 * MS);
	return st->a->plane.received[1] == at_a + 1 && st->b->plane.received[1] == at_b + 1;
}

unsigned said(const struct stage *st, const struct sim_peer *p, uint16_t type)
{
	unsigned n = 0;

	for (size_t i = 0; i < st->n_said; i++)
		n += st->said[i].from == p && st->said[i].type == type;
	return n;
}

const struct said *said_last(const struct stage *st, const struct sim_peer *p, uint16_t type)
{
	static const struct said nothing;

	for (size_t i = st->n_said; i-- > 0;)
		if (st->said[i].from == p && st->said[i].type == type)
			return &st->said[i];
	return &nothing;
}

struct ike_totals totals(const struct sim_peer *p)
{
	struct ike_totals t;

	ike_totals(p->ike, &t);
	return t;
}

unsigned sas_with_a(const struct stage *st)
{
	unsigned n = 0;

	LIST_EACH (&st->b->ike->sa_list, node) {
		const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
		n += addr_equal(&sa->path.remote.addr, &st->a->addr);
	}
	return n;
}

bool why_a(const struct stage *st, const char *text)
{
	return strstr(st->a->last_failure, text) != NULL;
}

bool why_b(const struct stage *st, const char *text)
{
	return strstr(st->b->last_warning, text) != NULL;
}

void probe(struct stage *st)
{
	struct ike_sa *sa = peer_sa(st->a);

	if (sa == NULL) {
		sim_fail(st->sim, "A has no IKE SA to probe");
		return;
	}
	st->a->ike->now = peer_now(st->a);
	task_add(st->a->ike, sa, TASK_LIVENESS, 0);
	tasks_run(st->a->ike, sa);
	sa_schedule(st->a->ike, sa);
	pass(st, 1);
}

static bool a_and_b_settled(struct sim *sim)
{
	char text[SIM_REASON];

	return check_settled(sim, text, sizeof(text)) == NULL;
}

static void c_noticed_nothing(struct stage *st)
{
	const uint64_t at_b = st->b->plane.received[2];

	if (st->c->events[IKE_EVENT_SA_UP] != 1 || st->c->events[IKE_EVENT_SA_DOWN] != 0 ||
	    st->c->events[IKE_EVENT_CHILD_DOWN] != 0)
		sim_fail(st->sim, "C's tunnel was disturbed");
	plane_send(st->sim, st->c, 2);
	sim_run(st->sim, 100 * MS);
	if (st->b->plane.received[2] != at_b + 1)
		sim_fail(st->sim, "C's tunnel carries nothing");
}

static void heal(struct stage *st)
{
	char text[SIM_REASON] = "";

	fault(st, st->a, "off");
	fault(st, st->b, "off");
	(void)ike_up(st->a->ike, "net", NULL, peer_now(st->a));
	pass(st, 40);
	if (!sim_run_until(st->sim, a_and_b_settled, 5 * MINUTE)) {
		const char *r = check_settled(st->sim, text, sizeof(text));
		sim_fail(st->sim, "without the fault it does not recover: %s", r ? r : "?");
	}
	if (!tunnel(st))
		sim_fail(st->sim, "without the fault there is no tunnel");
}

bool stage_clear(struct stage *st, char why[SIM_REASON])
{
	struct sim *sim = st->sim;

	if (!sim->failed)
		c_noticed_nothing(st);
	if (!sim->failed)
		heal(st);
	if (!sim->failed) {
		ike_shutdown(st->a->ike, peer_now(st->a));
		ike_shutdown(st->c->ike, peer_now(st->c));
		pass(st, 60);
		check_all_gone(sim);
	}
	snprintf(why, SIM_REASON, "%s", sim->reason);
	sim_free(sim);
	if (why[0] == '\0' && mem_blocks_held() != st->blocks)
		snprintf(why, SIM_REASON, "%zu blocks of memory are left",
			 mem_blocks_held() - st->blocks);
	return why[0] == '\0';
}
