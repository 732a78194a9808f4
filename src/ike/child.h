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
	enum esp_mode mode;
	struct selector local[CHILD_SELECTORS_MAX], remote[CHILD_SELECTORS_MAX];
	size_t n_local, n_remote;
};

static inline const struct ike_child_config *child_config(const struct child_sa *c)
{
	return &c->sa->config->children[c->index];
}

struct child_sa *child_find(struct ike *ike, uint32_t spi_in);
struct child_sa *child_find_handle(struct ike *ike, uint32_t handle);
/* By the SPI that the peer receives with, as its Deletes and REKEY_SA notifies name it. */
struct child_sa *child_find_out(struct ike_sa *sa, uint32_t spi_out);
/* The one that carries the traffic of configured child `index`, or NULL. */
struct child_sa *child_of_index(struct ike_sa *sa, unsigned index);
/* A fresh inbound SPI, 256 or more and used by nobody here. */
uint32_t child_new_spi(struct ike *ike);

/* Makes keys, object and data-plane SAs. `we_initiate` is whose exchange this is: it decides the
 * order of the keys (RFC 7296 2.17). secret may be empty (no PFS). activate false: the outbound
 * half waits (see dataplane_child.activate). On failure nothing is left behind. */
enum err child_install(struct ike *ike, struct ike_sa *sa, const struct child_draft *d,
		       struct bytes secret, struct bytes nonce_i, struct bytes nonce_r,
		       bool we_initiate, bool activate, struct child_sa **out);
void child_activate(struct ike *ike, struct child_sa *c);
/* Takes it out of the data plane and frees it. */
void child_remove(struct ike *ike, struct child_sa *c, const char *reason);
/* Moves all Child SAs of `from` to `to` (RFC 7296 2.18: an IKE SA's successor inherits them). */
void child_inherit(struct ike *ike, struct ike_sa *from, struct ike_sa *to);

/* Payloads of a child negotiation, shared by IKE_AUTH and CREATE_CHILD_SA. */

/* Writes SA, TSi, TSr (and USE_TRANSPORT_MODE where the mode is that) of an offer for child
 * `index`. with_ke: keep the key exchange transforms (not in IKE_AUTH, RFC 7296 1.2). */
void child_offer_write(struct ike *ike, struct ike_sa *sa, struct message *m,
		       const struct child_draft *d, bool with_ke);
/* Reads an answer to such an offer into d. ERR_SYNTAX, or ERR_AUTH when the answer is not covered
 * by the offer; reason for people in *reason. */
enum err child_answer_read(struct ike_sa *sa, const struct payloads *ps, struct child_draft *d,
			   bool with_ke, const char **reason);
/* Responder: finds the configured child that the request fits, narrows, chooses. ke_sent is the
 * method of the KE payload, 0 for none. ERR_NONE: d and the answer's pieces are ready. Otherwise
 * *notify is what to answer (with 2 octets of data, the method, for INVALID_KE_PAYLOAD in
 * *ke_wanted), and why is a sentence. prefer: index of the child that must match (a rekey), or -1.
 */
enum err child_request_read(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			    uint16_t ke_sent, bool with_ke, int prefer, struct child_draft *d,
			    uint16_t *notify, uint16_t *ke_wanted, char *why, size_t why_len);
/* Writes SAr2, TSi, TSr of the answer. proposal is the number of the chosen proposal. */
void child_answer_write(struct message *m, const struct child_draft *d, uint8_t proposal);

#endif
