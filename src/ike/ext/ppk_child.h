/* PPKs in CREATE_CHILD_SA (RFC 9867): a fresh one without a new IKE SA. The RFC's text of this half
 * was not at hand: what is mixed in where, and what confirmations are made over, is our own choice,
 * in this file and in struct ke_secrets. Off by default; only two Posterns will understand it. */
#ifndef POSTERN_IKE_EXT_PPK_CHILD_H
#define POSTERN_IKE_EXT_PPK_CHILD_H

#include "ike/create_child.h"
#include "ike/ext/ppk_intermediate.h"

/* What was found in a request, kept with it; erased. */
struct ppk_found {
	struct ike_ppk taken; /* id_len 0: none */
	uint8_t d[PRF_MAX];   /* SK_d' */
};

/* Initiator: PPKs are to be offered. True: they are being confirmed, and `then` follows. */
bool ppk_child_confirm(struct ike *ike, struct ike_sa *sa, struct ike_task *t, auth_then *then,
		       enum err *e);
void ppk_child_confirmed(struct create_state *c, struct ike_job *job);
void ppk_child_write(const struct ike_sa *sa, struct message *m, const struct create_state *c);
/* Initiator: reads the answer. ERR_AUTH: it is not to be taken. */
enum err ppk_child_answer(const struct ike_sa *sa, struct create_state *c,
			  const struct payloads *ps, const char **reason);
/* Initiator: the peer has taken one that is not mixed in yet. True: it is being mixed in. */
bool ppk_child_mix(struct ike *ike, struct ike_sa *sa, struct ike_task *t, auth_then *then,
		   enum err *e);
/* What the job has made of SK_d is what keys are derived from. */
void ppk_child_mixed(const struct ike_job *job, struct create_secrets *s);

/* Responder: the request offers PPKs that were not looked at yet. True: a job looks, and `then`
 * follows; it calls ppk_child_found() and comes back. */
bool ppk_child_look(struct ike *ike, struct ike_sa *sa, auth_then *then);
void ppk_child_found(struct ike *ike, struct ike_sa *sa, const struct ike_job *job);
/* Responder: takes what was found into p; false: ppk = required, and there is none. */
bool ppk_child_take(const struct ike_sa *sa, struct create_pending *p);

#endif
