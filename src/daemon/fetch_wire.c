#include "daemon/fetch_wire.h"

#include <string.h>

#define WITH_SHA1 1

static void put_short(struct writer *w, struct bytes b)
{
	writer_u16(w, (uint16_t)b.n);
	writer_bytes(w, b);
}

static struct bytes take_short(struct reader *r, size_t most)
{
	uint16_t n = reader_u16(r);

	if (n > most)
		reader_fail(r);
	return reader_take(r, n);
}

/* Printable and without blanks, as ike/fetch.h has it. */
static bool is_word(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] <= ' ' || b.p[i] > '~')
			return false;
	return true;
}

void fetch_ask_write(struct writer *w, const struct fetch_ask *a)
{
	writer_u64(w, a->ticket);
	writer_u8(w, (uint8_t)a->kind);
	writer_u8(w, a->has_sha1 ? WITH_SHA1 : 0);
	writer_bytes(w, bytes_of(a->sha1, sizeof(a->sha1)));
	writer_u32(w, a->octets_max);
	put_short(w, a->connection);
	put_short(w, a->url);
	put_short(w, a->body);
}

enum err fetch_ask_read(struct fetch_ask *a, struct bytes b)
{
	struct reader r = reader_of(b);

	a->ticket = reader_u64(&r);
	uint8_t kind = reader_u8(&r);
	uint8_t flags = reader_u8(&r);
	reader_copy(&r, a->sha1, sizeof(a->sha1));
	a->octets_max = reader_u32(&r);
	a->connection = take_short(&r, FETCH_NAME_MAX);
	a->url = take_short(&r, IKE_FETCH_URL_MAX);
	a->body = take_short(&r, IKE_FETCH_BODY_MAX);
	if (!reader_done(&r) || kind >= IKE_FETCH_KINDS || flags > WITH_SHA1 || a->url.n == 0 ||
	    !is_word(a->url) || !is_word(a->connection) || a->octets_max > IKE_FETCH_OCTETS_MAX ||
	    (a->body.n != 0) != (kind == IKE_FETCH_OCSP))
		return ERR_SYNTAX;
	a->kind = (enum ike_fetch_kind)kind;
	a->has_sha1 = flags == WITH_SHA1;
	return ERR_NONE;
}

void fetch_ask_key(struct writer *w, const struct fetch_ask *a)
{
	static const uint8_t none[IKE_FETCH_HASH_LEN];

	writer_u8(w, (uint8_t)(2 * a->kind + (a->has_sha1 ? 1 : 0)));
	writer_bytes(w, bytes_of(a->has_sha1 ? a->sha1 : none, sizeof(a->sha1)));
	writer_u32(w, a->octets_max);
	writer_u32(w, (uint32_t)a->url.n);
	writer_bytes(w, a->url);
	writer_bytes(w, a->body);
}

void fetch_ask_of_key(struct fetch_ask *a, struct bytes key)
{
	struct reader r = reader_of(key);
	uint8_t kind = reader_u8(&r);

	*a = (struct fetch_ask){.kind = (enum ike_fetch_kind)(kind / 2), .has_sha1 = kind % 2 != 0};
	reader_copy(&r, a->sha1, sizeof(a->sha1));
	a->octets_max = reader_u32(&r);
	a->url = reader_take(&r, reader_u32(&r));
	a->body = reader_rest(&r);
}

void fetch_answer_write(struct writer *w, const struct fetch_answer *a)
{
	writer_u64(w, a->ticket);
	writer_u8(w, (uint8_t)a->result);
	put_short(w, a->reason);
}

enum err fetch_answer_read(struct fetch_answer *a, struct bytes b)
{
	struct reader r = reader_of(b);

	a->ticket = reader_u64(&r);
	uint8_t result = reader_u8(&r);
	a->reason = take_short(&r, IKE_FETCH_REASON_MAX - 1);
	if (!reader_done(&r) || result > ERR_IO)
		return ERR_SYNTAX;
	a->result = (enum err)result;
	return ERR_NONE;
}

void fetch_keep_write(struct writer *w, struct bytes url)
{
	put_short(w, url);
}

enum err fetch_keep_read(struct reader *r, struct bytes *url)
{
	if (reader_left(r) == 0)
		return ERR_NOT_FOUND;
	*url = take_short(r, IKE_FETCH_URL_MAX);
	return reader_ok(r) && url->n > 0 && is_word(*url) ? ERR_NONE : ERR_SYNTAX;
}
