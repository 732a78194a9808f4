/* Connections for the peers, and the keys that go with them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/key.h"
#include "sim.h"

#define ED25519_DER_LEN 48

const struct sim_wish config_usual = {
    .name = "net",
    .auth = SIM_PSK,
    .ike = "aes128gcm-prfsha256-x25519",
    .local_id = "a.example",
    .remote_id = "b.example",
    .children = {{.name = "one",
		  .local = "10.1.0.0/24",
		  .remote = "10.2.0.0/24",
		  .start = IKE_START_MANUAL,
		  .esp = "aes128gcm",
		  .policy = 1}},
    .n_children = 1,
    .dpd_delay = 30 * SECOND,
    .retry_time = 10 * SECOND,
    .retransmits = 7,
};

struct sim_wish config_mirror(const struct sim_wish *w)
{
	struct sim_wish m = *w;

	m.local_id = w->remote_id;
	m.remote_id = w->local_id;
	for (size_t i = 0; i < w->n_children; i++) {
		m.children[i].local = w->children[i].remote;
		m.children[i].remote = w->children[i].local;
	}
	return m;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "the simulator's own configuration is wrong: %s: %s\n", what, why);
	abort();
}

static struct selector *selectors(const char *text, size_t *n)
{
	struct selector *out = mem_new(CHILD_SELECTORS_MAX * sizeof(*out));
	char word[100];
	size_t len;

	for (*n = 0; *text != '\0'; text += len) {
		text += strspn(text, " ");
		len = strcspn(text, " ");
		if (len == 0 || len >= sizeof(word))
			break;
		memcpy(word, text, len);
		word[len] = '\0';
		if (selector_parse(&out[(*n)++], word))
			die(word, "no selector");
	}
	return out;
}

static void suites(struct ike_suites *out, uint8_t protocol, const char *text)
{
	struct bytes word;
	const char *why = "";

	if (text == NULL)
		ike_suites_default(out, protocol);
	else if (ike_suites_parse(out, protocol, text, &word, &why))
		die(text, why);
}

static struct identity *identity(const char *text)
{
	struct identity *id = NULL;
	const char *why = "";

	if (text != NULL && identity_parse(&id, text, &why))
		die(text, why);
	return id;
}

/* RFC 8410 7: PKCS #8 of an Ed25519 key is a fixed beginning and 32 octets. */
static struct private_key *ed25519_key(unsigned index)
{
	static const uint8_t head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
				       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
	uint8_t der[ED25519_DER_LEN];
	struct private_key *key = NULL;
	const char *why = "";

	memset(der, (int)index + 1, sizeof(der));
	memcpy(der, head, sizeof(head));
	if (private_key_parse(&key, BYTES_OF(der), &why))
		die("Ed25519 key", why);
	return key;
}

/* RFC 5915 3 with the curve of RFC 5480 2.1.1.1: secp256r1, a private value and nothing else, in
 * PKCS #8. */
static struct private_key *ecdsa_key(unsigned index)
{
	static const uint8_t head[] = {0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07,
				       0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
				       0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04,
				       0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20};
	uint8_t der[sizeof(head) + 32];
	struct private_key *key = NULL;
	const char *why = "";

	memset(der, (int)index + 1, sizeof(der));
	memcpy(der, head, sizeof(head));
	if (private_key_parse(&key, BYTES_OF(der), &why))
		die("ECDSA key", why);
	return key;
}

static struct private_key *key_of(const struct sim_peer *p, enum sim_auth auth)
{
	return auth == SIM_ED25519 ? ed25519_key(p->index) : ecdsa_key(p->index);
}

/* Another way of p to prove itself, and the key that other then believes. */
void config_credential(struct sim_peer *p, const char *name, struct private_key *own,
		       struct ike_connection *c)
{
	struct ike_local_auth *a = &c->local_auth;
	struct ike_credential *k;
	struct public_key *public = NULL;
	uint8_t *der = NULL;
	size_t n = 0;

	if (a->credentials == NULL)
		a->credentials = mem_new(IKE_CREDENTIALS_MAX * sizeof(*a->credentials));
	k = &a->credentials[a->n_credentials++];
	k->key = mem_text(name);
	k->key_type = private_key_type(own);
	k->certs = mem_new(sizeof(*k->certs));
	if (private_key_public(own, &public) || public_key_spki(public, &der, &n))
		die(name, "no public key");
	k->certs[k->n_certs++] = bytes_of(der, n);
	public_key_free(public);
	keystore_add_key(p->keys, name, own);
}

void config_believe(struct ike_connection *c, const struct private_key *theirs)
{
	struct ike_remote_auth *a = &c->remote_auth;

	if (a->keys == NULL)
		a->keys = mem_new(IKE_CREDENTIALS_MAX * sizeof(struct public_key *));
	if (private_key_public(theirs, &a->keys[a->n_keys++]))
		die("a key", "no public key");
}

static void auth_by_key(struct sim_peer *p, struct sim_peer *other, enum sim_auth auth,
			struct ike_connection *c)
{
	struct private_key *theirs = key_of(other, auth);

	c->local_auth.kind = c->remote_auth.kind = IKE_AUTH_BY_PUBKEY;
	config_credential(p, auth == SIM_ED25519 ? "ed25519" : "ecdsa", key_of(p, auth), c);
	config_believe(c, theirs);
	private_key_free(theirs);
}

/* The keys of PPKs are made of their names, and all in the keystore that the connection names. */
static void ppks_make(struct sim_peer *p, const struct sim_wish *w, struct ike_ppk_config *c)
{
	const char *text = w->ppk.ids == NULL ? "ppk" : w->ppk.ids;
	char key[100];
	size_t len;

	c->policy = w->ppk.policy;
	c->exchange = w->ppk.exchange;
	c->numbers = w->ppk.numbers;
	c->rekey = w->ppk.rekey;
	if (c->policy == IKE_PPK_NEVER)
		return;
	c->ids = mem_new(IKE_PPKS_MAX * sizeof(*c->ids));
	for (; *text != '\0'; text += len) {
		text += strspn(text, " ");
		len = strcspn(text, " ");
		if (len == 0 || c->n_ids == IKE_PPKS_MAX)
			break;
		const struct bytes id = bytes_of(text, len);
		const int n = snprintf(key, sizeof(key), "key of %.*s%s", (int)len, text,
				       w->ppk.salt == NULL ? "" : w->ppk.salt);
		c->ids[c->n_ids++] = bytes_of(mem_copy(id), len);
		keystore_add_ppk(p->keys, id, bytes_of(key, (size_t)n));
	}
}

static void child_make(struct ike_child_config *c, const struct sim_child_wish *w)
{
	c->name = mem_text(w->name);
	c->policy = w->policy;
	c->mode = w->mode;
	c->start = w->start;
	c->local = selectors(w->local, &c->n_local);
	c->remote = selectors(w->remote, &c->n_remote);
	suites(&c->esp, PROTOCOL_ESP, w->esp);
	c->eesp = w->eesp;
	c->eesp_sub_sas = w->eesp_sub_sas;
	(void)ike_suites_add_eesp(&c->esp, w->eesp, w->eesp_sub_sas);
	c->rekey_time = w->rekey_time;
	c->rekey_packets = w->rekey_packets;
	c->replay_window = 64;
}

struct ike_connection *config_make(struct sim_peer *p, struct sim_peer *other,
				   const struct sim_wish *w)
{
	struct ike_connection *c = ike_connection_new(w->name);
	const char *psk = w->psk == NULL ? "correct horse battery staple" : w->psk;

	if (c == NULL)
		abort();
	c->local = p->addr;
	if (!w->answer_only)
		c->remote = network_outside(other, 500).addr;
	c->remote_port = 500;
	c->local_id = identity(w->local_id);
	c->remote_id = identity(w->remote_id);
	suites(&c->ike, PROTOCOL_IKE, w->ike);
	c->rekey_time = w->rekey_time;
	c->reauth_time = w->reauth_time;
	c->dpd_delay = w->dpd_delay;
	c->retry_time = w->retry_time;
	c->retransmits = w->retransmits;
	c->keepalive = 20 * SECOND;
	c->unique = !w->no_unique;
	c->force_encap = w->force_encap;
	c->transport = w->transport;
	c->tcp_share = w->tcp_share;
	c->childless = w->childless;
	c->downgrade = w->downgrade;
	c->remote_tcp_port = 4500;
	c->children = mem_new(w->n_children * sizeof(*c->children));
	c->n_children = w->n_children;
	for (size_t i = 0; i < w->n_children; i++)
		child_make(&c->children[i], &w->children[i]);
	if (w->auth != SIM_PSK)
		auth_by_key(p, other, w->auth, c);
	else
		keystore_add_secret(p->keys, c->local_id, c->remote_id, bytes_of(psk, strlen(psk)));
	ppks_make(p, w, &c->ppk);
	c->int_auth = w->int_auth;
	return c;
}

void config_pair(struct sim *sim, enum sim_auth auth, enum ike_start a, enum ike_start b)
{
	struct sim_wish w = config_usual;
	struct sim_wish m;

	w.auth = auth;
	w.children[0].start = a;
	m = config_mirror(&w);
	m.children[0].start = b;
	peer_connection(sim->peers[0], config_make(sim->peers[0], sim->peers[1], &w));
	peer_connection(sim->peers[1], config_make(sim->peers[1], sim->peers[0], &m));
}
