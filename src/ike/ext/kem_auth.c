#include "ike/ext/kem_auth.h"

#include <string.h>

#include "base/mem.h"
#include "ike/ext/ext.h"
#include "ike/ext/kem_auth_state.h"

/* Our own choice: who shows it means by the private-use numbers what we mean by them (RFC
 * 7296 3.12). */
static const uint8_t vendor_id[] = {'k', 'e', 'm', 'a', 'u', 't', 'h', '-',
				    '0', '3', '-', 'l', 'a', 'b', '0', '1'};

static bool may_use(const struct ike_connection *c)
{
	return c->kem_auth != IKE_KEM_AUTH_NO && c->remote_auth.kind == IKE_AUTH_BY_CERT &&
	       c->local_auth.kind == IKE_AUTH_BY_CERT;
}

bool kem_auth_wants_intermediate(const struct ike_connection *c)
{
	return may_use(c);
}

bool kem_auth_agreed(const struct ike_sa *sa)
{
	/* M4: IKE_INTERMEDIATE, and fragmentation unless the transport is reliable */
	return sa->setup != NULL && sa->setup->kem != NULL && sa->intermediate &&
	       (sa->fragmentation || sa->path.stream != 0);
}

/* As responder we do not know yet which connection it will be: any that may be. */
static bool anybody_may(struct ike *ike, const struct ike_sa *sa)
{
	if (sa->initiator)
		return may_use(sa->config);
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;)
		if (may_use(c->config))
			return true;
	return false;
}

void kem_auth_announce(struct ike *ike, const struct ike_sa *sa, struct writer *w)
{
	static const enum key_type types[] = {KEY_ML_KEM_768, KEY_ML_KEM_1024, KEY_ML_KEM_512};

	if (!kem_auth_agreed(sa) || !anybody_may(ike, sa))
		return;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct bytes identifier = kem_identifier(types[i]);

		writer_u8(w, (uint8_t)(3 + identifier.n));
		writer_u8(w, AUTH_KEM);
		writer_u8(w, 0);
		writer_bytes(w, identifier);
	}
}

static void write_vendor(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	if ((at == AT_INIT_REQUEST && anybody_may(ike, sa)) ||
	    (at == AT_INIT_RESPONSE && sa->setup->kem != NULL))
		message_payload(m, PAYLOAD_VENDOR, BYTES_OF(vendor_id));
}

static void read_vendor(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			const struct payloads *ps)
{
	if ((at != AT_INIT_REQUEST && at != AT_INIT_RESPONSE) || sa->setup->kem != NULL ||
	    !anybody_may(ike, sa))
		return;
	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_VENDOR, p)) != NULL;) {
		if (!bytes_equal(p->body, BYTES_OF(vendor_id)))
			continue;
		/* Without memory it is as if the peer had not said it. */
		sa->setup->kem = mem_new(sizeof(*sa->setup->kem));
		return;
	}
}

const struct ike_extension ext_kem_auth = {
    .name = "kem-auth",
    .document = "draft-wang-ipsecme-kem-auth-ikev2",
    .write = write_vendor,
    .payloads = read_vendor,
};

/* --- Tools ----------------------------------------------------------------------------------- */

void kem_auth_setup_free(struct ike_setup *s)
{
	struct kem_auth *k = s->kem;

	if (k == NULL)
		return;
	if (k->costs != NULL)
		(*k->costs)--;
	ike_connection_release(k->connection);
	identity_free(k->asked_id);
	for (size_t i = 0; i < k->n_certs; i++)
		mem_free(k->certs[i]);
	mem_free_secret(k, sizeof(*k));
	s->kem = NULL;
}

struct ike_exchange_values ka_values(const struct ike_sa *sa)
{
	const struct ike_setup *s = sa->setup;

	return (struct ike_exchange_values){
	    .nonce_i = bytes_of(s->nonce_i, s->nonce_i_len),
	    .nonce_r = bytes_of(s->nonce_r, s->nonce_r_len),
	    .spi_i = sa->spi_i,
	    .spi_r = sa->spi_r,
	};
}

void ka_credential_set(struct kem_auth *k, struct ike_connection *c,
		       const struct ike_credential *credential)
{
	ike_connection_hold(c);
	ike_connection_release(k->connection);
	k->connection = c;
	k->credential = credential;
}

enum err ka_job_cert(struct ike_job *job, uint8_t encoding, struct bytes data)
{
	if (job->n_certs == IKE_JOB_CERTS_MAX)
		return ERR_LIMIT;
	job->certs[job->n_certs] = mem_copy(data);
	if (job->certs[job->n_certs] == NULL)
		return ERR_NO_MEMORY;
	job->cert_lens[job->n_certs] = data.n;
	job->cert_encodings[job->n_certs++] = encoding;
	return ERR_NONE;
}

void ka_keep_certs(struct kem_auth *k, struct ike_job *job)
{
	memcpy(k->certs, job->certs, sizeof(k->certs));
	memcpy(k->cert_lens, job->cert_lens, sizeof(k->cert_lens));
	memcpy(k->cert_encodings, job->cert_encodings, sizeof(k->cert_encodings));
	k->n_certs = job->n_certs;
	k->peer_type = job->kem_type;
	job->n_certs = 0;
}

/* The one notify of this type; false when there is none, or more than one. */
static bool the_notify(const struct payloads *ps, uint16_t type, struct bytes *data)
{
	struct notify_part n;
	unsigned found = 0;

	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_NOTIFY, p)) != NULL;) {
		if (notify_parse(p->body, &n, NULL) || n.type != type)
			continue;
		*data = n.data;
		found++;
	}
	return found == 1;
}

enum err ka_read(const struct kem_auth *k, const struct payloads *ps, struct bytes *ciphertext,
		 struct bytes *confirmation, const char **why)
{
	/* M3: missing, or twice */
	*why = "AUTH_KEM_CIPHERTEXT or AUTH_KEM_SSCONF is missing or there twice";
	if (!the_notify(ps, NOTIFY_AUTH_KEM_CIPHERTEXT, ciphertext) ||
	    !the_notify(ps, NOTIFY_AUTH_KEM_SSCONF, confirmation))
		return ERR_SYNTAX;
	*why = "AUTH_KEM_CIPHERTEXT or AUTH_KEM_SSCONF has a wrong length";
	return ciphertext->n == ka_own_kem(k)->resp_len && confirmation->n == KA_SSCONF_LEN
		   ? ERR_NONE
		   : ERR_SYNTAX;
}

void ka_write(struct message *m, struct bytes ciphertext, const uint8_t confirmation[KA_SSCONF_LEN])
{
	message_notify(m, NOTIFY_AUTH_KEM_CIPHERTEXT, ciphertext);
	message_notify(m, NOTIFY_AUTH_KEM_SSCONF, bytes_of(confirmation, KA_SSCONF_LEN));
}

enum err ka_decapsulate(struct ike *ike, struct ike_sa *sa, struct bytes ciphertext,
			auth_then *then)
{
	const struct kem_auth *k = sa->setup->kem;
	struct ike_job *job = ike_job_new(IKE_JOB_KEM_DECAPSULATE);

	if (job == NULL)
		return ERR_NO_MEMORY;
	job->ke = ka_own_kem(k);
	job->key = mem_text(k->credential->key);
	job->octets = mem_copy(ciphertext);
	job->octets_len = ciphertext.n;
	if (job->key == NULL || job->octets == NULL) {
		ike_job_free(job);
		return ERR_NO_MEMORY;
	}
	return ike_job_submit(ike, sa, job, then);
}

/* --- IKE_AUTH -------------------------------------------------------------------------------- */

bool kem_auth_done(const struct ike_sa *sa)
{
	return sa->setup->kem != NULL && sa->setup->kem->step == KA_DONE;
}

bool kem_auth_allowed(const struct ike_sa *sa, const struct ike_connection *c)
{
	return kem_auth_done(sa) ? may_use(c) : c->kem_auth != IKE_KEM_AUTH_REQUIRE;
}

bool kem_auth_fits(const struct ike_sa *sa, const struct ike_connection *c)
{
	if (!kem_auth_done(sa))
		return true;
	const struct ike_credential *shown = sa->setup->kem->credential;
	for (size_t i = 0; may_use(c) && i < c->local_auth.n_credentials; i++) {
		const struct ike_credential *own = &c->local_auth.credentials[i];
		if (own->key_type == shown->key_type && own->n_certs > 0 &&
		    bytes_equal(own->certs[0], shown->certs[0]))
			return true;
	}
	return false;
}

bool kem_auth_stray(const struct ike_sa *sa, const struct payloads *ps)
{
	struct notify_part n;

	return kem_auth_agreed(sa) && (payloads_notify(ps, NOTIFY_AUTH_KEM_CIPHERTEXT, &n) ||
				       payloads_notify(ps, NOTIFY_AUTH_KEM_SSCONF, &n) ||
				       payloads_find(ps, PAYLOAD_ECERT) != NULL);
}

enum err kem_auth_prove(struct ike *ike, const struct ike_sa *sa, struct bytes sk_p,
			struct ike_job *job)
{
	job->data_len = sa->suite.prf->out_len;
	job->data = mem_new(job->data_len);
	if (job->data == NULL)
		return ERR_NO_MEMORY;
	return ka_auth(ike->crypto, sa->suite.prf, sk_p, bytes_of(job->octets, job->octets_len),
		       job->data);
}

enum err kem_auth_check(struct ike *ike, struct ike_sa *sa, const struct payloads *ps,
			const struct auth_part *part, struct bytes sk_p, struct ike_job *job,
			const char **why)
{
	const struct kem_auth *k = sa->setup->kem;
	uint8_t wanted[PRF_MAX];
	bool holds;

	/* M2: after KA-2 no other method */
	*why = "the peer authenticates in another way than by the KEM that it began with";
	if (part->method != AUTH_KEM)
		return ERR_AUTH;
	/* M1: the certificates are those of KA-1 and ECERT */
	*why = "the peer sends certificates in IKE_AUTH, too, where it has none to send";
	if (payloads_find(ps, PAYLOAD_CERT) != NULL)
		return ERR_AUTH;
	enum err e = ka_auth(ike->crypto, sa->suite.prf, sk_p,
			     bytes_of(job->octets, job->octets_len), wanted);
	*why = "out of memory";
	if (e != ERR_NONE)
		return e;
	holds = part->data.n == sa->suite.prf->out_len &&
		mem_equal_secret(part->data.p, wanted, part->data.n);
	mem_erase(wanted, sizeof(wanted));
	*why = "the peer's AUTH does not hold: it has other keys, or has seen other messages";
	if (!holds)
		return ERR_AUTH;
	*why = "out of memory";
	for (size_t i = 0; i < k->n_certs && e == ERR_NONE; i++)
		e = ka_job_cert(job, k->cert_encodings[i], bytes_of(k->certs[i], k->cert_lens[i]));
	job->candidates[job->n_candidates++] = ike_connection_hold(sa->config);
	job->remote = identity_copy(sa->setup->peer_id);
	return job->remote == NULL ? ERR_NO_MEMORY : e;
}

const char *kem_auth_name(enum key_type type)
{
	switch (type) {
	case KEY_ML_KEM_512:
		return "ML-KEM-512 (KEM)";
	case KEY_ML_KEM_768:
		return "ML-KEM-768 (KEM)";
	default:
		return "ML-KEM-1024 (KEM)";
	}
}
