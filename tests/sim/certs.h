/* Certificates for the peers of scripts: a CA, and what it certifies. */
#ifndef POSTERN_SIM_CERTS_H
#define POSTERN_SIM_CERTS_H

#include "pki/issue.h"
#include "sim.h"

struct sim_ca {
	struct issue_key *key;
	struct certificate *cert;
};

/* word: the kind of its key, as `postern pki` has it. */
struct sim_ca certs_ca(const char *name, const char *word);
void certs_free(struct sim_ca *ca);
/* c demands certificates of this CA, and proves itself by some. */
void certs_trust(struct ike_connection *c, const struct sim_ca *ca);
/* One more credential of c: a certificate by ca for this name (NULL: local-id) and a new key of
 * this kind, which goes into p's keystore; or, when `wrong`, another key of that kind. */
void certs_credential(struct sim_peer *p, struct ike_connection *c, const struct sim_ca *ca,
		      const char *word, const char *id, bool wrong);

#endif
