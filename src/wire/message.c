#include "wire/message.h"

#include <string.h>

/* Only the first failure counts: after a buffer that was too small the offsets mean nothing, and a
 * step that looks out of order is not. */
static void fail(struct message *m, const char *reason)
{
	if (writer_ok(&m->w))
		m->reason = reason;
	m->w.bad = true;
}

static const char *const wrong_order = "message: steps in the wrong order";
static const char *const too_long =
    "a payload is longer than 65535 octets, and the peer has not agreed "
    "to take such (BIG_PAYLOAD_SUPPORTED)";
static const char *const sk_too_long = "the Encrypted payload is longer than 65535 octets";
static const char *const all_too_long = "it is longer than 4 GiB";

void message_begin(struct message *m, void *buf, size_t cap, const struct ike_header *h)
{
	struct ike_header empty = *h;

	/* Both are known later only. */
	empty.next_payload = PAYLOAD_NONE;
	empty.length = 0;
	*m = (struct message){.w = writer_of(buf, cap), .next_at = IKE_NEXT_AT};
	header_write(&m->w, &empty);
}

/* Writes a generic header and chains it to the payload before. */
static void generic_header(struct message *m, uint8_t type)
{
	size_t at = m->w.n;

	writer_u8(&m->w, PAYLOAD_NONE);
	writer_u8(&m->w, 0);
	writer_u16(&m->w, 0);
	writer_patch_u8(&m->w, m->next_at, type);
	m->next_at = at;
}

struct writer *message_payload_begin(struct message *m, uint8_t type)
{
	/* A fragment's octets are a piece of the chain: no payload begins there. */
	if (m->payload_at != 0 || type == PAYLOAD_SK || type == PAYLOAD_SKF ||
	    m->kind == MESSAGE_FRAGMENT) {
		fail(m, wrong_order);
		return &m->w;
	}
	m->payload_at = m->w.n;
	generic_header(m, type);
	return &m->w;
}

void message_allow_big(struct message *m)
{
	m->big_allowed = true;
}

struct writer *message_payload_begin_big(struct message *m, uint8_t type)
{
	struct writer *w = message_payload_begin(m, type);

	if (m->kind != MESSAGE_SK) {
		fail(m, wrong_order);
		return w;
	}
	m->payload_big = true;
	writer_patch_u8(w, m->payload_at + 1, PAYLOAD_BIG);
	writer_zero(w, PAYLOAD_BIG_HEADER_LEN - PAYLOAD_HEADER_LEN);
	return w;
}

/* A payload that was begun with a 16-bit length turns out to need one of 32 bits. */
static void lengthen(struct message *m)
{
	const size_t body_at = m->payload_at + PAYLOAD_HEADER_LEN;
	const size_t more = PAYLOAD_BIG_HEADER_LEN - PAYLOAD_HEADER_LEN;
	const size_t n = m->w.n - body_at;

	writer_zero(&m->w, more);
	if (!writer_ok(&m->w))
		return;
	memmove(m->w.p + body_at + more, m->w.p + body_at, n);
	m->w.p[m->payload_at + 1] |= PAYLOAD_BIG;
	m->payload_big = true;
}

void message_payload_end(struct message *m)
{
	if (m->payload_at == 0) {
		fail(m, wrong_order);
		return;
	}
	if (m->w.n - m->payload_at > PAYLOAD_LEN_MAX && m->big_allowed && !m->payload_big &&
	    m->kind == MESSAGE_SK)
		lengthen(m);
	size_t len = m->w.n - m->payload_at;

	if (len > (m->payload_big ? UINT32_MAX : PAYLOAD_LEN_MAX))
		fail(m, too_long);
	else if (m->payload_big)
		writer_patch_u32(&m->w, m->payload_at + 2, (uint32_t)len);
	else
		writer_patch_u16(&m->w, m->payload_at + 2, len);
	m->payload_at = 0;
	m->payload_big = false;
}

void message_payload(struct message *m, uint8_t type, struct bytes body)
{
	writer_bytes(message_payload_begin(m, type), body);
	message_payload_end(m);
}

void message_payload_critical(struct message *m)
{
	if (m->payload_at == 0)
		fail(m, wrong_order);
	else
		writer_patch_u8(&m->w, m->payload_at + 1,
				(uint8_t)(PAYLOAD_CRITICAL | (m->payload_big ? PAYLOAD_BIG : 0)));
}

void message_sk_begin(struct message *m, size_t iv_len)
{
	if (m->payload_at != 0 || m->kind != MESSAGE_PLAIN) {
		fail(m, wrong_order);
		return;
	}
	m->kind = MESSAGE_SK;
	m->sk_at = m->w.n;
	/* SK's own Next Payload names the first payload inside (RFC 7296 3.14), so that the chain
	 * simply goes on. */
	generic_header(m, PAYLOAD_SK);
	m->iv_at = m->w.n;
	writer_zero(&m->w, iv_len);
	m->inner_at = m->w.n;
}

struct writer *message_skf_begin(struct message *m, uint8_t first, uint16_t number, uint16_t total,
				 size_t iv_len)
{
	if (m->payload_at != 0 || m->kind != MESSAGE_PLAIN || number == 0 || number > total) {
		fail(m, wrong_order);
		return &m->w;
	}
	m->kind = MESSAGE_FRAGMENT;
	m->sk_at = m->w.n;
	generic_header(m, PAYLOAD_SKF);
	if (number == 1)
		writer_patch_u8(&m->w, m->sk_at, first);
	writer_u16(&m->w, number);
	writer_u16(&m->w, total);
	m->iv_at = m->w.n;
	writer_zero(&m->w, iv_len);
	m->inner_at = m->w.n;
	return &m->w;
}

struct bytes message_inner(const struct message *m, uint8_t *first)
{
	*first = PAYLOAD_NONE;
	if (m->kind == MESSAGE_PLAIN || !writer_ok(&m->w))
		return bytes_of(NULL, 0);
	*first = m->w.p[m->sk_at];
	return bytes_of(m->w.p + m->inner_at, m->w.n - m->inner_at);
}

/* The error that a bad message ends with. */
static enum err verdict(const struct message *m)
{
	if (m->reason == wrong_order)
		return ERR_STATE;
	return m->reason == too_long || m->reason == sk_too_long || m->reason == all_too_long
		   ? ERR_RANGE
		   : ERR_LIMIT;
}

static enum err finish(struct message *m, struct bytes *out)
{
	if (m->w.n <= UINT32_MAX)
		writer_patch_u32(&m->w, IKE_LENGTH_AT, (uint32_t)m->w.n);
	else
		fail(m, all_too_long);
	if (!writer_ok(&m->w)) {
		if (m->reason == NULL)
			m->reason = "message: the buffer is too small";
		return verdict(m);
	}
	*out = writer_bytes_so_far(&m->w);
	return ERR_NONE;
}

enum err message_end(struct message *m, struct bytes *out)
{
	if (m->payload_at != 0 || m->kind != MESSAGE_PLAIN)
		fail(m, wrong_order);
	return finish(m, out);
}

enum err message_seal_layout(struct message *m, size_t block, size_t icv_len,
			     struct message_seal *out)
{
	if (m->payload_at != 0 || m->kind == MESSAGE_PLAIN || block == 0 || block > 256)
		fail(m, wrong_order);
	if (!writer_ok(&m->w) || block == 0)
		return finish(m, &out->message);

	/* RFC 7296 3.14: padding and Pad Length fill up the last block. */
	size_t over = (m->w.n - m->inner_at + 1) % block;
	size_t pad = over == 0 ? 0 : block - over;

	writer_zero(&m->w, pad);
	writer_u8(&m->w, (uint8_t)pad);
	size_t icv_at = m->w.n;
	writer_zero(&m->w, icv_len);
	if (m->w.n - m->sk_at > PAYLOAD_LEN_MAX)
		fail(m, sk_too_long);
	else
		writer_patch_u16(&m->w, m->sk_at + 2, m->w.n - m->sk_at);

	enum err e = finish(m, &out->message);
	if (e != ERR_NONE)
		return e;
	out->aad = bytes_of(m->w.p, m->iv_at);
	out->covered = bytes_of(m->w.p, icv_at);
	out->iv = m->w.p + m->iv_at;
	out->iv_len = m->inner_at - m->iv_at;
	out->plaintext = m->w.p + m->inner_at;
	out->plaintext_len = icv_at - m->inner_at;
	out->icv = m->w.p + icv_at;
	out->icv_len = icv_len;
	return ERR_NONE;
}
