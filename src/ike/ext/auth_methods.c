/* The responder announces in the IKE_SA_INIT response, or, when IKE_INTERMEDIATE takes place
 * anyway, sends an empty notify there and the list in the first IKE_INTERMEDIATE response, so that
 * the IKE_SA_INIT response, which nothing can cut, stays small (RFC 9593 3.1). The initiator
 * announces in the first IKE_INTERMEDIATE request when the responder has promised its list so, else
 * in the IKE_AUTH request. */
#include "ike/ext/auth_methods.h"

#include "ike/ext/ext.h"
#include "ike/ext/fragmentation.h"
#include "ike/ext/kem_auth.h"

/* All announcements: those of method 14 have 4 octets and their identifier. */
#define LIST_MAX 2048
/* Header and fixed part of the notify, and a Vendor ID that may follow. */
#define NOTIFY_OVERHEAD 64

/* What one connection takes. */
struct taken {
	bool psk;
	uint64_t schemes; /* bits by their place in signature_schemes() */
};

static bool kind_allowed(uint64_t key_types, const struct signature_scheme *s)
{
	for (unsigned t = KEY_NONE + 1; t < KEY_TYPES; t++)
		if ((key_types >> t & 1) != 0 && signature_fits(s, (enum key_type)t))
			return true;
	return key_types == 0;
}

static bool allowed(const struct ike_connection *c, const struct signature_scheme *s)
{
	if (s->auth_method != AUTH_DIGITAL_SIGNATURE || (s->weak && !c->allow_weak_signatures))
		return false;
	if (!kind_allowed(c->remote_auth.key_types, s))
		return false;
	if (c->remote_auth.kind == IKE_AUTH_BY_CERT)
		return true;
	for (size_t i = 0; i < c->remote_auth.n_keys; i++)
		if (signature_fits(s, public_key_type(c->remote_auth.keys[i])))
			return true;
	return false;
}

static void take(struct taken *t, const struct ike_connection *c)
{
	size_t n;
	const struct signature_scheme *all = signature_schemes(&n);

	if (c->remote_auth.kind == IKE_AUTH_BY_PSK) {
		t->psk = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (allowed(c, &all[i]))
			t->schemes |= UINT64_C(1) << i;
}

/* As responder we do not know yet which connection it will be: all that may be are taken. */
static struct taken taken_of(struct ike *ike, const struct ike_sa *sa)
{
	struct taken t = {0};

	if (sa->initiator) {
		take(&t, sa->config);
		return t;
	}
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;)
		take(&t, c->config);
	return t;
}

/* RFC 9593 3.2: length, method, and for a signature its Cert Link (0: any CA) and identifier. In
 * our order of preference: what a quantum computer does not break comes first. */
static void list_write(struct writer *w, const struct taken *t)
{
	size_t n;
	const struct signature_scheme *all = signature_schemes(&n);

	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n; i++) {
			if ((t->schemes >> i & 1) == 0 || key_type_is_pq(all[i].key) != (pass == 0))
				continue;
			writer_u8(w, (uint8_t)(3 + all[i].identifier.n));
			writer_u8(w, all[i].auth_method);
			writer_u8(w, 0);
			writer_bytes(w, all[i].identifier);
		}
	}
	if (t->psk) {
		writer_u8(w, 2);
		writer_u8(w, AUTH_SHARED_KEY_MIC);
	}
}

/* An IKE_SA_INIT message must not become larger than a datagram for this: without the list, which
 * is advice, the peer still has our hash algorithms and CAs. What is too large anyway may have it.
 */
static bool fits(const struct ike_sa *sa, const struct message *m, size_t n)
{
	const size_t limit = fragment_limit(sa);

	return sa->recv_id != 0 || sa->send_id != 0 || m->w.n > limit ||
	       m->w.n + NOTIFY_OVERHEAD + n <= limit;
}

void auth_methods_write(struct ike *ike, struct ike_sa *sa, struct message *m)
{
	const struct taken t = taken_of(ike, sa);
	uint8_t list[LIST_MAX];
	struct writer w = writer_of(list, sizeof(list));

	kem_auth_announce(ike, sa, &w);
	list_write(&w, &t);
	/* KEM-based authentication cannot do without the list, so that an exchange is made for it.
	 */
	if (kem_auth_agreed(sa) && !sa->initiator && !fits(sa, m, w.n)) {
		sa->setup->methods_promised = true;
		message_notify(m, NOTIFY_SUPPORTED_AUTH_METHODS, (struct bytes){0});
		return;
	}
	if (writer_ok(&w) && w.n != 0 && fits(sa, m, w.n))
		message_notify(m, NOTIFY_SUPPORTED_AUTH_METHODS, writer_bytes_so_far(&w));
	sa->setup->methods_sent = true;
}

static void methods_write(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	struct ike_setup *s = sa->setup;
	unsigned next;

	switch (at) {
	case AT_INIT_RESPONSE:
		s->methods_promised =
		    sa->intermediate && ike_suite_addke(&sa->suite, 0, &next) != NULL;
		if (s->methods_promised)
			message_notify(m, NOTIFY_SUPPORTED_AUTH_METHODS, (struct bytes){0});
		else
			auth_methods_write(ike, sa, m);
		break;
	case AT_INTERMEDIATE_REQUEST:
		if (auth_methods_due(sa))
			auth_methods_write(ike, sa, m);
		break;
	case AT_INTERMEDIATE_RESPONSE:
	case AT_AUTH_REQUEST:
		if (!s->methods_sent)
			auth_methods_write(ike, sa, m);
		break;
	default:
		break;
	}
}

static bool methods_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			   const struct notify_part *n)
{
	(void)ike;
	if (n->type != NOTIFY_SUPPORTED_AUTH_METHODS)
		return false;
	if (sa->setup == NULL)
		return true;
	if (at == AT_INIT_RESPONSE || at == AT_INTERMEDIATE_REQUEST ||
	    at == AT_INTERMEDIATE_RESPONSE)
		credential_note_methods(&sa->setup->hints, n->data);
	return true;
}

void auth_methods_read(struct ike_sa *sa, const struct payloads *ps)
{
	struct notify_part n;

	if (payloads_notify(ps, NOTIFY_SUPPORTED_AUTH_METHODS, &n))
		credential_note_methods(&sa->setup->hints, n.data);
}

bool auth_methods_due(const struct ike_sa *sa)
{
	const struct ike_setup *s = sa->setup;

	return (sa->initiator ? s->hints.promised : s->methods_promised) && !s->methods_sent;
}

const struct ike_extension ext_auth_methods = {
    .name = "auth-methods",
    .document = "RFC 9593",
    .write = methods_write,
    .notify = methods_notify,
};
