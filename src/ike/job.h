/* Slow work that the engine hands out and takes back: it never waits for any of it. A job is plain
 * data; ike_job_run() may run it in any thread, and the kinds that need a long-term secret may be
 * carried to another process instead. */
#ifndef POSTERN_IKE_JOB_H
#define POSTERN_IKE_JOB_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/crypto.h"
#include "crypto/ke.h"
#include "crypto/key.h"
#include "ike/connection.h"
#include "ike/fetch.h"
#include "pki/identity.h"
#include "pki/keystore.h"
#include "pki/revoked.h"

struct ike;
struct ike_sa;

enum ike_job_type {
	IKE_JOB_KE_GENERATE,
	IKE_JOB_KE_RESPOND,
	IKE_JOB_KE_FINISH,
	IKE_JOB_SIGN,        /* needs the keystore */
	IKE_JOB_SHARED_KEY,  /* needs the keystore; our own MAC and the one we expect are the same
				job */
	IKE_JOB_VERIFY,      /* certificate chain, identity and signature */
	IKE_JOB_PPK_CONFIRM, /* needs the keystore; data: a confirmation for each PPK, one after
				the other (RFC 9867) */
	IKE_JOB_PPK_MIX,     /* needs the keystore; data: the place of the PPK that was taken, one
				octet,     and prf+(PPK, input) for each input */
	IKE_JOB_KEM_DECAPSULATE, /* needs the keystore; octets: a ciphertext for our key; data: the
				    shared secret, of the size that ke says */
	IKE_JOB_KEM_ENCAPSULATE, /* the certificates of the peer's KEM key, and then value and
				    secret for it; ke says how long these are */
	IKE_JOB_KEM_CHECK,       /* the same without the second half: once more, for an identity */
	IKE_JOB_FETCH,           /* needs the network: its items that are not done (ike/fetch.h) */
};

#define IKE_JOB_CERTS_MAX  16 /* certificates, lists and OCSP responses of one message */
#define IKE_CANDIDATES_MAX 4
#define IKE_PPKS_MAX       8 /* of one exchange */
#define IKE_PPK_INPUTS     3

/* A PPK on offer: the value of its PPK_ID, and what proves that its sender has it. */
struct ike_ppk {
	uint8_t id[PPK_ID_MAX];
	uint8_t id_len;
	uint8_t confirmation[PPK_CONFIRMATION_LEN];
};

/* For PPK_CONFIRM and PPK_MIX. job->prf is the PRF, job->octets what confirmations are made over.
 */
struct ike_ppk_work {
	struct ike_ppk ppks[IKE_PPKS_MAX];
	uint8_t n;
	bool check; /* MIX: the first whose confirmation agrees; else the first that is known */
	uint8_t n_inputs;
	uint8_t input[IKE_PPK_INPUTS][PRF_MAX]; /* of prf->key_len octets each */
};

/* Everything a job points at is its own, freed by ike_job_free(). */
struct ike_job {
	enum ike_job_type type;
	uint64_t serial;      /* unique in the engine; whoever runs it gives it back unchanged */
	struct ike_job *next; /* for queues of the owner of the moment */
	enum err result;
	char reason[320]; /* why it failed, for the log; never anything secret */

	/* Key exchange. value: ours for GENERATE and RESPOND; peer: theirs for RESPOND and FINISH.
	 */
	const struct ke_desc *ke;
	uint8_t seed[KE_SEED_LEN];
	struct ke_private *private;
	uint8_t *value;
	uint8_t *peer;
	size_t peer_len;
	uint8_t *secret; /* ke->secret_len octets, erased */

	/* Authentication. octets: the signed octets; data: the AUTH payload's data, made (SIGN,
	 * SHARED_KEY) or to be verified (VERIFY). */
	const struct prf_desc *prf;
	struct identity *local; /* owned, as all else */
	struct identity *remote;
	uint8_t *octets;
	size_t octets_len;
	uint8_t *data;
	size_t data_len;
	char *key;
	const struct signature_scheme *scheme;
	uint8_t auth_method;
	uint8_t *certs[IKE_JOB_CERTS_MAX]; /* as received, encoding beside it */
	size_t cert_lens[IKE_JOB_CERTS_MAX];
	uint8_t cert_encodings[IKE_JOB_CERTS_MAX];
	size_t n_certs;
	struct ike_connection *connection; /* held; for VERIFY: what is demanded of the peer */
	struct ike_ppk_work *ppk;          /* owned, erased */
	struct certificate_id path[CHAIN_DEPTH_MAX]; /* VERIFY: of the peer's certificates */
	size_t n_path;
	bool proof_failed; /* VERIFY: all was right but the signature itself */
	uint32_t hashes;   /* VERIFY: the hash algorithms that we offered, bits 1 << HASH_* */
	/* KEM_ENCAPSULATE: the connections that the peer may be of, while nobody has said who it
	 * is: the first whose CAs take its certificates does; held. For CHECK the one
	 * that it is. */
	struct ike_connection *candidates[IKE_CANDIDATES_MAX];
	size_t n_candidates;
	enum key_type kem_type; /* out: of the peer's key */

	/* What it wants from the network, and what has come; owned, NULL for nothing. */
	struct ike_fetches *fetches;
	enum ike_job_type wanted_by; /* FETCH: what it is again once all is done */

	/* Who in the engine waits and what comes next; nobody else looks. */
	uint64_t sa;   /* our SPI */
	uint64_t task; /* its serial, 0 for none */
	void (*then)(struct ike *ike, struct ike_sa *sa, struct ike_job *job);
};

struct ike_job *ike_job_new(enum ike_job_type type);
void ike_job_free(struct ike_job *job);
/* True when a job that has run wants something from the network; it is an IKE_JOB_FETCH now, to be
 * handed out as such. */
bool ike_job_wants_fetch(struct ike_job *job);
/* True when a FETCH has come back that another kind of job wanted; it is that again, to be handed
 * out once more. */
bool ike_job_resumes(struct ike_job *job);
/* True for the kinds that need long-term secrets. */
bool ike_job_needs_keys(const struct ike_job *job);
/* Does the work and sets result and reason. keys is needed only by those kinds; wall_time is
 * seconds since the epoch, for certificates. */
void ike_job_run(struct ike_job *job, struct crypto *c, const struct keystore *keys,
		 int64_t wall_time);

/* What a PPK_MIX that has succeeded gave. */
const struct ike_ppk *ike_job_ppk_taken(const struct ike_job *job);
const uint8_t *ike_job_ppk_mixed(const struct ike_job *job);

/* A keystore job between two processes: what the key process needs, and what it answers. Both ends
 * check what they read. */
enum err ike_job_write_request(const struct ike_job *job, struct writer *w);
enum err ike_job_read_request(struct ike_job **job, struct bytes b);
enum err ike_job_write_answer(const struct ike_job *job, struct writer *w);
/* The answer's serial, to find the job by; then ike_job_read_answer() fills it. */
enum err ike_job_answer_serial(struct bytes b, uint64_t *serial);
enum err ike_job_read_answer(struct ike_job *job, struct bytes b);

#endif
