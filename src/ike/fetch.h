/* What a job wants from the network before it can be done: certificates and bundles by Hash and URL
 * (RFC 7296 3.6), revocation lists (RFC 5280 4.2.1.13), answers by OCSP (RFC 6960 A). The engine
 * only says what; whoever takes its jobs (ike.h) fetches beside it, bounded in time and size, from
 * addresses that the configuration does not forbid.
 *
 * A job that runs and finds something missing asks for it by ike_fetch_want() and ends with
 * ERR_STATE. The engine hands it out again as IKE_JOB_FETCH; when all items are done, whatever came
 * of them, it hands it out a last time as what it was, and it finds them by the same call. An
 * exchange may also submit an IKE_JOB_FETCH of its own, filled by ike_fetch_want().
 *
 * What was fetched is as little trusted as what a stranger sends: signatures and hashes are checked
 * by who asked. */
#ifndef POSTERN_IKE_FETCH_H
#define POSTERN_IKE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

struct ike_job;

#define IKE_FETCHES_MAX       8    /* of one job, in all its rounds */
#define IKE_FETCH_ROUNDS_MAX  4    /* a certificate, its chain's lists, OCSP, and one to spare */
#define IKE_FETCH_URL_MAX     1024 /* octets, without the NUL */
#define IKE_FETCH_BODY_MAX    4096
#define IKE_FETCH_HASH_LEN    20 /* SHA-1, of Hash and URL */
#define IKE_FETCH_REASON_MAX  160
#define IKE_FETCH_OCTETS_MAX  (16U << 20) /* the most that anybody may ask for, in octets */
#define IKE_FETCH_OCSP_OCTETS 65536

enum ike_fetch_kind {
	IKE_FETCH_CERTIFICATE, /* DER */
	IKE_FETCH_BUNDLE,      /* DER CertificateBundle (RFC 7296 3.6) */
	IKE_FETCH_CRL,         /* DER */
	IKE_FETCH_OCSP,        /* POST of body, an OCSPRequest; DER OCSPResponse */
	IKE_FETCH_KINDS,
};

/* What is wanted. Everything is borrowed. */
struct ike_fetch_wish {
	enum ike_fetch_kind kind;
	struct bytes url;    /* without NUL */
	struct bytes body;   /* for OCSP */
	const uint8_t *sha1; /* NULL, or what the octets must hash to */
	uint32_t octets_max; /* 0: as many as the configuration allows */
};

struct ike_fetch {
	enum ike_fetch_kind kind;
	char *url;     /* owned */
	uint8_t *body; /* owned; body_n octets */
	size_t body_n;
	uint8_t sha1[IKE_FETCH_HASH_LEN];
	bool has_sha1;
	uint32_t octets_max;
	/* Whoever fetches sets these: */
	bool done;
	enum err result;                   /* ERR_NONE: data is there */
	char reason[IKE_FETCH_REASON_MAX]; /* why not, for the log */
	uint8_t *data;                     /* owned; data_n octets */
	size_t data_n;
};

/* The items of a job. */
struct ike_fetches {
	struct ike_fetch item[IKE_FETCHES_MAX];
	size_t n;
	unsigned rounds;
};

/* The item of this wish, if the job has it: done or not. Else adds it, not done. *item is borrowed
 * from job. ERR_RANGE: the URL or the body is empty, too long, or holds what no URL has; ERR_LIMIT:
 * too many items, or the job has been out for others too often; ERR_NO_MEMORY. */
enum err ike_fetch_want(struct ike_job *job, const struct ike_fetch_wish *wish,
			const struct ike_fetch **item);
/* Some item is not done. */
bool ike_fetch_waits(const struct ike_job *job);
/* For whoever fetches: the next item that is not done, from `from` on; NULL: none. */
struct ike_fetch *ike_fetch_next(struct ike_job *job, size_t from);
/* Ends an item. data is taken (mem_new); NULL with a reason when it failed. */
void ike_fetch_done(struct ike_fetch *item, enum err result, const char *reason, uint8_t *data,
		    size_t n);
void ike_fetches_free(struct ike_fetches *f);

const char *ike_fetch_kind_name(enum ike_fetch_kind kind); /* "certificate", "CRL", ... */

#endif
