/* CREATE_CHILD_SA (RFC 7296 1.3): what its two roles and three uses share. */
#ifndef POSTERN_IKE_CREATE_CHILD_H
#define POSTERN_IKE_CREATE_CHILD_H

#include "ike/task.h"

#define CREATE_NONCE_LEN   32
#define CREATE_DELETED_MAX 4

/* The other side's exchange about the same SA, which we have answered while ours was under way
 * (RFC 7296 2.8.1, 2.8.2). Kept so that the lowest of the four nonces can decide. */
struct create_rival {
	bool there;
	uint32_t child;  /* spi_in of the Child SA that it made, for a Child SA */
	uint64_t ike_sa; /* our SPI of the IKE SA that it made, for an IKE SA */
	uint8_t nonce[NONCE_MAX];
	size_t nonce_len; /* the lower of its two nonces */
};

#define CREATE_LINK_LEN 8   /* of ours */
#define CREATE_LINK_MAX 256 /* that we take of the peer's */

/* What the key exchanges gave so far: the first one's secret, then the others'. Owned, erased. */
struct create_secrets {
	uint8_t *p;
	size_t first_len;
	size_t len;
	uint8_t ppk_d[PRF_MAX]; /* what takes SK_d's place (ext/ppk_child.h) */
	size_t ppk_d_len;       /* 0: nothing does */
};

void create_secrets_clear(struct create_secrets *s);
enum err create_secrets_add(struct create_secrets *s, struct bytes secret);
struct ke_secrets create_secrets_spans(const struct create_secrets *s);

/* An exchange of ours under way. */
struct create_state {
	uint8_t nonce[CREATE_NONCE_LEN];
	uint8_t peer_nonce[NONCE_MAX];
	size_t peer_nonce_len;
	const struct ke_desc *ke;
	struct ke_private *private;
	uint8_t *ke_value;
	uint64_t ike_spi;   /* IKE rekey: our SPI of the new SA */
	uint64_t peer_spi;  /* and the peer's */
	uint32_t child_spi; /* else: spi_in of the new Child SA */
	struct ike_suite suite;
	struct child_draft draft;
	struct create_rival rival;
	/* Child SAs that the peer deleted and we do not know: one may be the one in the making, if
	 * the answer was overtaken. */
	uint32_t deleted[CREATE_DELETED_MAX];
	size_t n_deleted;
	struct create_secrets secrets;
	struct ike_ppk_work *ppk_offer; /* owned, erased; NULL: none is offered */
	struct ike_ppk ppk_taken;
	/* RFC 9370: where the next additional key exchange is looked for, and what ties it to this
	 */
	unsigned addke_place;
	uint8_t link[CREATE_LINK_MAX];
	size_t link_len;
};

/* A request of the peer's that waits for a job, or for the next exchange of its series. */
struct create_pending {
	struct list of_sa; /* while it waits in sa->followups */
	uint64_t expire_at;
	uint8_t link[CREATE_LINK_LEN];
	unsigned addke_place;
	struct create_secrets secrets;
	struct ike_ppk ppk_taken; /* id_len 0: none */
	uint8_t nonce_i[NONCE_MAX];
	size_t nonce_i_len;
	uint64_t ike_spi; /* IKE rekey: our SPI of the new SA */
	bool of_ike;
	uint32_t rekeyed; /* spi_in of the Child SA that is being rekeyed, 0 for none */
	uint8_t nonce[CREATE_NONCE_LEN];
	struct child_request request; /* for a Child SA */
	struct ike_choice choice;     /* for an IKE SA */
};

/* RFC 7296 2.8.1: octet by octet; a nonce that ends first is the lower one. */
struct bytes nonce_lower(struct bytes a, struct bytes b);
void create_rival_set(struct create_rival *rival, struct bytes nonce_a, struct bytes nonce_b);
/* True: the exchange with these nonces has the lowest of the four, so its SA is the one to go. */
bool create_loses(const struct create_rival *rival, struct bytes nonce_a, struct bytes nonce_b);

/* Exchanges of ours about Child SAs are under way (RFC 7296 2.25.2). */
bool create_busy_with_children(struct ike_sa *sa);
void create_pending_free(struct create_pending *p);
const struct ike_suite *pending_suite(const struct create_pending *p);
/* Responder: the series that is sa->pending is complete; makes the SA and answers with the last KE
 * payload. */
void create_answer_last(struct ike *ike, struct ike_sa *sa, const struct ke_desc *ke,
			struct bytes ke_value);
/* Initiator: all secrets are there: makes the SA and ends the task. */
void create_complete(struct ike *ike, struct ike_sa *sa, struct ike_task *t);
/* The exchange came to nothing; what it was about stays as it is. Ends the task. */
void create_failed(struct ike *ike, struct ike_sa *sa, struct ike_task *t, const char *why);
/* A rekey repeats the additional key exchanges of what it replaces (N5). old is NULL for an IKE
 * SA's own rekey. */
bool rekey_keeps_addke(const struct ike_sa *sa, const struct child_sa *old,
		       const struct ike_suite *now);

/* Makes the IKE SA that takes old's place: keys, identities, connection; no children yet. spi_i and
 * spi_r are those of the new SA. */
enum err rekey_ike_make(struct ike *ike, struct ike_sa *old, bool we_initiate, uint64_t our_spi,
			uint64_t peer_spi, const struct ike_suite *suite, struct ke_secrets secrets,
			struct bytes nonce_i, struct bytes nonce_r, struct ike_sa **out);
/* Our exchange is complete: settles which IKE SA stays. */
void rekey_ike_settle(struct ike *ike, struct ike_sa *old, struct ike_sa *fresh,
		      const struct create_state *c);
/* The same for a Child SA; old may be NULL when it is gone already. */
void rekey_child_settle(struct ike *ike, struct ike_sa *sa, struct child_sa *old,
			struct child_sa *fresh, const struct create_state *c);
/* old has a successor that the peer made: it only waits for the peer's Delete. The successor, if it
 * is still there, takes over its Child SAs and what waits to be done for them. */
void rekey_ike_replaced(struct ike *ike, struct ike_sa *old, struct ike_sa *successor);

#endif
