/* What the files of KEM-based authentication share; included by none other. */
#ifndef POSTERN_IKE_EXT_KEM_AUTH_STATE_H
#define POSTERN_IKE_EXT_KEM_AUTH_STATE_H

#include "crypto/kem.h"
#include "ike/ext/kem_auth.h"
#include "ike/ext/kem_auth_keys.h"

#define KEM_SECRET_MAX 64

enum ka_step {
	KA_NONE,
	KA_1, /* initiator: sent; responder: answered with certificates */
	KA_2, /* initiator: sent; responder: being worked on */
	KA_DONE,
	KA_DECLINED, /* signatures instead */
};

/* Of one handshake, from the peer's Vendor ID on; in sa->setup. */
struct kem_auth {
	enum ka_step step;
	struct ike_connection *connection;       /* held: whose credential that is */
	const struct ike_credential *credential; /* ours, by which we prove who we are */
	struct identity *asked_id;               /* responder: IDr of KA-1; owned */
	uint8_t ss_r[KEM_SECRET_MAX];
	size_t ss_r_len;
	/* The peer's certificates as they came; owned. */
	uint8_t *certs[IKE_JOB_CERTS_MAX];
	size_t cert_lens[IKE_JOB_CERTS_MAX];
	uint8_t cert_encodings[IKE_JOB_CERTS_MAX];
	size_t n_certs;
	enum key_type peer_type;
	unsigned *costs; /* responder: the engine's count of those who had KA-2, while counted */
};

static inline struct bytes ka_ss_r(const struct kem_auth *k)
{
	return bytes_of(k->ss_r, k->ss_r_len);
}

static inline const struct ke_desc *ka_own_kem(const struct kem_auth *k)
{
	return key_type_kem(k->credential->key_type);
}

struct ike_exchange_values ka_values(const struct ike_sa *sa);
/* The credential of c for this, as far as the peer's hints go, and holds c. */
void ka_credential_set(struct kem_auth *k, struct ike_connection *c,
		       const struct ike_credential *credential);
/* A certificate of the peer's into job; ERR_LIMIT. Copies. */
enum err ka_job_cert(struct ike_job *job, uint8_t encoding, struct bytes data);
/* Keeps those of a job that believes them; they are the job's no more. */
void ka_keep_certs(struct kem_auth *k, struct ike_job *job);
/* The two notifies of KA-2, whose ciphertext is to be for our key: once each, of the right length.
 * ERR_SYNTAX. */
enum err ka_read(const struct kem_auth *k, const struct payloads *ps, struct bytes *ciphertext,
		 struct bytes *confirmation, const char **why);
void ka_write(struct message *m, struct bytes ciphertext,
	      const uint8_t confirmation[KA_SSCONF_LEN]);
/* Our key's job: `then` gets the secret in job->data. */
enum err ka_decapsulate(struct ike *ike, struct ike_sa *sa, struct bytes ciphertext,
			auth_then *then);

#endif
