/* Whom we believe: configured CAs and keys, the checks of a peer's chain against them, and the
 * CERTREQ payloads that come of them (RFC 7296 3.6 and 3.7, RFC 5280 6, RFC 4945). */
#ifndef POSTERN_PKI_TRUST_H
#define POSTERN_PKI_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"
#include "pki/certificate.h"
#include "pki/crl.h"
#include "pki/crl_points.h"
#include "pki/identity.h"
#include "pki/ocsp.h"
#include "pki/ocsp_questions.h"

#define CHAIN_DEPTH_MAX  6   /* certificates between the peer's and the CA, both counted */
#define TRUST_REASON_MAX 768 /* holds two names and the words between them */

#define RESPONDERS_MAX 8 /* OCSP responders that are configured for one set of CAs */

struct trust;

/* What an end-entity certificate's extendedKeyUsage must say when there is one. */
enum eku_policy {
	EKU_RFC4945,       /* ipsecIKE or any (RFC 4945 5.1.3.12) */
	EKU_SERVERAUTH_OK, /* also serverAuth or clientAuth, as many VPN certificates have it */
	EKU_IGNORE,
};

/* What to do about revocation. A certificate that a list or an OCSP response revokes is refused by
 * the first two. */
enum revocation_policy {
	REVOCATION_RELAXED, /* of which nothing is known, or nothing new, counts as good */
	REVOCATION_STRICT,  /* each certificate below the configured CA needs a list in its time, or
			       an OCSP response that calls it good */
	REVOCATION_NONE,    /* nobody is asked */
};

/* Zeroed: the defaults. */
struct trust_policy {
	enum eku_policy eku;
	unsigned rsa_bits_min; /* 0: RSA_BITS_MIN */
	uint64_t key_types;    /* bits 1 << enum key_type, of every key of the chain; 0: any */
	enum revocation_policy revocation;
	const struct crl *const *received; /* lists that came with the certificates; borrowed */
	size_t n_received;
	struct crl_points *missing; /* gets which lists there are none of; NULL: not asked */
	/* The key of certs[0] is to be a KEM's, and not one that signs. Without it, the reverse: no
	 * certificate is good for both (draft-wang-ipsecme-kem-auth-ikev2; our M6). */
	bool kem;
	const struct ocsp *const *answers; /* OCSP responses about them; borrowed */
	size_t n_answers;
	bool ocsp_required; /* the first certificate needs a good one, whatever the lists say */
	/* Gets what responders are to be asked: about each certificate below the CA of which
	 * neither lists nor responses tell. NULL: not asked. */
	struct ocsp_questions *questions;
};

struct trust *trust_new(void);             /* one reference */
struct trust *trust_hold(struct trust *t); /* another; from one thread alone */
void trust_free(struct trust *t);          /* gives one back; t may be NULL */
/* Somebody else has a reference too. */
bool trust_is_shared(const struct trust *t);
/* Keeps a copy. ERR_UNSUPPORTED when the certificate is no CA; ERR_EXISTS when it is there. */
enum err trust_add_ca(struct trust *t, const struct certificate *ca, const char **reason);
/* A revocation list of one of these CAs or of a CA below them. Takes crl, also when it fails:
 * ERR_AUTH when it has the name of one of the CAs here, but is not signed by it; ERR_LIMIT. Before
 * the first check, as trust_add_ca(): a set in use is constant. */
enum err trust_add_crl(struct trust *t, struct crl *crl, const char **reason);
/* Somebody whose OCSP responses count for every certificate (RFC 6960 4.2.2.2). Keeps a copy;
 * ERR_LIMIT over RESPONDERS_MAX. */
enum err trust_add_responder(struct trust *t, const struct certificate *c);
size_t trust_crl_count(const struct trust *t);
const struct crl *trust_crl(const struct trust *t, size_t i);
size_t trust_ca_count(const struct trust *t);
const struct certificate *trust_ca(const struct trust *t, size_t i);

/* The peer's certificates as received: certs[0] holds the key that made AUTH, or of a KEM the one
 * that takes part in making it; the others come in any order (RFC 7296 3.6). Checks, at `now`
 * (seconds since 1970): limits, key and signature algorithms, the path to a configured CA with
 * everything of RFC 5280 6, keyUsage and extendedKeyUsage as RFC 4945 5.1.3 wants them, and that
 * the certificate names id (NULL: not asked). ERR_NONE, or ERR_AUTH, ERR_LIMIT, ERR_NO_MEMORY with
 * a sentence for the log in reason (cap octets, TRUST_REASON_MAX is enough); nothing of it goes to
 * the peer. */
enum err trust_check_chain(const struct trust *t, const struct trust_policy *policy,
			   const struct certificate *const *certs, size_t n,
			   const struct identity *id, int64_t now, char *reason, size_t cap);

/* A raw public key (RFC 7670) or that of a certificate which the configuration names: equal to one
 * of the configured, and of a size that the policy takes. */
enum err trust_check_key(const struct trust_policy *policy, const struct public_key *key,
			 const struct public_key *const *configured, size_t n, char *reason,
			 size_t cap);

/* The data of a CERTREQ of encoding 4: the hash of each configured CA (RFC 7296 3.7). */
void trust_write_certreq(const struct trust *t, struct writer *w);

/* The same for one of encoding 14: the hashes of the configured OCSP responders' keys; nothing when
 * there are none, and the CA's own will do (RFC 4806 3.2). */
void trust_write_responders(const struct trust *t, struct writer *w);

/* One of our certificates with what we send beside it. Borrows. */
struct own_chain {
	const struct certificate *const *certs; /* the end-entity certificate first */
	size_t n;
};

/* The hashes in a CERTREQ of encoding 4 that ask for our chain: those of its certificates, and of
 * the configured CAs above them. t may be NULL. Writes at most cap of CERTIFICATE_SPKI_HASH_LEN
 * octets each; returns how many. */
size_t certreq_answers(const struct trust *t, const struct own_chain *chain, uint8_t *hashes,
		       size_t cap);

#endif
