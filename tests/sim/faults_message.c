/* Faults of datagrams, headers and the chain of payloads. */
#include <stdio.h>

#include "base/ikev2_numbers.h"
#include "fault_stage.h"

#define IN_INIT  (256 * EXCHANGE_IKE_SA_INIT)
#define IN_AUTH  (256 * EXCHANGE_IKE_AUTH)
#define IN_CHILD (256 * EXCHANGE_CREATE_CHILD_SA)
#define IN_INFO  (256 * EXCHANGE_INFORMATIONAL)

/* "NAME=NUMBER", to be used before the next call. */
static const char *with(const char *name, unsigned number)
{
	static char text[80];

	snprintf(text, sizeof(text), "%s=%u", name, number);
	return text;
}

/* ---- Datagrams --------------------------------------------------------------------------------
 */

static void drop(struct stage *st)
{
	fault(st, st->a, "drop=2");
	fault(st, st->b, "drop*1");
	go(st, 10);
	EXPECT(st, tunnel(st));
	EXPECT(st, totals(st->a).retransmits >= 2);
}

static void duplicate(struct stage *st)
{
	fault(st, st->a, "duplicate");
	fault(st, st->b, "duplicate");
	go(st, 2);
	EXPECT(st, tunnel(st));
	EXPECT(st, totals(st->a).retransmits == 0);
	EXPECT(st, st->b->events[IKE_EVENT_CHILD_UP] == 2); /* A's and C's */
	EXPECT(st, sas_with_a(st) == 1);
}

static void replay(struct stage *st)
{
	fault(st, st->a, "replay");
	fault(st, st->b, "replay");
	go(st, 2);
	EXPECT(st, tunnel(st));
	probe(st);
	probe(st);
	EXPECT(st, sas_with_a(st) == 1);
	EXPECT(st, st->b->events[IKE_EVENT_SA_DOWN] == 0);
}

static void reorder(struct stage *st)
{
	fault(st, st->a, "reorder");
	fault(st, st->b, "reorder");
	go(st, 20);
	EXPECT(st, tunnel(st));
	EXPECT(st, st->b->events[IKE_EVENT_CHILD_UP] == 2);
}

/* The ICV does not hold: dropped, and the retransmission brings it to an end. */
static void corrupt(struct stage *st)
{
	unsigned long before;

	go_to_auth(st);
	before = totals(st->b).dropped;
	fault(st, st->a, "corrupt*1");
	fault(st, st->b, "corrupt=300*1");
	pass(st, 5);
	EXPECT(st, totals(st->b).dropped > before);
	EXPECT(st, totals(st->a).retransmits >= 2);
	EXPECT(st, tunnel(st));
}

/* A bit of IKE_SA_INIT that both take for good: AUTH covers the message as it came (RFC
 * 7296 2.15). */
static void corrupt_init(struct stage *st)
{
	fault(st, st->a, "corrupt*1");
	go(st, 2);
	EXPECT(st, !tunnel(st));
	EXPECT(st, said(st, st->b, NOTIFY_AUTHENTICATION_FAILED) > 0);
}

static void broken_once(struct stage *st, const char *text)
{
	const uint64_t before = totals(st->b).dropped;

	fault(st, st->a, text);
	go(st, 4);
	EXPECT(st, totals(st->b).dropped > before);
	EXPECT(st, totals(st->b).half_open == 0);
	EXPECT(st, tunnel(st));
}

static void truncate_init(struct stage *st)
{
	broken_once(st, "truncate*1");
	fault(st, st->a, "truncate=40*1");
	probe(st);
	EXPECT(st, tunnel(st));
	EXPECT(st, st->b->events[IKE_EVENT_SA_DOWN] == 0);
}

static void extend_init(struct stage *st)
{
	broken_once(st, "extend=3*1");
}

static void wrong_length(struct stage *st)
{
	broken_once(st, "wrong-length*2");
}

/* A broken answer does not end the handshake of who waits for a good one (N29). */
static void truncate_answer(struct stage *st)
{
	fault(st, st->b, "truncate*1");
	go(st, 4);
	EXPECT(st, tunnel(st));
	EXPECT(st, totals(st->a).retransmits == 1);
}

/* ---- Header -----------------------------------------------------------------------------------
 */

static void wrong_spi_ours(struct stage *st)
{
	fault(st, st->a, "wrong-spi*1");
	go(st, 2);
	EXPECT(st, !tunnel(st));
	EXPECT(st, totals(st->b).half_open == 1);
	pass(st, 60);
	EXPECT(st, st->a->events[IKE_EVENT_FAILED] > 0);
	/* one that A's last copy made, when the first was forgotten, and one of its next attempt */
	EXPECT(st, sas_with_a(st) <= 2);
}

/* RFC 7296 2.21.4: INVALID_IKE_SPI answers it, and unauthenticated as it is it ends nothing. */
static void wrong_spi_theirs(struct stage *st)
{
	go_up(st);
	fault(st, st->a, "wrong-spi=1*1");
	probe(st);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_IKE_SPI) > 0);
	EXPECT(st, st->b->events[IKE_EVENT_SA_DOWN] == 0);
	EXPECT(st, tunnel(st));
}

static void wrong_version(struct stage *st)
{
	fault(st, st->a, "wrong-version");
	go(st, 4);
	EXPECT(st, !tunnel(st));
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_MAJOR_VERSION) > 0);
	EXPECT(st, sas_with_a(st) == 0);
}

/* RFC 7296 2.5: a lower major version gets no answer; a minor one is ignored. */
static void other_version(struct stage *st)
{
	fault(st, st->a, "wrong-version=0x10*1");
	go(st, 1);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_MAJOR_VERSION) == 0);
	EXPECT(st, sas_with_a(st) == 0);
	pass(st, 60); /* a new attempt */
	fault(st, st->a, "wrong-version=0x2f");
	go(st, 60);
	EXPECT(st, tunnel(st));
}

static void wrong_exchange(struct stage *st)
{
	fault(st, st->a, "wrong-exchange*1");
	go(st, 2);
	EXPECT(st, sas_with_a(st) == 0);
	pass(st, 90);
	EXPECT(st, tunnel(st));
	fault(st, st->a, "wrong-exchange*1");
	probe(st);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) > 0);
	EXPECT(st, why_b(st, "no place"));
}

static void wrong_flags(struct stage *st)
{
	go_up(st);
	const uint64_t before = totals(st->b).dropped;
	fault(st, st->a, "wrong-flags*1");
	probe(st);
	EXPECT(st, totals(st->b).dropped > before);
	EXPECT(st, st->b->events[IKE_EVENT_SA_DOWN] == 0);
	EXPECT(st, tunnel(st));
}

/* The Initiator flag of the wrong role: as our own message sent back (N20). */
static void wrong_role(struct stage *st)
{
	go_up(st);
	fault(st, st->a, "wrong-flags=8*1");
	probe(st);
	EXPECT(st, st->b->events[IKE_EVENT_SA_DOWN] == 0);
	EXPECT(st, tunnel(st));
	/* RFC 7296 3.1: reserved bits are ignored */
	fault(st, st->a, "off");
	pass(st, 120);
	fault(st, st->a, "wrong-flags=0xc7*1");
	probe(st);
	EXPECT(st, totals(st->a).retransmits > 0);
	EXPECT(st, tunnel(st));
}

static void wrong_message_id(struct stage *st)
{
	go_up(st);
	const uint64_t before = totals(st->b).dropped;
	fault(st, st->a, "wrong-message-id*1");
	probe(st);
	EXPECT(st, totals(st->b).dropped > before);
	EXPECT(st, st->b->events[IKE_EVENT_SA_DOWN] == 0);
	EXPECT(st, tunnel(st));
	pass(st, 180); /* A gives up, and comes back */
	EXPECT(st, st->a->events[IKE_EVENT_SA_DOWN] == 1);
	EXPECT(st, tunnel(st));
}

/* An answer of another Message ID answers nothing. */
static void wrong_message_id_back(struct stage *st)
{
	fault(st, st->b, "wrong-message-id*1");
	go(st, 2);
	EXPECT(st, !tunnel(st));
	EXPECT(st, peer_count_sas(st->a, SA_INIT) == 1);
}

/* ---- Payloads ----------------------------------------------------------------------------------
 */

static const uint8_t of_init[] = {PAYLOAD_SA, PAYLOAD_KE, PAYLOAD_NONCE};
static const uint8_t of_auth[] = {PAYLOAD_IDI, PAYLOAD_AUTH, PAYLOAD_SA, PAYLOAD_TSI, PAYLOAD_TSR};
static const uint8_t of_answer[] = {PAYLOAD_IDR, PAYLOAD_AUTH, PAYLOAD_SA, PAYLOAD_TSI,
				    PAYLOAD_TSR};

/* In a request: refused, once for each type in the list. */
static void each_in(struct stage *st, const char *name, unsigned exchange, const uint8_t *types,
		    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const unsigned before = said(st, st->b, NOTIFY_INVALID_SYNTAX) +
					said(st, st->b, NOTIFY_AUTHENTICATION_FAILED);
		fault(st, st->a, with(name, exchange + types[i]));
		go(st, 3);
		EXPECT(st, !tunnel(st));
		EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) +
				   said(st, st->b, NOTIFY_AUTHENTICATION_FAILED) >
			       before);
		fault(st, st->a, "drop"); /* silence, until all attempts are over */
		pass(st, 60);
		EXPECT(st, sas_with_a(st) == 0);
		ike_down(st->a->ike, "net", NULL, peer_now(st->a));
		fault(st, st->a, "off");
	}
}

static void omit_init(struct stage *st)
{
	each_in(st, "omit-payload", IN_INIT, of_init, sizeof(of_init));
}

static void omit_auth(struct stage *st)
{
	each_in(st, "omit-payload", IN_AUTH, of_auth, sizeof(of_auth));
}

static void omit_auth_sa(struct stage *st)
{
	fault(st, st->a, with("omit-payload", IN_AUTH + PAYLOAD_SA));
	go(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) > 0);
	EXPECT(st, why_a(st, "INVALID_SYNTAX"));
	EXPECT(st, why_b(st, "missing"));
}

static void repeat_init(struct stage *st)
{
	each_in(st, "repeat-payload", IN_INIT, of_init, sizeof(of_init));
}

static void repeat_auth(struct stage *st)
{
	each_in(st, "repeat-payload", IN_AUTH, of_auth, sizeof(of_auth));
}

/* In the answer: A has no Child SA by it, and says why. */
static void answers(struct stage *st, const char *name)
{
	for (size_t i = 0; i < sizeof(of_answer); i++) {
		st->a->last_failure[0] = '\0';
		fault(st, st->b, with(name, IN_AUTH + of_answer[i]));
		go(st, 2);
		/* Without a Child SA at first, A asks for another one at once. */
		if (of_answer[i] == PAYLOAD_IDR || of_answer[i] == PAYLOAD_AUTH)
			EXPECT(st, !tunnel(st));
		EXPECT(st, st->a->last_failure[0] != '\0');
		fault(st, st->b, "off");
		ike_down(st->a->ike, "net", NULL, peer_now(st->a));
		pass(st, 120);
	}
}

static void omit_answer(struct stage *st)
{
	answers(st, "omit-payload");
}

static void repeat_answer(struct stage *st)
{
	answers(st, "repeat-payload");
}

static void omit_init_answer(struct stage *st)
{
	for (size_t i = 0; i < sizeof(of_init); i++) {
		fault(st, st->b, with("omit-payload", IN_INIT + of_init[i]));
		go(st, 2);
		EXPECT(st, !tunnel(st));
		EXPECT(st, peer_count_sas(st->a, SA_UP) == 0);
		fault(st, st->b, "off");
		ike_down(st->a->ike, "net", NULL, peer_now(st->a));
		pass(st, 60);
	}
}

static void wrong_payload_length(struct stage *st)
{
	fault(st, st->a, "wrong-payload-length*1");
	go(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) > 0);
	EXPECT(st, sas_with_a(st) == 0);
	pass(st, 90);
	EXPECT(st, tunnel(st));
}

static void wrong_payload_length_inside(struct stage *st)
{
	go_to_auth(st);
	fault(st, st->a, "wrong-payload-length*1");
	pass(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) == 1);
	EXPECT(st, why_a(st, "INVALID_SYNTAX"));
	EXPECT(st, totals(st->b).half_open == 0);
}

/* RFC 7296 2.21.3: INVALID_SYNTAX in an established IKE SA is the end of it. */
static void wrong_payload_length_later(struct stage *st)
{
	go_up(st);
	fault(st, st->a, "wrong-payload-length*1");
	ike_rekey(st->a->ike, "net", "one", peer_now(st->a));
	pass(st, 1);
	EXPECT(st, said(st, st->b, NOTIFY_INVALID_SYNTAX) == 1);
	EXPECT(st, sas_with_a(st) == 0);
}

static void critical_in(struct stage *st, unsigned exchange, unsigned type)
{
	const unsigned before = said(st, st->b, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
	const struct said *s;

	fault(st, st->a, with("unknown-critical", exchange + type));
	if (exchange == IN_INFO)
		probe(st);
	else
		go(st, 2);
	EXPECT(st, said(st, st->b, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD) > before);
	s = said_last(st, st->b, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
	EXPECT(st, s->n == 1 && s->data[0] == type);
	fault(st, st->a, "off");
}

/* RFC 7296 2.5: the answer names the type, one octet. */
static void unknown_critical(struct stage *st)
{
	critical_in(st, IN_INIT, 127);
	EXPECT(st, sas_with_a(st) == 0);
	pass(st, 90);
}

static void unknown_critical_auth(struct stage *st)
{
	critical_in(st, IN_AUTH, 200);
	EXPECT(st, totals(st->b).half_open == 0);
	EXPECT(st, why_a(st, "UNSUPPORTED_CRITICAL_PAYLOAD"));
}

static void unknown_critical_later(struct stage *st)
{
	go_up(st);
	critical_in(st, IN_INFO, 99);
	EXPECT(st, st->b->events[IKE_EVENT_SA_DOWN] == 0);
	EXPECT(st, tunnel(st));
	probe(st);
	EXPECT(st, tunnel(st));
}

/* RFC 7296 2.5: in a response nothing of it may be acted on. */
static void unknown_critical_answer(struct stage *st)
{
	fault(st, st->b, with("unknown-critical", IN_AUTH + 127));
	go(st, 2);
	EXPECT(st, !tunnel(st));
	EXPECT(st, peer_count_sas(st->a, SA_UP) == 0);
	EXPECT(st, why_a(st, "critical"));
}

static void unknown_payload(struct stage *st)
{
	fault(st, st->a, "unknown-payload");
	fault(st, st->b, "unknown-payload=200");
	go(st, 2);
	EXPECT(st, tunnel(st));
	ike_rekey(st->a->ike, "net", NULL, peer_now(st->a));
	pass(st, 5);
	ike_rekey(st->a->ike, "net", "one", peer_now(st->a));
	pass(st, 5);
	EXPECT(st, tunnel(st));
	EXPECT(st, totals(st->a).retransmits == 0);
}

const struct fault_test faults_message[] = {
    {"drop", drop},
    {"duplicate", duplicate},
    {"replay", replay},
    {"reorder", reorder},
    {"corrupt", corrupt},
    {"corrupt IKE_SA_INIT", corrupt_init},
    {"truncate", truncate_init},
    {"truncate an answer", truncate_answer},
    {"extend", extend_init},
    {"wrong-length", wrong_length},
    {"wrong-spi ours", wrong_spi_ours},
    {"wrong-spi theirs", wrong_spi_theirs},
    {"wrong-version", wrong_version},
    {"wrong-version lower and minor", other_version},
    {"wrong-exchange", wrong_exchange},
    {"wrong-flags", wrong_flags},
    {"wrong-flags of the other role", wrong_role},
    {"wrong-message-id", wrong_message_id},
    {"wrong-message-id in an answer", wrong_message_id_back},
    {"omit-payload in IKE_SA_INIT", omit_init},
    {"omit-payload in IKE_AUTH", omit_auth},
    {"omit-payload SA in IKE_AUTH", omit_auth_sa},
    {"omit-payload in the IKE_SA_INIT answer", omit_init_answer},
    {"omit-payload in the IKE_AUTH answer", omit_answer},
    {"repeat-payload in IKE_SA_INIT", repeat_init},
    {"repeat-payload in IKE_AUTH", repeat_auth},
    {"repeat-payload in the IKE_AUTH answer", repeat_answer},
    {"wrong-payload-length in IKE_SA_INIT", wrong_payload_length},
    {"wrong-payload-length in IKE_AUTH", wrong_payload_length_inside},
    {"wrong-payload-length in CREATE_CHILD_SA", wrong_payload_length_later},
    {"unknown-critical in IKE_SA_INIT", unknown_critical},
    {"unknown-critical in IKE_AUTH", unknown_critical_auth},
    {"unknown-critical in INFORMATIONAL", unknown_critical_later},
    {"unknown-critical in an answer", unknown_critical_answer},
    {"unknown-payload", unknown_payload},
    {NULL, NULL},
};
