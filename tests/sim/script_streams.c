/* Several IKE SAs in one TCP connection, as two connections of A's to B may have it; RFC 9329 6.1
 * gives each its own, and a responder copes. */
#include <string.h>

#include "ike/ext/tcp.h"
#include "script.h"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

static void begin(struct sim *sim, bool share)
{
	struct sim_wish w[2] = {config_usual, config_usual};

	peer_add(sim, "A");
	peer_add(sim, "B");
	w[1].name = "two";
	w[1].local_id = "a2.example";
	w[1].children[0].local = "10.3.0.0/24";
	w[1].children[0].policy = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_wish m;
		w[i].transport = IKE_TRANSPORT_TCP;
		w[i].children[0].start = IKE_START_MANUAL;
		m = config_mirror(&w[i]);
		w[i].tcp_share = share;
		peer_connection(A(sim), config_make(A(sim), B(sim), &w[i]));
		peer_connection(B(sim), config_make(B(sim), A(sim), &m));
	}
	peer_start(A(sim));
	peer_start(B(sim));
}

static void up(struct sim *sim, const char *name)
{
	ike_up(A(sim)->ike, name, NULL, peer_now(A(sim)));
	sim_run(sim, 3 * SECOND);
}

/* The only IKE SA that p has of a connection. */
static struct ike_sa *sa_of(struct sim *sim, struct sim_peer *p, const char *name)
{
	struct ike_sa *found = NULL;

	LIST_EACH (&p->ike->sa_list, node) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, all);
		if (sa->state != SA_UP || strcmp(sa->config->name, name) != 0)
			continue;
		script_expect(sim, found == NULL, "two IKE SAs of one connection");
		found = sa;
	}
	return found;
}

static void carries(struct sim *sim, uint32_t policy)
{
	for (unsigned i = 0; i < 2; i++) {
		struct sim_plane *there = &sim->peers[!i]->plane;
		const uint64_t before = there->received[policy];
		script_expect(sim, plane_send(sim, sim->peers[i], policy), "no SA to send with");
		sim_run(sim, SECOND);
		if (there->received[policy] != before + 1)
			sim_fail(sim, "policy %u: the packet did not arrive", policy);
	}
}

/* Both IKE SAs are up at both ends and share a stream, or do not; packets pass in each. */
static void expect_both(struct sim *sim, bool shared)
{
	for (unsigned i = 0; i < 2 && !sim->failed; i++) {
		const struct ike_sa *one = sa_of(sim, sim->peers[i], "net");
		const struct ike_sa *two = sa_of(sim, sim->peers[i], "two");
		script_expect(sim, one != NULL && two != NULL, "an IKE SA is missing");
		if (sim->failed)
			return;
		script_expect(sim, one->stream != NULL && one->path.stream != 0, "no stream");
		script_expect(sim, (one->stream == two->stream) == shared, "another sharing");
		script_expect(sim, (one->path.stream == two->path.stream) == shared,
			      "another stream in the path");
		script_expect(sim, sim->peers[i]->ike->streams.n_nodes == (shared ? 1U : 2U),
			      "another number of streams");
	}
	carries(sim, 1);
	carries(sim, 2);
}

/* One is rekeyed by each end, the other deleted and made again; the stream is reset and opened
 * anew, with longer lengths, as they have agreed. */
static void shared(struct sim *sim)
{
	begin(sim, true);
	up(sim, "net");
	up(sim, "two");
	expect_both(sim, true);
	const uint32_t stream = sa_of(sim, A(sim), "net")->path.stream;
	for (unsigned i = 0; i < 2; i++) {
		ike_rekey(sim->peers[i]->ike, "net", NULL, peer_now(sim->peers[i]));
		sim_run(sim, 3 * SECOND);
		ike_rekey(sim->peers[i]->ike, "two", "one", peer_now(sim->peers[i]));
		sim_run(sim, 3 * SECOND);
		expect_both(sim, true);
	}
	script_expect(sim, A(sim)->events[IKE_EVENT_SA_REKEYED] == 2, "no rekey");
	ike_down(A(sim)->ike, "two", NULL, peer_now(A(sim)));
	sim_run(sim, 3 * SECOND);
	script_expect(sim, sa_of(sim, A(sim), "two") == NULL, "it is not deleted");
	script_expect(sim, sa_of(sim, B(sim), "two") == NULL, "B has it still");
	carries(sim, 1);
	up(sim, "two");
	expect_both(sim, true);
	/* Deleted by B: A wants it, and makes it anew in the same stream. */
	ike_down(B(sim)->ike, "two", NULL, peer_now(B(sim)));
	sim_run(sim, 20 * SECOND);
	expect_both(sim, true);
	script_expect(sim, sa_of(sim, A(sim), "net")->path.stream == stream, "another stream");
	const uint64_t spi = sa_of(sim, A(sim), "two")->spi_i;
	streams_reset(sim);
	sim_run(sim, 5 * SECOND);
	expect_both(sim, true);
	const struct ike_sa *two = sa_of(sim, A(sim), "two");
	script_expect(sim, two != NULL && two->spi_i == spi, "the IKE SA was made anew");
	script_expect(sim, two != NULL && (two->path.stream & STREAM_LONG) != 0, "short lengths");
	/* Another begins in a stream of longer lengths, which the first of them has agreed to. */
	ike_down(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 3 * SECOND);
	carries(sim, 2);
	up(sim, "net");
	expect_both(sim, true);
	ike_down(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	ike_down(A(sim)->ike, "two", NULL, peer_now(A(sim)));
	sim_run(sim, 10 * SECOND);
	script_expect(sim, A(sim)->ike->streams.n_nodes + B(sim)->ike->streams.n_nodes == 0,
		      "a stream is left");
}

/* Both at once, while the stream is not open yet; and both again after a reset in the midst. */
static void at_once(struct sim *sim)
{
	begin(sim, true);
	for (unsigned i = 0; i < 2; i++) {
		ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
		ike_up(A(sim)->ike, "two", NULL, peer_now(A(sim)));
		if (i == 0) {
			sim_run(sim, 15 * MS);
			streams_reset(sim);
		}
		sim_run(sim, 40 * SECOND);
	}
	for (unsigned i = 0; i < 2 && !sim->failed; i++) {
		script_expect(sim, sa_of(sim, A(sim), i == 0 ? "net" : "two") != NULL,
			      "an IKE SA is missing");
		carries(sim, i + 1);
	}
}

/* Unless configured so, each has its own (RFC 9329 6.1). */
static void not_shared(struct sim *sim)
{
	begin(sim, false);
	up(sim, "net");
	up(sim, "two");
	expect_both(sim, false);
	streams_reset(sim);
	sim_run(sim, 5 * SECOND);
	expect_both(sim, false);
}

/* As responder we take so many and no more, and those that are there do not notice. */
static void bounded(struct sim *sim)
{
	static struct ike_sa others[TCP_SHARED_MAX - 1];

	begin(sim, true);
	up(sim, "net");
	struct ike_sa *one = sa_of(sim, B(sim), "net");
	if (one == NULL || one->stream == NULL) {
		sim_fail(sim, "no tunnel");
		return;
	}
	for (size_t i = 0; i < TCP_SHARED_MAX - 1; i++) {
		others[i].state = SA_UP;
		list_append(&one->stream->sas, &others[i].of_stream);
	}
	up(sim, "two");
	script_expect(sim, sa_of(sim, B(sim), "two") == NULL, "it came up");
	carries(sim, 1);
	for (size_t i = 0; i < TCP_SHARED_MAX - 1; i++)
		list_remove(&others[i].of_stream);
	sim_run(sim, 5 * MINUTE);
	up(sim, "two");
	sim_run(sim, 20 * SECOND);
	expect_both(sim, true);
}

const struct script scripts_streams[] = {
    {"tcp-stream-shared-by-two-ike-sas", shared},
    {"tcp-stream-shared-from-the-start", at_once},
    {"tcp-stream-of-its-own", not_shared},
    {"tcp-stream-with-too-many-ike-sas", bounded},
};
const size_t n_scripts_streams = sizeof(scripts_streams) / sizeof(scripts_streams[0]);
