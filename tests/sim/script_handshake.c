/* The initial exchanges, what they say when they fail, and what an SA costs. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ike/child.h"
#include "ike/task.h"
#include "script.h"

static struct sim_peer *A(struct sim *sim)
{
	return sim->peers[0];
}

static struct sim_peer *B(struct sim *sim)
{
	return sim->peers[1];
}

/* A and B with these two wishes; A begins. */
static void differing(struct sim *sim, const struct sim_wish *a, const struct sim_wish *b)
{
	peer_add(sim, "A");
	peer_add(sim, "B");
	peer_connection(A(sim), config_make(A(sim), B(sim), a));
	peer_connection(B(sim), config_make(B(sim), A(sim), b));
	peer_start(A(sim));
	peer_start(B(sim));
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 30 * SECOND);
}

/* Both ends say why, in words that name what differs. */
static void expect_reasons(struct sim *sim, const char *at_a, const char *at_b)
{
	if (strstr(A(sim)->last_failure, at_a) == NULL)
		sim_fail(sim, "A says only: %s", A(sim)->last_failure);
	if (strstr(B(sim)->last_warning, at_b) == NULL)
		sim_fail(sim, "B says only: %s", B(sim)->last_warning);
	script_expect(sim, plane_count(&A(sim)->plane) == 0, "A has a Child SA");
	script_expect(sim, plane_count(&B(sim)->plane) == 0, "B has a Child SA");
}

static void no_proposal_ike(struct sim *sim)
{
	struct sim_wish a = config_usual, b = config_mirror(&a);

	a.ike = "aes256gcm-prfsha384-ecp384";
	differing(sim, &a, &b);
	expect_reasons(sim, "aes256gcm", "aes128gcm");
}

static void no_proposal_child(struct sim *sim)
{
	struct sim_wish a = config_usual, b = config_mirror(&a);

	a.children[0].esp = "aes256gcm";
	differing(sim, &a, &b);
	expect_reasons(sim, "aes256gcm", "aes128gcm");
	script_expect(sim, peer_count_sas(A(sim), SA_UP) == 1,
		      "the IKE SA goes with the Child SA"); /* RFC 7296 2.21.2 */
}

static void ts_unacceptable(struct sim *sim)
{
	struct sim_wish a = config_usual, b = config_mirror(&a);

	b.children[0].local = "10.77.0.0/24";
	differing(sim, &a, &b);
	expect_reasons(sim, "TS_UNACCEPTABLE", "10.77.0.0/24");
}

static void psk_differs(struct sim *sim)
{
	struct sim_wish a = config_usual, b = config_mirror(&a);

	peer_add(sim, "A");
	peer_add(sim, "B");
	struct ike_connection *ca = config_make(A(sim), B(sim), &a);
	struct ike_connection *cb = config_make(B(sim), A(sim), &b);
	keystore_free(A(sim)->keys);
	A(sim)->keys = keystore_new();
	keystore_add_secret(A(sim)->keys, NULL, NULL, BYTES_LITERAL("another one altogether"));
	peer_connection(A(sim), ca);
	peer_connection(B(sim), cb);
	peer_start(A(sim));
	peer_start(B(sim));
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 5 * SECOND);
	expect_reasons(sim, "AUTHENTICATION_FAILED", "another pre-shared key");
}

static void identity_unknown(struct sim *sim)
{
	struct sim_wish a = config_usual, b = config_mirror(&a);

	a.local_id = "stranger.example";
	differing(sim, &a, &b);
	expect_reasons(sim, "AUTHENTICATION_FAILED", "stranger.example");
}

static void narrowing(struct sim *sim)
{
	struct sim_wish a = config_usual, b = config_mirror(&a);

	a.children[0].remote = "10.0.0.0/8";
	b.children[0].local = "10.2.0.0/25 10.3.0.0/16";
	differing(sim, &a, &b);
	script_expect_tunnel(sim);
	script_expect(sim, A(sim)->plane.sas[0].n_remote == 2, "not both parts were taken");
}

/* RFC 7296 2.1, 2.4: 0.5 s, doubled, with jitter, and no more than 16 s apart. */
static void retransmission(struct sim *sim)
{
	static struct script_filter f;

	f = (struct script_filter){.exchange = EXCHANGE_IKE_SA_INIT, .drop = 1000};
	script_pair(sim, false);
	script_drop(sim, &f);
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run_until(sim, script_at_rest, 80 * SECOND);
	sim_run(sim, 1);
	script_expect(sim, f.seen >= 7, "it gives up too soon");
	uint64_t pause = SECOND / 2;
	for (unsigned i = 1; i < 7; i++) {
		const uint64_t was = f.at[i] - f.at[i - 1];
		if (was < pause || was > pause + pause / 4)
			sim_fail(sim, "pause %u is %llu us", i, (unsigned long long)was);
		pause = pause * 2 > 16 * SECOND ? 16 * SECOND : pause * 2;
	}
	script_expect(sim, strstr(A(sim)->last_failure, "no answer") != NULL, "no reason");
}

/* RFC 7296 2.4: the peer starts anew and says so; the old IKE SA goes at once. */
static void initial_contact(struct sim *sim)
{
	script_up(sim);
	peer_crash(B(sim));
	sim_run(sim, SECOND);
	peer_start(B(sim));
	ike_up(B(sim)->ike, "net", NULL, peer_now(B(sim)));
	sim_run(sim, SECOND);
	script_expect(sim, peer_count_sas(A(sim), -1) == 1, "the old IKE SA is still there");
	script_expect_tunnel(sim);
}

static void dead_peer(struct sim *sim)
{
	script_up(sim);
	peer_crash(B(sim));
	sim_run(sim, 3 * MINUTE);
	script_expect(sim, peer_count_sas(A(sim), SA_UP) == 0, "A believes in a dead peer");
	script_expect(sim, plane_count(&A(sim)->plane) == 0, "A keeps its Child SAs");
	peer_start(B(sim));
	sim_run(sim, 3 * MINUTE);
	script_expect_tunnel(sim);
}

/* RFC 7296 2.3: a peer that takes more at once gets more at once, and no more than that. */
static void window(struct sim *sim)
{
	struct sim_wish a = config_usual, b;
	struct message m;

	a.n_children = 3;
	a.children[1] = a.children[2] = a.children[0];
	a.children[1].name = "two";
	a.children[2].name = "three";
	a.children[1].policy = 2;
	a.children[2].policy = 3;
	b = config_mirror(&a);
	differing(sim, &a, &b);
	struct ike_sa *sa = peer_sa(B(sim));
	uint8_t size[4] = {0, 0, 0, 2};
	if (sa == NULL) {
		sim_fail(sim, "no tunnel");
		return;
	}
	script_begin(B(sim), sa, &m, EXCHANGE_INFORMATIONAL, false, sa->send_id++);
	notify_write(message_payload_begin(&m, PAYLOAD_NOTIFY), 0, (struct bytes){0},
		     NOTIFY_SET_WINDOW_SIZE, BYTES_OF(size));
	message_payload_end(&m);
	script_deliver(B(sim), sa, &m, A(sim));
	sim_run(sim, SECOND);
	sim->net.loss = 1000;
	ike_rekey(A(sim)->ike, "net", "one", peer_now(A(sim)));
	ike_rekey(A(sim)->ike, "net", "two", peer_now(A(sim)));
	ike_rekey(A(sim)->ike, "net", "three", peer_now(A(sim)));
	sim_run(sim, 300 * MS);
	unsigned in_flight = 0;
	LIST_EACH (&peer_sa(A(sim))->tasks, node)
		in_flight += CONTAINER_OF(node, struct ike_task, of_sa)->in_flight;
	script_expect(sim, in_flight == 2, "not two requests are under way");
}

static void cookie_and_other_group(struct sim *sim)
{
	struct sim_wish a = config_usual, b = config_mirror(&a);

	a.ike = "aes128gcm-prfsha256-ecp256-x25519";
	script_pair(sim, false);
	B(sim)->ike->settings.cookie_threshold = 0;
	peer_connection(A(sim), config_make(A(sim), B(sim), &a));
	peer_connection(B(sim), config_make(B(sim), A(sim), &b));
	ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
	sim_run(sim, 2 * SECOND);
	script_expect_tunnel(sim);
	script_expect(sim, B(sim)->ike->totals.cookies_sent > 0, "no cookie was asked for");
}

#define MANY 48

static void command_all(struct sim *sim, bool up)
{
	char name[8];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		if (up)
			ike_up(A(sim)->ike, name, NULL, peer_now(A(sim)));
		else
			ike_down(A(sim)->ike, name, NULL, peer_now(A(sim)));
		sim_run(sim, SECOND);
	}
	sim_run(sim, 20 * SECOND);
}

/* What an idle IKE SA with one Child SA holds, the allocator's own octets included: the difference
 * between many tunnels up and down, halved as both ends are here. The data planes of the simulator
 * keep what they have once taken. */
static size_t held_by_one(struct sim *sim)
{
	char names[MANY][8], a_ids[MANY][16], b_ids[MANY][16];

	for (unsigned i = 0; i < MANY; i++) {
		struct sim_wish a = config_usual, b;
		snprintf(names[i], sizeof(names[i]), "m%u", i);
		snprintf(a_ids[i], sizeof(a_ids[i]), "a%u.example", i);
		snprintf(b_ids[i], sizeof(b_ids[i]), "b%u.example", i);
		a.name = names[i];
		a.local_id = a_ids[i];
		a.remote_id = b_ids[i];
		a.children[0].policy = 3 + i;
		b = config_mirror(&a);
		struct ike_connection *ca = config_make(A(sim), B(sim), &a);
		struct ike_connection *cb = config_make(B(sim), A(sim), &b);
		ike_connection_set(A(sim)->ike, ca, peer_now(A(sim)));
		ike_connection_set(B(sim)->ike, cb, peer_now(B(sim)));
		ike_connection_release(ca);
		ike_connection_release(cb);
	}
	command_all(sim, true);
	command_all(sim, false);
	const size_t down = mallinfo2().uordblks;
	command_all(sim, true);
	script_expect(sim, peer_count_sas(A(sim), SA_UP) == MANY + 1, "not all are up");
	const size_t held = (mallinfo2().uordblks - down) / 2 / MANY;
	command_all(sim, false);
	return held;
}

static void cost(struct sim *sim)
{
	const unsigned n = 200;
	struct timespec begun, done;

	script_up(sim);
	const size_t held = held_by_one(sim);
	printf("# an idle IKE SA with one Child SA holds %zu octets (struct ike_sa %zu, struct "
	       "child_sa %zu)\n",
	       held, sizeof(struct ike_sa), sizeof(struct child_sa));
	/* 0: a sanitizer's allocator, which does not tell */
	script_expect(sim, held < 4096, "it holds more than 4 KB");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
	for (unsigned i = 0; i < n; i++) {
		ike_down(A(sim)->ike, "net", NULL, peer_now(A(sim)));
		sim_run(sim, SECOND);
		ike_up(A(sim)->ike, "net", NULL, peer_now(A(sim)));
		sim_run(sim, SECOND);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &done);
	printf(
	    "# set-up and end, both ends, cryptography and simulator included: %.0f us\n",
	    ((double)(done.tv_sec - begun.tv_sec) * 1e9 + (double)(done.tv_nsec - begun.tv_nsec)) /
		n / 1000);
	script_expect_tunnel(sim);
}

const struct script scripts_handshake[] = {
    {"no-proposal-chosen-ike-says-why", no_proposal_ike},
    {"no-proposal-chosen-child-says-why", no_proposal_child},
    {"ts-unacceptable-says-why", ts_unacceptable},
    {"psk-differs-says-why", psk_differs},
    {"identity-unknown-says-why", identity_unknown},
    {"narrowing", narrowing},
    {"retransmission-times", retransmission},
    {"initial-contact", initial_contact},
    {"dead-peer", dead_peer},
    {"window-of-two", window},
    {"cookie-and-invalid-ke-payload", cookie_and_other_group},
    {"cost-of-an-sa", cost},
};
const size_t n_scripts_handshake = sizeof(scripts_handshake) / sizeof(scripts_handshake[0]);
