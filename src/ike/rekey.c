/* Rekeying: which SA stays when both sides began at once, and what happens to the others
 * (RFC 7296 2.8, 2.8.1, 2.8.2, 2.18). */
#include <string.h>

#include "base/mem.h"
#include "ike/create_child.h"
#include "ike/ext/ppk.h"
#include "ike/ext/tcp.h"

/* How long a replaced SA waits for the Delete of the peer, whose business it is. */
#define DELETE_WAIT (30 * UINT64_C(1000000))

struct bytes nonce_lower(struct bytes a, struct bytes b)
{
	const size_t n = a.n < b.n ? a.n : b.n;
	const int order = n == 0 ? 0 : memcmp(a.p, b.p, n); /* nonces are public */

	if (order != 0)
		return order < 0 ? a : b;
	return a.n <= b.n ? a : b;
}

void create_rival_set(struct create_rival *rival, struct bytes nonce_a, struct bytes nonce_b)
{
	const struct bytes lower = nonce_lower(nonce_a, nonce_b);

	rival->there = true;
	memcpy(rival->nonce, lower.p, lower.n);
	rival->nonce_len = lower.n;
}

bool create_loses(const struct create_rival *rival, struct bytes nonce_a, struct bytes nonce_b)
{
	const struct bytes ours = nonce_lower(nonce_a, nonce_b);
	const struct bytes theirs = bytes_of(rival->nonce, rival->nonce_len);

	return rival->there && nonce_lower(ours, theirs).p == ours.p;
}

void rekey_child_settle(struct ike *ike, struct ike_sa *sa, struct child_sa *old,
			struct child_sa *fresh, const struct create_state *c)
{
	struct child_sa *rival = c->rival.there ? child_find(ike, c->rival.child) : NULL;

	if (create_loses(&c->rival, BYTES_OF(c->nonce),
			 bytes_of(c->peer_nonce, c->peer_nonce_len))) {
		/* RFC 7296 2.8.1: ours is redundant, and we close it; the peer closes the old one.
		 */
		sa_log(ike, sa, LOG_INFO, "both sides rekeyed a Child SA; the peer's stays");
		if (old != NULL)
			old->state = CHILD_REPLACED;
		child_delete(ike, fresh);
		if (rival != NULL)
			child_settle_twins(ike, rival);
		return;
	}
	if (rival != NULL) {
		sa_log(ike, sa, LOG_INFO, "both sides rekeyed a Child SA; ours stays");
		rival->state = CHILD_REPLACED; /* the peer closes it */
		rival->successor = fresh->spi_in;
		rival->activate_at = 0;
	}
	if (old != NULL)
		old->successor = fresh->spi_in;
	child_activate(ike, fresh);
	ike_tell(ike, IKE_EVENT_CHILD_REKEYED, sa, fresh, NULL);
	if (old != NULL)
		child_delete(ike, old);
	child_settle_twins(ike, fresh);
}

static bool suite_has_addke(const struct ike_suite *s, uint16_t method)
{
	for (unsigned i = 0; i < IKE_ADDKE_MAX; i++)
		if (s->addke[i] == method)
			return true;
	return false;
}

bool rekey_keeps_addke(const struct ike_sa *sa, const struct child_sa *old,
		       const struct ike_suite *now)
{
	const struct ike_suite *was = old == NULL ? &sa->suite : &old->suite;
	unsigned next;

	/* A Child SA that came with IKE_AUTH rests on the IKE SA's exchanges alone: its first rekey
	 * with one of its own does no less, where the configuration has that. */
	if (old != NULL && old->suite.ke == NULL)
		return now->ke == NULL || ike_suite_addke(&sa->suite, 0, &next) == NULL ||
		       ike_suite_addke(now, 0, &next) != NULL ||
		       !ike_suites_have_addke(&child_config(old)->esp);
	for (unsigned i = 0; i < IKE_ADDKE_MAX; i++)
		if (was->addke[i] != KE_NONE && !suite_has_addke(now, was->addke[i]))
			return false;
	return true;
}

enum err rekey_ike_make(struct ike *ike, struct ike_sa *old, bool we_initiate, uint64_t our_spi,
			uint64_t peer_spi, const struct ike_suite *suite, struct ke_secrets secrets,
			struct bytes nonce_i, struct bytes nonce_r, struct ike_sa **out)
{
	struct ike_sa *sa;
	enum err e = sa_new_with_spi(ike, &sa, old->conn, &old->path, we_initiate, our_spi);

	if (e)
		return e;
	if (we_initiate)
		sa->spi_r = peer_spi;
	else
		sa->spi_i = peer_spi;
	sa->suite = *suite;
	sa->intermediate = old->intermediate;
	sa->fragmentation = old->fragmentation; /* RFC 7383 2.4: of the IKE SA and its heirs */
	sa->big_payload = old->big_payload;
	sa->transcript = old->transcript; /* its keys come from those that had it */
	sa->datagram_max = old->datagram_max;
	tcp_inherit(sa, old);
	ppk_inherit(sa, old);
	sa->nat_here = old->nat_here;
	sa->nat_there = old->nat_there;
	sa->remote_auth = old->remote_auth;
	sa->peer_window = 1; /* RFC 7296 2.3: of each IKE SA anew */
	if (sa->config == NULL || sa->config != old->config) {
		ike_connection_release(sa->config);
		sa->config = ike_connection_hold(old->config);
	}
	const struct ike_exchange_values v = {
	    .nonce_i = nonce_i, .nonce_r = nonce_r, .spi_i = sa->spi_i, .spi_r = sa->spi_r};
	sa->remote_id = identity_copy(old->remote_id);
	sa->local_id = identity_copy(old->local_id);
	e = sa->remote_id == NULL || sa->local_id == NULL
		? ERR_NO_MEMORY
		: peer_path_set(sa, old->peer_path, old->n_peer_path);
	if (e == ERR_NONE)
		e = ike_keys_rekey(ike->crypto, suite, old->suite.prf, &old->keys, secrets, &v,
				   &sa->keys);
	if (e) {
		sa_kill(ike, sa, NULL);
		return e;
	}
	sa_setup_free(sa);
	/* An attempt to replace the old one by reauthentication goes on for the new one. */
	LIST_EACH (&ike->sa_list, node) {
		struct ike_sa *other = CONTAINER_OF(node, struct ike_sa, all);
		if (!old->reauthenticating)
			break;
		if (other->replaced_spi == sa_our_spi(old))
			other->replaced_spi = our_spi;
	}
	sa_up_rekeyed(ike, sa, old);
	*out = sa;
	return ERR_NONE;
}

void rekey_ike_replaced(struct ike *ike, struct ike_sa *old, struct ike_sa *successor)
{
	if (successor != NULL && successor != old) {
		successor->unsettled = false;
		child_inherit(ike, old, successor);
	}
	if (old->state != SA_UP)
		return;
	old->state = SA_REPLACED;
	old->expire_at = ike->now + DELETE_WAIT;
	tasks_free_waiting(old);
	sa_schedule(ike, old);
}

void rekey_ike_settle(struct ike *ike, struct ike_sa *old, struct ike_sa *fresh,
		      const struct create_state *c)
{
	struct ike_sa *rival = c->rival.there ? sa_find(ike, c->rival.ike_sa) : NULL;
	const bool loses =
	    create_loses(&c->rival, BYTES_OF(c->nonce), bytes_of(c->peer_nonce, c->peer_nonce_len));

	/* c belongs to a task of old's, which goes below. */
	if (old->state == SA_DELETING) {
		/* Its end was ordered while this was under way: the peer has both of them. */
		tasks_free(old);
		fresh->redundant = true;
		sa_delete(ike, fresh, "its predecessor is being deleted");
		old->state = SA_UP;
		old->redundant = true;
		sa_delete(ike, old, NULL);
		return;
	}
	if (loses) {
		/* RFC 7296 2.8.2: ours goes, by our Delete; the peer deletes the old one. */
		sa_log(ike, old, LOG_INFO, "both sides rekeyed the IKE SA; the peer's stays");
		tasks_free(old);
		rekey_ike_replaced(ike, old, rival);
		fresh->redundant = true;
		sa_delete(ike, fresh, "redundant");
		sa_schedule(ike, fresh);
		return;
	}
	if (rival != NULL) {
		sa_log(ike, old, LOG_INFO, "both sides rekeyed the IKE SA; ours stays");
		rekey_ike_replaced(ike, rival, fresh);
	}
	child_inherit(ike, old, fresh);
	tasks_free(old);
	old->redundant = true; /* its end is no news */
	sa_delete(ike, old, "rekeyed");
	if (fresh->conn != NULL)
		ike_conn_pursue(ike, fresh->conn);
	sa_schedule(ike, fresh);
}
