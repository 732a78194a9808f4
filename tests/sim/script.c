#include "script.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ike/child.h"
#include "ike/offer.h"
#include "wire/ts.h"

void script_pair(struct sim *sim, bool start)
{
	peer_add(sim, "A");
	peer_add(sim, "B");
	config_pair(sim, SIM_PSK, start ? IKE_START_AUTO : IKE_START_MANUAL, IKE_START_MANUAL);
	peer_start(sim->peers[0]);
	peer_start(sim->peers[1]);
}

bool script_at_rest(struct sim *sim)
{
	char text[SIM_REASON];

	return check_settled(sim, text, sizeof(text)) == NULL;
}

void script_expect(struct sim *sim, bool holds, const char *what)
{
	if (!holds)
		sim_fail(sim, "%s", what);
}

void script_up(struct sim *sim)
{
	script_pair(sim, true);
	script_expect(sim, sim_run_until(sim, script_at_rest, 5 * SECOND), "no tunnel");
	sim_run(sim, 5 * SECOND);
	script_expect(sim, peer_sa(sim->peers[0]) != NULL, "no IKE SA");
}

void script_expect_tunnel(struct sim *sim)
{
	char text[SIM_REASON] = "";

	if (!sim_run_until(sim, script_at_rest, 5 * MINUTE)) {
		const char *why = check_settled(sim, text, sizeof(text));
		sim_fail(sim, "it does not settle: %s", why == NULL ? "?" : why);
		check_dump(sim);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		struct sim_plane *other = &sim->peers[!i]->plane;
		const uint64_t before = other->received[1];
		script_expect(sim, peer_count_sas(sim->peers[i], -1) == 1, "not one IKE SA");
		script_expect(sim, plane_count(other) == 1, "not one Child SA");
		script_expect(sim, plane_send(sim, sim->peers[i], 1), "no SA to send with");
		sim_run(sim, SECOND);
		script_expect(sim, other->received[1] == before + 1, "the packet did not arrive");
	}
}

void script_begin(struct sim_peer *from, struct ike_sa *sa, struct message *m, uint8_t exchange,
		  bool response, uint32_t id)
{
	sa_message_begin(from->ike, sa, m, exchange, response, id);
}

void script_deliver(struct sim_peer *from, struct ike_sa *sa, struct message *m,
		    struct sim_peer *to)
{
	const struct endpoint src = network_outside(from, sa->path.local.port);
	struct ike_flight out = {0};

	if (sa_message_seal(from->ike, sa, m, &out))
		sim_fail(from->sim, "the script's message could not be built");
	for (size_t i = 0; i < flight_count(&out); i++)
		network_inject(from->sim, to, &src, sa->path.natt, flight_datagram(&out, i), MS);
	flight_clear(&out);
}

void script_create(struct sim_peer *from, struct ike_sa *sa, struct message *m, struct bytes spi,
		   uint32_t rekeys)
{
	const bool ike = spi.n != 4;
	uint8_t ke[32] = {9};
	struct child_draft d;

	script_begin(from, sa, m, EXCHANGE_CREATE_CHILD_SA, false, sa->send_id++);
	if (rekeys != 0)
		message_notify_spi(m, PROTOCOL_ESP, rekeys, NOTIFY_REKEY_SA);
	ike_offer_write(message_payload_begin(m, PAYLOAD_SA),
			ike ? &sa->config->ike : &sa->config->children[0].esp, spi, true);
	message_payload_end(m);
	message_payload(m, PAYLOAD_NONCE, BYTES_OF(ke));
	if (ike) {
		ke_write(message_payload_begin(m, PAYLOAD_KE), 31, BYTES_OF(ke));
		message_payload_end(m);
	} else {
		child_draft_start(sa, &d, 0, 0);
		ts_write(message_payload_begin(m, PAYLOAD_TSI), d.local, d.n_local,
			 (struct bytes){0});
		message_payload_end(m);
		ts_write(message_payload_begin(m, PAYLOAD_TSR), d.remote, d.n_remote,
			 (struct bytes){0});
		message_payload_end(m);
	}
}

static void read_inside(struct script_filter *f, const struct sim_datagram *d,
			const struct ike_header *h)
{
	const struct protect_keys keys = ike_keys_protect(&f->reader->keys, !f->reader->initiator);
	struct ike_sk_opened opened = {0};
	struct notify_part n;
	uint8_t copy[2000];
	const char *why;

	if (d->len > sizeof(copy) || h->spi_i != f->reader->spi_i || h->spi_r != f->reader->spi_r)
		return;
	memcpy(copy, d->octets, d->len);
	ike_sk_open(d->from->crypto, &f->reader->suite.protect, &keys, h, copy, d->len, &opened,
		    &why);
	if (!opened.authentic)
		return;
	f->opened++;
	f->inner_notify = 0;
	const struct payload *p = payloads_find(&opened.payloads, PAYLOAD_NOTIFY);
	if (p != NULL && notify_parse(p->body, &n, NULL) == ERR_NONE)
		f->inner_notify = n.type;
	f->inner_sa = payloads_find(&opened.payloads, PAYLOAD_SA) != NULL;
	f->inner_delete = payloads_find(&opened.payloads, PAYLOAD_DELETE) != NULL;
}

uint16_t script_ask(struct sim_peer *from, struct ike_sa *sa, struct message *m,
		    struct sim_peer *to)
{
	struct script_filter f = {.response = true, .from = to, .reader = sa};

	script_drop(from->sim, &f);
	script_deliver(from, sa, m, to);
	sim_run(from->sim, 500 * MS);
	from->sim->hook = NULL;
	script_expect(from->sim, f.opened > 0, "it is not answered");
	return f.inner_notify;
}

static bool filter(struct sim *sim, struct sim_datagram *d, uint64_t *delay)
{
	struct script_filter *f = sim->hook_ctx;
	struct ike_header h;
	const char *why;

	(void)delay;
	if (d->esp || header_parse(&h, bytes_of(d->octets, d->len), &why))
		return true;
	if ((f->exchange != 0 && h.exchange != f->exchange) ||
	    header_is_response(&h) != f->response || (f->from != NULL && f->from != d->from))
		return true;
	if (h.next_payload == PAYLOAD_NOTIFY && d->len >= IKE_HEADER_LEN + 8)
		f->last_notify =
		    (uint16_t)(d->octets[IKE_HEADER_LEN + 6] << 8 | d->octets[IKE_HEADER_LEN + 7]);
	if (f->reader != NULL && h.next_payload == PAYLOAD_SK && d->from != NULL)
		read_inside(f, d, &h);
	const unsigned n = f->seen++;
	if (n < 32) {
		f->at[n] = sim->now;
		f->sizes[n] = d->len;
	}
	return n < f->skip || n >= f->skip + f->drop;
}

void script_drop(struct sim *sim, struct script_filter *f)
{
	sim->hook = filter;
	sim->hook_ctx = f;
}

static int run_all(const struct script *scripts, size_t n, const char *only, bool trace)
{
	int failures = 0;

	for (size_t i = 0; i < n; i++) {
		if (only != NULL && strstr(scripts[i].name, only) == NULL)
			continue;
		struct sim *sim = sim_new(7 + i, trace);
		const size_t blocks = sim->blocks_at_start;
		scripts[i].run(sim);
		char reason[SIM_REASON] = "";
		if (sim->failed)
			snprintf(reason, sizeof(reason), "%s", sim->reason);
		sim_free(sim);
		if (reason[0] == '\0' && mem_blocks_held() != blocks)
			snprintf(reason, sizeof(reason), "memory is left");
		if (reason[0] == '\0') {
			printf("ok %s\n", scripts[i].name);
			continue;
		}
		printf("not ok %s - %s\n", scripts[i].name, reason);
		failures++;
	}
	return failures;
}

int main(int argc, char **argv)
{
	const bool trace = argc > 2;
	const char *only = argc > 1 ? argv[1] : NULL;
	int failures = run_all(scripts_handshake, n_scripts_handshake, only, trace);

	failures += run_all(scripts_hostile, n_scripts_hostile, only, trace);
	failures += run_all(scripts_pq, n_scripts_pq, only, trace);
	failures += run_all(scripts_downgrade, n_scripts_downgrade, only, trace);
	failures += run_all(scripts_rekey, n_scripts_rekey, only, trace);
	failures += run_all(scripts_standing, n_scripts_standing, only, trace);
	failures += run_all(scripts_cells, n_scripts_cells, only, trace);
	failures += run_all(scripts_offers, n_scripts_offers, only, trace);
	failures += run_all(scripts_intermediate, n_scripts_intermediate, only, trace);
	failures += run_all(scripts_bad, n_scripts_bad, only, trace);
	failures += run_all(scripts_certificates, n_scripts_certificates, only, trace);
	failures += run_all(scripts_fetch, n_scripts_fetch, only, trace);
	failures += run_all(scripts_streams, n_scripts_streams, only, trace);
	failures += run_all(scripts_eesp, n_scripts_eesp, only, trace);
	failures += run_all(scripts_childless, n_scripts_childless, only, trace);
	failures += run_all(scripts_signatures, n_scripts_signatures, only, trace);
	failures += run_all(scripts_exchanges, n_scripts_exchanges, only, trace);
	failures += run_all(scripts_large, n_scripts_large, only, trace);
	failures += run_all(scripts_kem, n_scripts_kem, only, trace);
	failures += run_all(scripts_kem_bad, n_scripts_kem_bad, only, trace);
	failures += run_all(scripts_ppk, n_scripts_ppk, only, trace);
	failures += run_all(scripts_limits, n_scripts_limits, only, trace);
	return failures == 0 ? 0 : 1;
}
