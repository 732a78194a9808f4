/* Classic McEliece by libmceliece (draft-smyslov-ipsecme-ikev2-mceliece). The library has no heap:
 * it works on the caller's stack, as measured below, and in the buffers that it is given. */
#include <alloca.h>
#include <mceliece.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/ikev2_numbers.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/ke_method.h"

/* Stack that encapsulation and decapsulation use at most, as measured and rounded up. */
#define STACK_OF_ENC (16 * 1024)
#define STACK_OF_DEC (128 * 1024)

#define KEY_SEED_LEN 32 /* all that making a key draws */

struct set {
	uint16_t id;
	uint16_t private_len;
	uint32_t stack; /* that making a key uses, as measured and rounded up */
	void (*keypair)(unsigned char *public_key, unsigned char *private_key);
	int (*enc)(unsigned char *ciphertext, unsigned char *secret,
		   const unsigned char *public_key);
	int (*dec)(unsigned char *secret, const unsigned char *ciphertext,
		   const unsigned char *private_key);
};

static const struct set sets[] = {
    {KE_MCELIECE_348864, mceliece348864f_SECRETKEYBYTES, 480 * 1024, mceliece348864f_keypair,
     mceliece348864f_enc, mceliece348864f_dec},
    {KE_MCELIECE_460896, mceliece460896f_SECRETKEYBYTES, 704 * 1024, mceliece460896f_keypair,
     mceliece460896f_enc, mceliece460896f_dec},
    {KE_MCELIECE_6688128, mceliece6688128f_SECRETKEYBYTES, 960 * 1024, mceliece6688128f_keypair,
     mceliece6688128f_enc, mceliece6688128f_dec},
    {KE_MCELIECE_6960119, mceliece6960119f_SECRETKEYBYTES, 1120 * 1024, mceliece6960119f_keypair,
     mceliece6960119f_enc, mceliece6960119f_dec},
    {KE_MCELIECE_8192128, mceliece8192128f_SECRETKEYBYTES, 1280 * 1024, mceliece8192128f_keypair,
     mceliece8192128f_enc, mceliece8192128f_dec},
};

static const struct set *set_of(const struct ke_desc *d)
{
	size_t i = 0;

	while (sets[i].id != d->stand_in)
		i++;
	return &sets[i];
}

/* What the call that this thread makes just now draws from. The library's generator is a function
 * without a context, so there is no other way to hand it over. */
static _Thread_local struct ke_stream *drawn_from;

/* The generator that libmceliece calls, which it leaves to whoever links it; the program's own
 * definition comes before that of the library which the distribution would load. */
__attribute__((visibility("default"))) void
randombytes_internal_void_voidstar_longlong(void *buf, long long n);

void randombytes_internal_void_voidstar_longlong(void *buf, long long n)
{
	if (n <= 0)
		return;
	if (drawn_from != NULL)
		ke_stream_fill(drawn_from, buf, (size_t)n);
	else
		crypto_random(buf, (size_t)n);
}

/* The library leaves its matrices and the permutation on the stack: below the frame of the caller,
 * where these write. */
static __attribute__((noinline)) void erase_stack(size_t n)
{
	mem_erase(alloca(n), n);
}

/* Gives the pages back, too: a thread may live long and seldom make a key. */
static __attribute__((noinline)) void return_stack(size_t n)
{
	uint8_t *room = alloca(n);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t skip = (page - (uintptr_t)room % page) % page;

	mem_erase(room, n);
	(void)madvise(room + skip, (n - skip) / page * page, MADV_DONTNEED);
}

static enum err mceliece_generate(struct ke_private *private, const uint8_t seed[KE_SEED_LEN],
				  uint8_t *public_value)
{
	const struct set *set = set_of(private->desc);
	struct ke_stream s;
	enum err e;

	private->octets = mem_new(set->private_len);
	if (private->octets == NULL)
		return ERR_NO_MEMORY;
	private->octets_len = set->private_len;
	e = ke_stream_open(&s, private->desc, seed);
	if (e != ERR_NONE)
		return e;
	s.first = seed;
	s.first_len = KEY_SEED_LEN;
	drawn_from = &s;
	set->keypair(public_value, private->octets);
	drawn_from = NULL;
	return_stack(set->stack);
	if (s.failed)
		e = ERR_CRYPTO;
	ke_stream_close(&s);
	return e;
}

static enum err mceliece_import(struct ke_private *private, struct bytes value)
{
	if (value.n != set_of(private->desc)->private_len)
		return ERR_SYNTAX;
	private->octets = mem_copy(value);
	if (private->octets == NULL)
		return ERR_NO_MEMORY;
	private->octets_len = value.n;
	return ERR_NONE;
}

/* The library refuses a key whose rows have bits set beyond their end (set 6960119 alone has room
 * for any). */
static enum err mceliece_respond(const struct ke_desc *d, const uint8_t seed[KE_SEED_LEN],
				 struct bytes peer_value, uint8_t *answer, uint8_t *secret)
{
	struct ke_stream s;
	enum err e = ke_stream_open(&s, d, seed);

	if (e != ERR_NONE)
		return e;
	drawn_from = &s;
	if (set_of(d)->enc(answer, secret, peer_value.p) != 0 || s.failed)
		e = ERR_CRYPTO;
	drawn_from = NULL;
	erase_stack(STACK_OF_ENC);
	ke_stream_close(&s);
	return e;
}

/* As ML-KEM, a wrong ciphertext gives another secret; refused is one with bits beyond its end. */
static enum err mceliece_finish(struct ke_private *private, struct bytes answer, uint8_t *secret)
{
	int rc = set_of(private->desc)->dec(secret, answer.p, private->octets);

	erase_stack(STACK_OF_DEC);
	return rc == 0 ? ERR_NONE : ERR_CRYPTO;
}

static void mceliece_erase(struct ke_private *private)
{
	mem_free_secret(private->octets, private->octets_len);
	private->octets = NULL;
	private->octets_len = 0;
}

const struct ke_ops ke_mceliece_ops = {mceliece_generate, mceliece_import, mceliece_respond,
				       mceliece_finish, mceliece_erase};
