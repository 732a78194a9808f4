/* Faults of protection, values, cookies and behaviour. */
#include "base/ikev2_numbers.h"
#include "fault_stage.h"

/* ---- Protection --------------------------------------------------------------------------------
 */

static void bad_icv(struct stage *st)
{
	go_up(st);
	const uint64_t before = totals(st->b).dropped;
	fault(st, st->a, "bad-icv*1");
	probe(st);
	EXPECT(st, totals(st->b).dropped > before);
	EXPECT(st, st->b->events[IKE_EVENT_SA_DOWN] == 0);
	EXPECT(st, tunnel(st));
}

/* Nobody is authenticated: the half-open IKE SA goes when its time is over (RFC 7296 2.4). */
static void bad_icv_auth(struct stage *st)
{
	fault(st, st->a, "bad-icv");
	go(st, 5);
	EXPECT(st, totals(st->b).half_open == 1);
	fault(st, st->a, "drop");
	pass(st, 60);
	EXPECT(st, totals(st->b).half_open == 0);
	EXPECT(st, st->a->events[IKE_EVENT_FAILED] > 0);
}

static void bad_padding(struct stage *st)
{
	go_up(st);
	fault(st, st->a, "bad-padding*1");
	probe(st);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) == 1);
	EXPECT(st, sas_with_a(st) == 0);
}

static void bad_padding_auth(struct stage *st)
{
	fault(st, st->a, "bad-padding*1");
	go(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) == 1);
	EXPECT(st, why_a(st, "INVALID_SYNTAX"));
	EXPECT(st, totals(st->b).half_open == 0);
}

/* ---- Values ------------------------------------------------------------------------------------
 */

static void short_nonce(struct stage *st)
{
	fault(st, st->a, "short-nonce=15*1");
	go(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) > 0);
	EXPECT(st, sas_with_a(st) == 0);
}

static void short_nonce_back(struct stage *st)
{
	fault(st, st->b, "short-nonce=0");
	go(st, 60);
	EXPECT(st, !tunnel(st));
	EXPECT(st, why_a(st, "no answer"));
}

/* RFC 7296 1.2: the answer names the method wanted; and A does not ask for ever (N9). */
static void wrong_ke_method(struct stage *st)
{
	const struct said *s;

	fault(st, st->a, "wrong-ke-method");
	go(st, 30);
	EXPECT(st, !tunnel(st));
	s = said_last(st, st->b, NOTIFY_INVALID_KE_PAYLOAD);
	EXPECT(st, s->n == 2 && s->data[0] == 0 && s->data[1] == KE_CURVE25519);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_KE_PAYLOAD) < 20);
	EXPECT(st, sas_with_a(st) == 0);
}

static void wrong_ke_length(struct stage *st)
{
	fault(st, st->a, "wrong-ke-length*1");
	go(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) > 0);
	EXPECT(st, sas_with_a(st) == 0);
}

static void wrong_ke_length_back(struct stage *st)
{
	fault(st, st->b, "wrong-ke-length");
	go(st, 2);
	EXPECT(st, peer_count_sas(st->a, SA_INIT) == 1);
	EXPECT(st, !tunnel(st));
}

/* RFC 7296 2.7: what was not offered is not taken. */
static void wrong_proposal(struct stage *st)
{
	fault(st, st->b, "wrong-proposal");
	go(st, 2);
	EXPECT(st, peer_count_sas(st->a, SA_INIT) == 1);
	EXPECT(st, !tunnel(st));
}

/* A has no such Child SA, tells B that it is gone, and does not try without rest. */
static void child_not_taken(struct stage *st, const char *text)
{
	go_to_auth(st);
	fault(st, st->b, text);
	pass(st, 2);
	EXPECT(st, why_a(st, "one failed"));
	EXPECT(st, peer_count_sas(st->a, SA_UP) == 1);
	EXPECT(st, plane_count(&st->a->plane) == 0);
	EXPECT(st, plane_count(&st->b->plane) == 1); /* C's */
	pass(st, 60);
	EXPECT(st, totals(st->a).messages_out < 40);
	EXPECT(st, plane_count(&st->b->plane) == 1);
}

static void wrong_proposal_child(struct stage *st)
{
	child_not_taken(st, "wrong-proposal");
}

static void wrong_selectors(struct stage *st)
{
	child_not_taken(st, "wrong-selectors");
}

/* B keeps a refused IKE SA for a while, to repeat its refusal, and no longer. */
static void refusal_fades(struct stage *st)
{
	EXPECT(st, totals(st->b).sas == 1);
	ike_down(st->a->ike, "net", NULL, peer_now(st->a));
	pass(st, 15);
	EXPECT(st, totals(st->b).half_open == 0);
	EXPECT(st, sas_with_a(st) == 0);
}

static void wrong_id(struct stage *st)
{
	fault(st, st->a, "wrong-id*1");
	go(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_AUTHENTICATION_FAILED) == 1);
	EXPECT(st, why_b(st, "a.exampld"));
	refusal_fades(st);
}

static void wrong_id_back(struct stage *st)
{
	fault(st, st->b, "wrong-id*1");
	go(st, 2);
	EXPECT(st, why_a(st, "b.exampld"));
	EXPECT(st, said(st, st->a, NOTIFY_AUTHENTICATION_FAILED) == 1);
	EXPECT(st, sas_with_a(st) == 0);
}

static void bad_auth(struct stage *st)
{
	fault(st, st->a, "bad-auth*1");
	go(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_AUTHENTICATION_FAILED) == 1);
	EXPECT(st, why_b(st, "secrets on both sides differ"));
	refusal_fades(st);
}

static void bad_auth_back(struct stage *st)
{
	fault(st, st->b, "bad-auth*1");
	go(st, 2);
	EXPECT(st, why_a(st, "secrets on both sides differ"));
	EXPECT(st, plane_count(&st->a->plane) == 0);
	EXPECT(st, said(st, st->a, NOTIFY_AUTHENTICATION_FAILED) == 1);
	EXPECT(st, sas_with_a(st) == 0);
}

/* RFC 7296 2.23: B believes in a NAT; A, which sees none, stays where it is. */
static void wrong_nat_hash(struct stage *st)
{
	fault(st, st->a, "wrong-nat-hash");
	go(st, 2);
	EXPECT(st, tunnel(st));
	EXPECT(st, peer_sa(st->b)->nat_there);
}

static void wrong_nat_hash_back(struct stage *st)
{
	fault(st, st->b, "wrong-nat-hash");
	go(st, 2);
	EXPECT(st, tunnel(st));
	EXPECT(st, peer_sa(st->a)->path.natt && peer_sa(st->a)->nat_there);
}

/* ---- Cookies -----------------------------------------------------------------------------------
 */

static void always_cookie(struct stage *st)
{
	fault(st, st->b, "always-cookie");
	go(st, 2);
	EXPECT(st, tunnel(st));
	EXPECT(st, totals(st->b).cookies_sent == 1);
	EXPECT(st, totals(st->a).retransmits == 0);
}

/* A is not led round for ever. */
static void endless_cookies(struct stage *st)
{
	fault(st, st->b, "always-cookie=1");
	go(st, 100);
	EXPECT(st, !tunnel(st));
	EXPECT(st, totals(st->b).cookies_sent < 30);
	EXPECT(st, sas_with_a(st) == 0);
	EXPECT(st, st->a->events[IKE_EVENT_FAILED] > 0);
}

static void wrong_cookie(struct stage *st)
{
	fault(st, st->b, "always-cookie");
	fault(st, st->a, "wrong-cookie");
	go(st, 5);
	EXPECT(st, !tunnel(st));
	EXPECT(st, sas_with_a(st) == 0);
	EXPECT(st, totals(st->b).jobs_waiting == 0);
}

static void wrong_cookie_once(struct stage *st)
{
	fault(st, st->b, "always-cookie");
	fault(st, st->a, "wrong-cookie*1");
	go(st, 5);
	EXPECT(st, tunnel(st));
	EXPECT(st, totals(st->b).cookies_sent == 2);
}

/* Half-open IKE SAs that somebody left behind under A's address do not shut A out: it shows a
 * cookie. */
static void crowded_address(struct stage *st)
{
	st->b->ike->settings.half_open_per_peer = 1;
	fault(st, st->a, "wrong-spi*1");
	go(st, 2);
	EXPECT(st, totals(st->b).half_open == 1);
	EXPECT(st, totals(st->b).cookies_sent == 0);
	ike_down(st->a->ike, "net", NULL, peer_now(st->a));
	go(st, 2);
	EXPECT(st, totals(st->b).cookies_sent == 1);
	EXPECT(st, tunnel(st));
}

/* Those that A itself left behind, as its cookie shows, count against it until they end. */
static void crowded_by_itself(struct stage *st)
{
	st->b->ike->settings.half_open_per_peer = 1;
	fault(st, st->b, "always-cookie");
	fault(st, st->a, "bad-icv");
	go(st, 2);
	EXPECT(st, totals(st->b).half_open == 1);
	ike_down(st->a->ike, "net", NULL, peer_now(st->a));
	fault(st, st->a, "bad-icv=off");
	go(st, 2);
	EXPECT(st, !tunnel(st));
	EXPECT(st, totals(st->b).half_open == 1);
	pass(st, 60);
	EXPECT(st, totals(st->b).half_open == 0);
	go(st, 2);
	EXPECT(st, tunnel(st));
}

/* ---- Behaviour ---------------------------------------------------------------------------------
 */

static void no_response(struct stage *st)
{
	fault(st, st->b, "no-response*3");
	go(st, 10);
	EXPECT(st, tunnel(st));
	EXPECT(st, totals(st->a).retransmits == 3);
}

static void no_response_at_all(struct stage *st)
{
	fault(st, st->b, "no-response");
	go(st, 90);
	EXPECT(st, why_a(st, "no answer"));
	EXPECT(st, why_a(st, "after 7 tries"));
}

static void no_retransmit(struct stage *st)
{
	fault(st, st->a, "no-retransmit");
	fault(st, st->b, "no-response*1");
	go(st, 20);
	EXPECT(st, !tunnel(st));
	EXPECT(st, totals(st->b).half_open == 1);
	pass(st, 20);
	EXPECT(st, totals(st->b).half_open == 0);
}

/* RFC 7296 2.25: the exchange is tried again later, and the old Child SA carries on. */
static void temporary_failure(struct stage *st)
{
	go_up(st);
	fault(st, st->b, "temporary-failure*2");
	ike_rekey(st->a->ike, "net", "one", peer_now(st->a));
	pass(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_TEMPORARY_FAILURE) == 1);
	EXPECT(st, tunnel(st));
	pass(st, 120);
	EXPECT(st, said(st, st->b, NOTIFY_TEMPORARY_FAILURE) == 2);
	EXPECT(st, st->a->events[IKE_EVENT_CHILD_REKEYED] + st->a->events[IKE_EVENT_CHILD_UP] >= 2);
	EXPECT(st, st->a->events[IKE_EVENT_SA_DOWN] == 0);
	EXPECT(st, tunnel(st));
}

/* A is rid of it, whatever B keeps; B finds out by itself. */
static void keep_deleted(struct stage *st)
{
	go_up(st);
	fault(st, st->b, "keep-deleted*1");
	ike_down(st->a->ike, "net", NULL, peer_now(st->a));
	pass(st, 2);
	EXPECT(st, peer_count_sas(st->a, -1) == 0);
	EXPECT(st, plane_count(&st->a->plane) == 0);
	EXPECT(st, sas_with_a(st) == 1);
	pass(st, 180);
	EXPECT(st, sas_with_a(st) == 0);
}

/* RFC 7296 2.4, 2.21.4: what is not authenticated proves nothing; silence in the end does. */
static void forget_sa(struct stage *st)
{
	go_up(st);
	fault(st, st->b, "forget-sa*1");
	probe(st);
	EXPECT(st, sas_with_a(st) == 0);
	EXPECT(st, st->a->events[IKE_EVENT_SA_DOWN] == 0);
	pass(st, 120);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_IKE_SPI) > 0);
	EXPECT(st, st->a->events[IKE_EVENT_SA_DOWN] == 1);
	EXPECT(st, tunnel(st));
}

static void delay_job(struct stage *st)
{
	fault(st, st->a, "delay-job=700");
	fault(st, st->b, "delay-job=1500");
	go(st, 20);
	EXPECT(st, tunnel(st));
	EXPECT(st, sas_with_a(st) == 1);
	EXPECT(st, st->b->events[IKE_EVENT_CHILD_UP] == 2);
}

/* The IKE SA goes while its job is away. */
static void delay_job_of_the_dead(struct stage *st)
{
	fault(st, st->b, "delay-job=60000*1");
	go(st, 50);
	EXPECT(st, totals(st->b).jobs_waiting == 1);
	EXPECT(st, totals(st->b).half_open <= 1);
	pass(st, 60);
	EXPECT(st, totals(st->b).jobs_waiting == 0);
}

static void fail_job(struct stage *st)
{
	fault(st, st->a, "fail-job*1");
	go(st, 2);
	EXPECT(st, why_a(st, "the fault fail-job"));
	EXPECT(st, peer_count_sas(st->a, -1) == 0);
	pass(st, 20);
	EXPECT(st, tunnel(st));
}

static void fail_job_at_responder(struct stage *st)
{
	fault(st, st->b, "fail-job");
	go(st, 5);
	EXPECT(st, !tunnel(st));
	EXPECT(st, sas_with_a(st) == 0);
}

static void fail_job_auth(struct stage *st)
{
	go_to_auth(st);
	fault(st, st->b, "fail-job*1");
	pass(st, 2);
	EXPECT(st, why_a(st, "AUTHENTICATION_FAILED"));
	EXPECT(st, why_b(st, "the fault fail-job"));
}

const struct fault_test faults_behaviour[] = {
    {"bad-icv", bad_icv},
    {"bad-icv in IKE_AUTH", bad_icv_auth},
    {"bad-padding", bad_padding},
    {"bad-padding in IKE_AUTH", bad_padding_auth},
    {"short-nonce", short_nonce},
    {"short-nonce in the answer", short_nonce_back},
    {"wrong-ke-method", wrong_ke_method},
    {"wrong-ke-length", wrong_ke_length},
    {"wrong-ke-length in the answer", wrong_ke_length_back},
    {"wrong-proposal", wrong_proposal},
    {"wrong-proposal of a Child SA", wrong_proposal_child},
    {"wrong-selectors", wrong_selectors},
    {"wrong-id", wrong_id},
    {"wrong-id of the responder", wrong_id_back},
    {"bad-auth", bad_auth},
    {"bad-auth of the responder", bad_auth_back},
    {"wrong-nat-hash", wrong_nat_hash},
    {"wrong-nat-hash of the responder", wrong_nat_hash_back},
    {"always-cookie", always_cookie},
    {"always-cookie for ever", endless_cookies},
    {"wrong-cookie", wrong_cookie},
    {"wrong-cookie once", wrong_cookie_once},
    {"wrong-spi and a crowded address", crowded_address},
    {"bad-icv and a crowded address", crowded_by_itself},
    {"no-response", no_response},
    {"no-response at all", no_response_at_all},
    {"no-retransmit", no_retransmit},
    {"temporary-failure", temporary_failure},
    {"keep-deleted", keep_deleted},
    {"forget-sa", forget_sa},
    {"delay-job", delay_job},
    {"delay-job of an IKE SA that goes", delay_job_of_the_dead},
    {"fail-job", fail_job},
    {"fail-job at the responder", fail_job_at_responder},
    {"fail-job in IKE_AUTH", fail_job_auth},
    {NULL, NULL},
};
