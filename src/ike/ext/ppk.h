/* Post-quantum pre-shared keys: negotiation, and their use in IKE_AUTH (RFC 8784). Their use in
 * IKE_INTERMEDIATE (RFC 9867) is in ppk_intermediate.c. The keys themselves are in the keystore;
 * the engine knows their identities. */
#ifndef POSTERN_IKE_EXT_PPK_H
#define POSTERN_IKE_EXT_PPK_H

#include "ike/auth.h"
#include "ike/job.h"

/* How a PPK is used, or was, in an IKE SA. */
enum ppk_way { PPK_UNUSED, PPK_IN_AUTH, PPK_IN_INTERMEDIATE };

/* --- Negotiation --- */

/* We may want IKE_INTERMEDIATE for a PPK. */
bool ppk_wants_intermediate(const struct ike_connection *c);
/* Initiator: IKE_SA_INIT is answered. The reason for which the handshake must end, or NULL. */
const char *ppk_agree(struct ike_sa *sa);

/* --- Tools --- */

/* A job of the PPK kinds for sa, with octets of its IKE_SA_INIT for confirmations (RFC 9867): Ni |
 * Nr | SPIi | SPIr. NULL: out of memory. */
struct ike_job *ppk_job(const struct ike_sa *sa, enum ike_job_type type);
/* Adds an identity; false when the job is full, or id cannot be one. */
bool ppk_job_add(struct ike_job *job, struct bytes id);
/* The value of a PPK_ID of type PPK_ID_FIXED; empty when it is anything else (RFC 8784 5.1). */
struct bytes ppk_id_value(struct bytes ppk_id);
void ppk_id_write(struct writer *w, struct bytes id);
/* The connection takes a PPK of this name. */
bool ppk_allowed(const struct ike_connection *c, struct bytes id);
/* For people: id in quotes; what does not belong into a log is a dot. */
#define PPK_TEXT_MAX (PPK_ID_MAX + 3)
const char *ppk_text(struct bytes id, char text[PPK_TEXT_MAX]);
/* sa uses this PPK from now on. */
void ppk_note_used(struct ike_sa *sa, enum ppk_way way, struct bytes id);

/* --- IKE_AUTH --- */

/* The SK_p that AUTH of a side is made with. */
struct bytes ppk_sk_p(const struct ike_sa *sa, bool of_initiator);
/* Initiator: AUTH is due. True: a PPK is to be mixed in first, and `then` follows; *e says whether
 * the job was begun. */
bool ppk_auth_begin(struct ike *ike, struct ike_sa *sa, auth_then *then, enum err *e);
/* What a job of ppk_auth_begin() or ppk_auth_request() has mixed is in use from now on. */
void ppk_auth_mixed(struct ike_sa *sa, const struct ike_job *job);
/* Initiator: our AUTH data is made. True: another one is wanted, without the PPK (NO_PPK_AUTH). */
bool ppk_prove_again(struct ike_sa *sa);
/* Initiator: the answer says whether the PPK is used. ERR_AUTH: it must be, and is not. */
enum err ppk_auth_response(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			   char why[AUTH_WHY_MAX]);
/* Responder: the connection is known. ERR_NONE: `then` follows; ERR_NOT_FOUND: go on without a
 * PPK; else refused. */
enum err ppk_auth_request(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			  auth_then *then, char why[AUTH_WHY_MAX]);
/* Responder: the keystore does not have it. ERR_NOT_FOUND: go on without; else refused. */
enum err ppk_auth_unknown(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			  char why[AUTH_WHY_MAX]);
/* The data of NO_PPK_AUTH, where that stands for AUTH's; else data. */
struct bytes ppk_proof(const struct ike_sa *sa, const struct payloads *ps, struct bytes data);
/* Responder: the peer's proof, made with a PPK, does not hold. True: NO_PPK_AUTH can tell whether
 * that is due to the PPK, and is looked at next time. Else why is completed. */
bool ppk_suspected(struct ike_sa *sa, const struct payloads *ps, char why[AUTH_WHY_MAX]);
/* Responder: and without the PPK it holds. */
void ppk_explain_other(const struct ike_sa *sa, const struct payloads *ps, char why[AUTH_WHY_MAX]);
/* Both have proved who they are: the mixed keys take their place (RFC 8784 3), and that no PPK is
 * used where one might be is told (RFC 8784 6). */
void ppk_settle(struct ike *ike, struct ike_sa *sa);
/* Initiator: what AUTHENTICATION_FAILED may also mean; "" when that has nothing to do with a PPK.
 */
const char *ppk_rejected_hint(const struct ike_sa *sa);

void ppk_setup_free(struct ike_setup *s);
/* A new IKE SA rests on the old one's keys. */
void ppk_inherit(struct ike_sa *sa, const struct ike_sa *old);

#endif
