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
};

/* A request of the peer's that waits for a job. */
struct create_pending {
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

void create_pending_free(struct create_pending *p);

/* Makes the IKE SA that takes old's place: keys, identities, connection; no children yet. spi_i and
 * spi_r are those of the new SA. */
enum err rekey_ike_make(struct ike *ike, struct ike_sa *old, bool we_initiate, uint64_t our_spi,
			uint64_t peer_spi, const struct ike_suite *suite, struct bytes secret,
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
