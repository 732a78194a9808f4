#include "pki/keystore.h"

#include <string.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "base/table.h"
#include "crypto/kem.h"
#include "crypto/prf.h"

#define KEY_NAME_MAX 255
/* Type, length and data of two identities. */
#define PAIR_MAX (2 * (3 + IDENTITY_MAX))

struct named_key {
	struct table_node node;
	char *name; /* owned */
	struct private_key *key;
};

struct shared_secret {
	struct table_node node;
	struct identity *one; /* owned; NULL: anybody */
	struct identity *other;
	uint8_t *pair; /* owned; what the table is keyed by */
	size_t pair_len;
	uint8_t *secret;
	size_t secret_len;
};

struct ppk {
	struct table_node node;
	uint8_t *id; /* owned */
	size_t id_len;
	uint8_t *secret;
	size_t secret_len;
};

struct keystore {
	struct table keys;    /* by name */
	struct table secrets; /* by the pair, which is the same in either order */
	struct table ppks;    /* by identity */
};

static struct named_key *named_key_of(const struct table_node *node)
{
	return (struct named_key *)(uintptr_t)((uintptr_t)node - offsetof(struct named_key, node));
}

static struct shared_secret *secret_of(const struct table_node *node)
{
	return (struct shared_secret *)(uintptr_t)((uintptr_t)node -
						   offsetof(struct shared_secret, node));
}

static struct ppk *ppk_of(const struct table_node *node)
{
	return (struct ppk *)(uintptr_t)((uintptr_t)node - offsetof(struct ppk, node));
}

static struct bytes ppk_id(const struct table_node *node)
{
	const struct ppk *p = ppk_of(node);

	return bytes_of(p->id, p->id_len);
}

static struct bytes key_name(const struct table_node *node)
{
	const struct named_key *k = named_key_of(node);

	return bytes_of(k->name, strlen(k->name));
}

static struct bytes secret_pair(const struct table_node *node)
{
	const struct shared_secret *s = secret_of(node);

	return bytes_of(s->pair, s->pair_len);
}

struct keystore *keystore_new(void)
{
	struct keystore *k = mem_new(sizeof(*k));
	uint8_t hash_secret[16];

	if (k == NULL)
		return NULL;
	crypto_random(hash_secret, sizeof(hash_secret));
	if (table_init(&k->keys, hash_secret, key_name) != ERR_NONE)
		goto no_keys;
	if (table_init(&k->secrets, hash_secret, secret_pair) != ERR_NONE)
		goto no_secrets;
	if (table_init(&k->ppks, hash_secret, ppk_id) != ERR_NONE)
		goto no_ppks;
	return k;
no_ppks:
	table_clear(&k->secrets);
no_secrets:
	table_clear(&k->keys);
no_keys:
	mem_free(k);
	return NULL;
}

static void free_key(struct named_key *k)
{
	private_key_free(k->key);
	mem_free(k->name);
	mem_free(k);
}

static void free_secret(struct shared_secret *s)
{
	identity_free(s->one);
	identity_free(s->other);
	mem_free(s->pair);
	mem_free_secret(s->secret, s->secret_len);
	mem_free(s);
}

static void free_ppk(struct ppk *p)
{
	mem_free(p->id);
	mem_free_secret(p->secret, p->secret_len);
	mem_free(p);
}

void keystore_free(struct keystore *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->keys.n_buckets; i++)
		while (k->keys.buckets[i] != NULL) {
			struct table_node *node = k->keys.buckets[i];

			table_remove(&k->keys, node);
			free_key(named_key_of(node));
		}
	for (size_t i = 0; i < k->secrets.n_buckets; i++)
		while (k->secrets.buckets[i] != NULL) {
			struct table_node *node = k->secrets.buckets[i];

			table_remove(&k->secrets, node);
			free_secret(secret_of(node));
		}
	for (size_t i = 0; i < k->ppks.n_buckets; i++)
		while (k->ppks.buckets[i] != NULL) {
			struct table_node *node = k->ppks.buckets[i];

			table_remove(&k->ppks, node);
			free_ppk(ppk_of(node));
		}
	table_clear(&k->keys);
	table_clear(&k->secrets);
	table_clear(&k->ppks);
	mem_free(k);
}

enum err keystore_add_key(struct keystore *k, const char *name, struct private_key *key)
{
	struct table_node *old = table_find(&k->keys, bytes_of(name, strlen(name)));
	struct named_key *new = NULL;
	enum err e = ERR_RANGE;

	if (name[0] == '\0' || strlen(name) > KEY_NAME_MAX)
		goto failed;
	e = ERR_NO_MEMORY;
	new = mem_new(sizeof(*new));
	if (new == NULL)
		goto failed;
	new->name = mem_text(name);
	if (new->name == NULL)
		goto failed;
	new->key = key;
	if (old != NULL) {
		table_remove(&k->keys, old);
		free_key(named_key_of(old));
	}
	table_add(&k->keys, &new->node);
	return ERR_NONE;
failed:
	/* The key was taken, also when it could not be kept. */
	private_key_free(key);
	mem_free(new);
	return e;
}

/* What two equal identities have in common octet by octet: names without regard to case
 * (identity_equal()), and of distinguished names the type alone. */
static size_t write_folded(uint8_t *out, const struct identity *id)
{
	struct writer w = writer_of(out, 3 + IDENTITY_MAX);
	uint16_t n = id == NULL || id->type == ID_DER_ASN1_DN ? 0 : id->n;

	writer_u8(&w, id != NULL ? id->type : 0);
	writer_u16(&w, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t c = id->data[i];

		writer_u8(&w, c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c);
	}
	return writer_ok(&w) ? w.n : 0;
}

/* The table's key of a pair, the same in either order; 0 when an identity is too long. */
static size_t write_pair(uint8_t out[PAIR_MAX], const struct identity *a, const struct identity *b)
{
	uint8_t one[3 + IDENTITY_MAX], other[3 + IDENTITY_MAX];
	size_t n = write_folded(one, a), m = write_folded(other, b);
	struct writer w = writer_of(out, PAIR_MAX);
	bool swap = n != m ? n > m : memcmp(one, other, n) > 0;

	if (n == 0 || m == 0)
		return 0;
	writer_bytes(&w, swap ? bytes_of(other, m) : bytes_of(one, n));
	writer_bytes(&w, swap ? bytes_of(one, n) : bytes_of(other, m));
	return w.n;
}

static bool same(const struct identity *a, const struct identity *b)
{
	return a == NULL || b == NULL ? a == b : identity_equal(a, b);
}

static const struct shared_secret *find_secret(const struct keystore *k, const struct identity *a,
					       const struct identity *b)
{
	uint8_t pair[PAIR_MAX];
	size_t n = write_pair(pair, a, b);
	struct table_node *node = n != 0 ? table_find(&k->secrets, bytes_of(pair, n)) : NULL;

	for (; node != NULL; node = table_find_next(&k->secrets, node)) {
		const struct shared_secret *s = secret_of(node);

		if ((same(s->one, a) && same(s->other, b)) ||
		    (same(s->one, b) && same(s->other, a)))
			return s;
	}
	return NULL;
}

enum err keystore_add_secret(struct keystore *k, const struct identity *one,
			     const struct identity *other, struct bytes secret)
{
	uint8_t pair[PAIR_MAX];
	size_t n = write_pair(pair, one, other);
	struct shared_secret *s;

	if (n == 0 || secret.n == 0)
		return ERR_RANGE;
	if (find_secret(k, one, other) != NULL)
		return ERR_EXISTS;
	s = mem_new(sizeof(*s));
	if (s == NULL)
		return ERR_NO_MEMORY;
	s->pair = mem_copy(bytes_of(pair, n));
	s->pair_len = n;
	s->secret = mem_copy(secret);
	s->secret_len = secret.n;
	s->one = one != NULL ? identity_copy(one) : NULL;
	s->other = other != NULL ? identity_copy(other) : NULL;
	if (s->pair == NULL || s->secret == NULL || (one != NULL && s->one == NULL) ||
	    (other != NULL && s->other == NULL)) {
		free_secret(s);
		return ERR_NO_MEMORY;
	}
	table_add(&k->secrets, &s->node);
	return ERR_NONE;
}

enum err keystore_sign(const struct keystore *k, const char *name,
		       const struct signature_scheme *scheme, struct bytes octets, uint8_t **data,
		       size_t *data_len)
{
	struct table_node *node = table_find(&k->keys, bytes_of(name, strlen(name)));

	if (node == NULL)
		return ERR_NOT_FOUND;
	return signature_make(named_key_of(node)->key, scheme, octets, data, data_len);
}

enum err keystore_decapsulate(const struct keystore *k, const char *name, struct bytes ciphertext,
			      uint8_t **secret, size_t *secret_len)
{
	struct table_node *node = table_find(&k->keys, bytes_of(name, strlen(name)));
	const struct private_key *key = node != NULL ? named_key_of(node)->key : NULL;
	const struct ke_desc *d = key != NULL ? key_type_kem(private_key_type(key)) : NULL;
	enum err e;

	if (key == NULL)
		return ERR_NOT_FOUND;
	if (d == NULL)
		return ERR_UNSUPPORTED;
	*secret = mem_new(d->secret_len);
	if (*secret == NULL)
		return ERR_NO_MEMORY;
	*secret_len = d->secret_len;
	e = kem_decapsulate(key, ciphertext, *secret);
	if (e != ERR_NONE) {
		mem_free_secret(*secret, *secret_len);
		*secret = NULL;
	}
	return e;
}

enum err keystore_shared_key_mac(const struct keystore *k, struct crypto *c,
				 const struct identity *local, const struct identity *remote,
				 const struct prf_desc *d, struct bytes octets, uint8_t *out)
{
	/* RFC 7296 2.15: 17 octets, no NUL. */
	struct bytes pad = BYTES_LITERAL("Key Pad for IKEv2");
	const struct shared_secret *s = find_secret(k, local, remote);
	uint8_t key[PRF_MAX];
	enum err e;

	/* A secret for one of the two and anybody: the peer's own goes first. */
	if (s == NULL)
		s = find_secret(k, NULL, remote);
	if (s == NULL)
		s = find_secret(k, local, NULL);
	if (s == NULL)
		s = find_secret(k, NULL, NULL);
	if (s == NULL)
		return ERR_NOT_FOUND;
	e = prf(c, d, bytes_of(s->secret, s->secret_len), &pad, 1, key);
	if (e == ERR_NONE)
		e = prf(c, d, bytes_of(key, d->out_len), &octets, 1, out);
	mem_erase(key, sizeof(key));
	return e;
}

enum err keystore_add_ppk(struct keystore *k, struct bytes id, struct bytes secret)
{
	struct ppk *p;

	if (id.n == 0 || id.n > PPK_ID_MAX || secret.n == 0)
		return ERR_RANGE;
	if (table_find(&k->ppks, id) != NULL)
		return ERR_EXISTS;
	p = mem_new(sizeof(*p));
	if (p == NULL)
		return ERR_NO_MEMORY;
	p->id = mem_copy(id);
	p->id_len = id.n;
	p->secret = mem_copy(secret);
	p->secret_len = secret.n;
	if (p->id == NULL || p->secret == NULL) {
		free_ppk(p);
		return ERR_NO_MEMORY;
	}
	table_add(&k->ppks, &p->node);
	return ERR_NONE;
}

enum err keystore_ppk_mix(const struct keystore *k, struct crypto *c, struct bytes id,
			  const struct prf_desc *d, struct bytes in, uint8_t *out)
{
	const struct table_node *node = table_find(&k->ppks, id);

	if (node == NULL)
		return ERR_NOT_FOUND;
	return prf_plus(c, d, bytes_of(ppk_of(node)->secret, ppk_of(node)->secret_len), &in, 1, out,
			d->key_len);
}

enum err keystore_ppk_confirm(const struct keystore *k, struct crypto *c, struct bytes id,
			      const struct prf_desc *d, struct bytes in, uint8_t *out)
{
	const struct table_node *node = table_find(&k->ppks, id);
	uint8_t whole[PRF_MAX];
	enum err e;

	if (node == NULL)
		return ERR_NOT_FOUND;
	e = prf(c, d, bytes_of(ppk_of(node)->secret, ppk_of(node)->secret_len), &in, 1, whole);
	if (e == ERR_NONE)
		memcpy(out, whole, PPK_CONFIRMATION_LEN);
	mem_erase(whole, sizeof(whole));
	return e;
}
