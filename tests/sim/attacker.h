/* An active attacker on the path between an initiator and a responder. He sees every datagram of
 * theirs and may lose it, alter it, send it again, or send his own; and he may have two powers that
 * no protocol can take from him: he breaks one weak key exchange method, and he holds the long-term
 * key of one peer. This is the attacker of the draft on downgrade prevention: with both powers he
 * takes the strong proposals out of the initiator's offer, learns the keys of what is left, and
 * signs in the initiator's name what the responder has seen.
 *
 * Fill in the upper part, attacker_sit(), let time pass, look at the lower part, attacker_leave().
 */
#ifndef POSTERN_SIM_ATTACKER_H
#define POSTERN_SIM_ATTACKER_H

#include "script.h"

/* What becomes of an announcement of downgrade prevention in IKE_SA_INIT. */
#define ATTACKER_VALUE_MAX 256 /* octets of a value of the weak method */

enum attacker_notify { NOTIFY_LEAVE, NOTIFY_STRIP, NOTIFY_ADD, NOTIFY_WITH_DATA };

struct attacker {
	struct sim_peer *initiator, *responder;
	/* Powers. */
	uint16_t weak; /* the key exchange method that he breaks; KE_NONE: none. A real one would
			* compute the secret from the public values; this one is told. */
	const struct sim_peer *key_of; /* whose long-term keys he holds; NULL: nobody's. With
					* pre-shared keys he can then speak for both. */
	/* Plan. */
	const char *offer; /* suite words in the place of what the initiator offers; NULL: left */
	enum attacker_notify in_request, in_response;
	bool inject;   /* an answer without the announcement comes before the real one */
	bool replay;   /* everything comes a second time, a while later */
	unsigned drop; /* so many datagrams are lost first */
	/* Not the attacker's: the responder is one that does not know downgrade prevention
	 * (NOTIFY_STRIP), or one that gives the notify data (NOTIFY_WITH_DATA). Its messages, its
	 * memory of them and what it signs are made so. */
	enum attacker_notify responder_kind;

	/* What he has seen and got. Messages as their senders sent them and as their receivers got
	 * them; owned. */
	struct attacker_message {
		uint8_t *octets;
		size_t len;
	} sent_1, got_1, sent_2, got_2;
	uint8_t value_r[ATTACKER_VALUE_MAX], secret[ATTACKER_VALUE_MAX]; /* of the weak method */
	size_t value_len, secret_len;
	struct ike_suite suite;
	struct ike_keys keys; /* of the IKE SA, when he has broken it */
	uint64_t iv;
	unsigned altered; /* offers */
	unsigned read;    /* messages of IKE_AUTH that he could decrypt */
	unsigned forged;  /* and that he put a proof of his own into */
};

void attacker_sit(struct sim *sim, struct attacker *a);
void attacker_leave(struct sim *sim, struct attacker *a);
/* Both ends have an IKE SA by the weak method, whose keys he knows. */
bool attacker_owns(const struct attacker *a);

#endif
