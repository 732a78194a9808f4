/* RFC 9867: PPKs in the last IKE_INTERMEDIATE, mixed into all keys of the IKE SA, so that IKE_AUTH
 * is protected by them too. What sends and answers that exchange is ext/intermediate.c. */
#ifndef POSTERN_IKE_EXT_PPK_INTERMEDIATE_H
#define POSTERN_IKE_EXT_PPK_INTERMEDIATE_H

#include "ike/ext/ppk.h"

/* Agreed on, and not done yet. */
bool ppk_intermediate_due(const struct ike_sa *sa);
/* Writes what this exchange is to hold of them, if anything. */
void ppk_intermediate_write(const struct ike_sa *sa, struct message *m);
/* Mixes a PPK into keys by SKEYSEED' (the result of job). Replaces *keys. */
enum err ppk_intermediate_derive(struct ike *ike, const struct ike_sa *sa,
				 const struct ike_job *job, struct ike_keys *keys);

/* Initiator: our PPKs have no confirmations yet. True: they are made, and `then` follows. */
bool ppk_intermediate_confirm(struct ike *ike, struct ike_sa *sa, auth_then *then, enum err *e);
void ppk_intermediate_confirmed(struct ike_sa *sa, struct ike_job *job);
/* Initiator: reads the answer. ERR_AUTH: the handshake must end. */
enum err ppk_intermediate_answer(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
				 char why[AUTH_WHY_MAX]);
/* Initiator: the peer has taken one. True: it is being mixed in, and `then` follows. */
bool ppk_intermediate_mix(struct ike *ike, struct ike_sa *sa, auth_then *then, enum err *e);

/* Responder: the request offers PPKs. */
bool ppk_intermediate_asked(const struct ike_sa *sa, const struct payloads *ps);
/* Responder: looks for one of them that we have, to be mixed into sk_d. ERR_NOT_FOUND: no
 * connection that it may be takes one of these. */
enum err ppk_intermediate_choose(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
				 struct bytes sk_d, auth_then *then);
/* Responder: none was taken. ERR_AUTH: every connection that it may be requires one. */
enum err ppk_intermediate_none(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			       const char *reason, char why[AUTH_WHY_MAX]);
/* Adds the PPKs that a message offers and that wanted() lets pass, with their confirmations. */
void ppk_offers_read(const struct ike_sa *sa, const struct payloads *ps, struct ike_job *job,
		     bool (*wanted)(struct ike *ike, const struct ike_sa *sa, struct bytes id),
		     struct ike *ike);
/* And writes them. */
void ppk_offers_write(const struct ike_sa *sa, struct message *m, const struct ike_ppk_work *offer);
/* The PPKs of a PPK_CONFIRM job with their confirmations, taken from it; owned. */
struct ike_ppk_work *ppk_job_offer(struct ike_job *job);
/* The one of this name among them. */
bool ppk_offer_find(const struct ike_ppk_work *offer, struct bytes id, struct ike_ppk *out);
void ppk_answer_write(struct message *m, struct bytes id);

#endif
