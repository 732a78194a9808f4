/* What both roles of IKE_AUTH share: proving who we are, and checking who the peer is (RFC
 * 7296 2.15). */
#ifndef POSTERN_IKE_AUTH_H
#define POSTERN_IKE_AUTH_H

#include "ike/sa.h"

#define AUTH_WHY_MAX 520

typedef void auth_then(struct ike *ike, struct ike_sa *sa, struct ike_job *job);

/* Our identity toward this peer: the configured one, else our address. Sets sa->local_id. */
enum err auth_local_id(struct ike_sa *sa);
/* Starts the job that makes our AUTH data. ERR_UNSUPPORTED: the peer cannot check any signature
 * that our key makes (RFC 7427 4); why is for people. */
enum err auth_prove(struct ike *ike, struct ike_sa *sa, auth_then *then, const char **why);
/* Takes what it made into sa->setup. */
enum err auth_proved(struct ike_sa *sa, struct ike_job *job);
/* Initiator: ends the handshake and tells the peer, once, that it is refused (RFC 7296 2.21.2). */
void auth_refuse_peer(struct ike *ike, struct ike_sa *sa, const char *why);
/* Writes the ID payload, our certificates where they are wanted, and AUTH. */
void auth_id_write(struct ike_sa *sa, struct message *m);
/* How many octets the certificates and AUTH may have. */
size_t auth_room(const struct ike_sa *sa);
/* OCSP responses and revocation lists that go with the credential, as far as the peer has asked. */
void auth_status_write(const struct ike_sa *sa, const struct ike_credential *c, struct message *m);
void auth_cert_write(struct ike_sa *sa, struct message *m);
void auth_proof_write(struct ike_sa *sa, struct message *m);
/* CERTREQ payloads for what we demand of the peer; nothing when that is no certificate. */
void auth_certreq_write(const struct ike_connection *c, struct message *m);
/* Takes the peer's. */
void auth_certreq_read(struct ike_sa *sa, const struct payloads *ps);

/* Reads the peer's ID payload into setup->peer_id and keeps its body. */
enum err auth_peer_id(struct ike_sa *sa, const struct payload *id);
/* Starts the job that checks the AUTH payload among ps. ERR_AUTH: refused before anything was
 * computed; why is for people. */
enum err auth_check(struct ike *ike, struct ike_sa *sa, const struct payloads *ps, auth_then *then,
		    const char **why);
/* What came of it; on ERR_AUTH a sentence in why. On success sa->remote_id and remote_auth are set.
 */
enum err auth_checked(struct ike_sa *sa, const struct ike_job *job, const struct payloads *ps,
		      char why[AUTH_WHY_MAX]);

#endif
