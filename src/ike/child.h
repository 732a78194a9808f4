/* Child SAs: negotiated pairs of ESP SAs, and what is in the making. */
#ifndef POSTERN_IKE_CHILD_H
#define POSTERN_IKE_CHILD_H

#include "ike/sa.h"

enum child_state {
	CHILD_UP,
	CHILD_REKEYING, /* a successor is being negotiated by us */
	CHILD_REPLACED, /* a successor is up; waits for the Delete of whoever began */
	CHILD_DELETING, /* our Delete is under way */
};

struct child_sa {
	struct table_node by_spi; /* spi_in */
	struct table_node by_handle;
	struct list of_sa;
	struct ike_sa *sa;
	uint16_t index; /* which child of sa->config */
	uint8_t state;  /* enum child_state */
	bool active : 1;
	bool initiated : 1; /* by us */
	bool nonce_known : 1;
	uint32_t handle;
	uint32_t spi_in, spi_out;
	struct ike_suite suite;
	enum esp_mode mode;
	struct selector *local; /* n_local then n_remote, one block, owned */
	struct selector *remote;
	uint16_t n_local, n_remote;
	uint64_t since, rekey_at, expire_at;
	uint64_t activate_at; /* when the outbound half is used at the latest; 0: it is */
	uint64_t retry_at;    /* a rekey was refused for now */
	uint32_t successor;   /* spi_in of the SA that replaces this one; 0: none */
	uint8_t *
	    lowest_nonce; /* of the exchange that made it, while a collision may be decided by it */
	size_t lowest_nonce_len;
};

/* One side's wish for a Child SA while it is negotiated, on either role. */
struct child_draft {
	uint16_t index; /* which child of the configuration */
	uint32_t spi_in, spi_out;
	struct ike_suite suite;
	struct eesp_limit sub_sa, crypt_offset; /* that the peer stated */
	enum esp_mode mode;
	struct selector local[CHILD_SELECTORS_MAX], remote[CHILD_SELECTORS_MAX];
	size_t n_local, n_remote;
};

#define CHILD_SUB_SA_MOST 63 /* the highest Sub SA ID that we take */

/* PROTOCOL_ESP or PROTOCOL_EESP, as Deletes and notifies name it. */
static inline uint8_t child_protocol(const struct child_sa *c)
{
	return c->suite.eesp ? PROTOCOL_EESP : PROTOCOL_ESP;
}

static inline const struct ike_child_config *child_config(const struct child_sa *c)
{
	return &c->sa->config->children[c->index];
}

struct child_sa *child_find(struct ike *ike, uint32_t spi_in);
struct child_sa *child_find_handle(struct ike *ike, uint32_t handle);
/* By the SPI that the peer receives with, as its Deletes and REKEY_SA notifies name it. */
struct child_sa *child_find_out(struct ike_sa *sa, uint32_t spi_out);
/* By the SPI that we receive with. */
const struct child_sa *child_find_in(const struct ike_sa *sa, uint32_t spi_in);
/* The one that carries the traffic of configured child `index`, or NULL. */
struct child_sa *child_of_index(struct ike_sa *sa, unsigned index);
/* A fresh inbound SPI, 256 or more and used by nobody here. */
uint32_t child_new_spi(struct ike *ike);

/* Makes keys, object and data-plane SAs. `we_initiate` is whose exchange this is: it decides the
 * order of the keys (RFC 7296 2.17). secrets may be empty (no PFS). activate false: the outbound
 * half waits (see dataplane_child.activate). On failure nothing is left behind. */
enum err child_install(struct ike *ike, struct ike_sa *sa, const struct child_draft *d,
		       struct ke_secrets secrets, struct bytes nonce_i, struct bytes nonce_r,
		       bool we_initiate, bool activate, struct child_sa **out);
void child_activate(struct ike *ike, struct child_sa *c);
/* Takes it out of the data plane and frees it. */
void child_remove(struct ike *ike, struct child_sa *c, const char *reason);
/* Queues a Delete for it; it goes when that is answered. */
void child_delete(struct ike *ike, struct child_sa *c);
/* A new Child SA, which replaces none, is up: another one of the same child goes if both ends made
 * one. Nothing may be under way in ike->buffer. */
void child_settle_twins(struct ike *ike, struct child_sa *fresh);
/* Moves all Child SAs of `from` to `to`, and the exchanges about them that have not been started
 * (RFC 7296 2.18: an IKE SA's successor inherits them). */
void child_inherit(struct ike *ike, struct ike_sa *from, struct ike_sa *to);

/* The peer refused to make child `index`, or we could not take its answer: logs, tells, plans. */
void child_refused(struct ike *ike, struct ike_sa *sa, unsigned index, const struct notify_part *n);
/* Tells the peer that a Child SA which we never had is gone. */
void child_delete_spi(struct ike *ike, struct ike_sa *sa, uint32_t spi_in);

/* Payloads of a child negotiation, shared by IKE_AUTH and CREATE_CHILD_SA. */

/* An offer for child `index` with everything that the configuration lets it carry. */
void child_draft_start(const struct ike_sa *sa, struct child_draft *d, unsigned index,
		       uint32_t spi_in);
/* Writes USE_TRANSPORT_MODE where the mode is that, SA, TSi, TSr. with_ke: keep the key exchange
 * transforms (not in IKE_AUTH, RFC 7296 1.2); nonce and ke_value come between where they are given.
 */
struct child_offer {
	bool with_ke;
	struct bytes nonce;
	const struct ke_desc *ke;
	struct bytes ke_value;
};
void child_offer_write(struct ike_sa *sa, struct message *m, const struct child_draft *d,
		       const struct child_offer *o);
/* Reads an answer to such an offer into d. ERR_SYNTAX, or ERR_AUTH when the answer is not covered
 * by the offer; reason for people in *reason. ke_sent: the method of our KE payload, KE_NONE for
 * none. */
enum err child_answer_read(struct ike_sa *sa, const struct payloads *ps, struct child_draft *d,
			   uint16_t ke_sent, bool with_ke, const char **reason);

/* Responder: a request, and what came of it. */
struct child_request {
	int prefer;       /* in: index of the child that must match (a rekey), or -1 */
	bool with_ke;     /* in */
	uint16_t ke_sent; /* in: the method of the KE payload, KE_NONE for none */
	struct child_draft draft;
	struct ike_choice choice; /* choice.ke_other: answer INVALID_KE_PAYLOAD */
	bool more_possible;       /* RFC 7296 2.9: ADDITIONAL_TS_POSSIBLE */
	bool transport;           /* the peer asked for transport mode and gets it */
	uint16_t notify;          /* on failure: what to answer */
	char why[400];            /* and a sentence for people */
};
/* Finds the configured child that the request fits, narrows, chooses. */
enum err child_request_read(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			    struct child_request *q);
/* Writes SAr2, [Nr, KE,] TSi, TSr of the answer. */
void child_answer_write(struct message *m, const struct child_request *q,
			const struct child_offer *o);

#endif
