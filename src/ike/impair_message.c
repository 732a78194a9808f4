/* Faults inside a message: of its header, of its payloads, of its protection. */
#include <string.h>

#include "base/mem.h"
#include "ike/impair.h"
#include "wire/sk.h"

#define SPI_I_AT    0
#define VERSION_AT  17
#define EXCHANGE_AT 18
#define FLAGS_AT    19

/* No registry of IANA assigns these. */
#define UNKNOWN_PAYLOAD   127
#define UNKNOWN_TRANSFORM 1023

/* The chain of one message while it is rewritten. */
struct rewrite {
	struct faults *f;
	uint8_t flags, exchange;
	size_t start;   /* offset of the chain in the message */
	size_t next_at; /* and of the octet that names its first payload */
	uint8_t *copy;  /* of the chain as it was; owned */
	struct payloads ps;
	bool changed;
};

/* Octet i of a payload's body, to be changed. */
static uint8_t *octet(struct rewrite *r, const struct payload *p, size_t i)
{
	return r->copy + (p->body.p - r->copy) + i;
}

static void flip_last(struct rewrite *r, struct payload *p)
{
	uint8_t *last = octet(r, p, p->body.n - 1);

	*last ^= 1;
}

static void shorten_nonce(struct rewrite *r, struct payload *p)
{
	const uint64_t n = fault_arg(r->f, FAULT_SHORT_NONCE, 8);

	if (n < p->body.n)
		p->body.n = (size_t)n;
}

static void name_other_method(struct rewrite *r, struct payload *p)
{
	const uint64_t method = fault_arg(r->f, FAULT_WRONG_KE_METHOD, KE_MODP_1024);

	*octet(r, p, 0) = (uint8_t)(method >> 8);
	*octet(r, p, 1) = (uint8_t)method;
}

static void shorten_ke(struct rewrite *r, struct payload *p)
{
	const uint64_t cut = fault_arg(r->f, FAULT_WRONG_KE_LENGTH, 1);

	if (cut < p->body.n)
		p->body.n -= (size_t)cut;
}

/* RFC 7296 3.3.1, 3.3.2: the Transform ID lies six octets into the first transform, which follows
 * the proposal's eight octets and its SPI. */
static void change_proposal(struct rewrite *r, struct payload *p)
{
	const size_t at = 8U + *octet(r, p, 6) + 6U;

	if (at + 2 > p->body.n)
		return;
	*octet(r, p, at) = UNKNOWN_TRANSFORM >> 8;
	*octet(r, p, at + 1) = UNKNOWN_TRANSFORM & 0xff;
}

/* RFC 7296 3.13.1: every range of addresses becomes the whole family's. */
static void widen(struct rewrite *r, struct payload *p)
{
	size_t at = 4;

	while (at + 8 < p->body.n) {
		const size_t len = (size_t)*octet(r, p, at + 2) << 8 | *octet(r, p, at + 3);
		if (len < 16 || at + len > p->body.n)
			return;
		const size_t half = (len - 8) / 2;
		memset(octet(r, p, at + 8), 0, half);
		memset(octet(r, p, at + 8 + half), 0xff, half);
		at += len;
	}
}

static void widen_both(struct rewrite *r, struct payload *p)
{
	widen(r, p);
	for (size_t i = 0; i < r->ps.n; i++)
		if (r->ps.p[i].type == PAYLOAD_TSR)
			widen(r, &r->ps.p[i]);
}

static uint16_t notify_type(struct rewrite *r, const struct payload *p)
{
	if (p->type != PAYLOAD_NOTIFY || p->body.n < 4)
		return 0;
	return (uint16_t)(*octet(r, p, 2) << 8 | *octet(r, p, 3));
}

static void flip_hashes(struct rewrite *r, struct payload *first)
{
	(void)first;
	for (size_t i = 0; i < r->ps.n; i++) {
		struct payload *p = &r->ps.p[i];
		const uint16_t type = notify_type(r, p);
		if (type == NOTIFY_NAT_DETECTION_SOURCE_IP ||
		    type == NOTIFY_NAT_DETECTION_DESTINATION_IP)
			flip_last(r, p);
	}
}

enum when { ALWAYS, REQUESTS, RESPONSES, OF_INITIATOR, OF_RESPONDER };

/* Faults of one payload's body. A fault is asked for only when the message has what it is about. */
static const struct {
	enum fault which;
	uint8_t payload;
	uint16_t notify; /* 0: any */
	enum when when;
	void (*edit)(struct rewrite *r, struct payload *p);
} edits[] = {
    {FAULT_SHORT_NONCE, PAYLOAD_NONCE, 0, ALWAYS, shorten_nonce},
    {FAULT_WRONG_KE_METHOD, PAYLOAD_KE, 0, ALWAYS, name_other_method},
    {FAULT_WRONG_KE_LENGTH, PAYLOAD_KE, 0, ALWAYS, shorten_ke},
    {FAULT_WRONG_PROPOSAL, PAYLOAD_SA, 0, RESPONSES, change_proposal},
    {FAULT_WRONG_SELECTORS, PAYLOAD_TSI, 0, RESPONSES, widen_both},
    {FAULT_WRONG_ID, PAYLOAD_IDI, 0, OF_INITIATOR, flip_last},
    {FAULT_WRONG_ID, PAYLOAD_IDR, 0, OF_RESPONDER, flip_last},
    {FAULT_BAD_AUTH, PAYLOAD_AUTH, 0, ALWAYS, flip_last},
    {FAULT_WRONG_COOKIE, PAYLOAD_NOTIFY, NOTIFY_COOKIE, REQUESTS, flip_last},
    {FAULT_WRONG_NAT_HASH, PAYLOAD_NOTIFY, NOTIFY_NAT_DETECTION_SOURCE_IP, ALWAYS, flip_hashes},
};

static bool is_time(const struct rewrite *r, enum when when)
{
	switch (when) {
	case REQUESTS:
		return (r->flags & HEADER_RESPONSE) == 0;
	case RESPONSES:
		return (r->flags & HEADER_RESPONSE) != 0;
	case OF_INITIATOR:
		return (r->flags & HEADER_INITIATOR) != 0;
	case OF_RESPONDER:
		return (r->flags & HEADER_INITIATOR) == 0;
	case ALWAYS:
		break;
	}
	return true;
}

static void edit_bodies(struct rewrite *r)
{
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		if (!is_time(r, edits[i].when))
			continue;
		for (size_t j = 0; j < r->ps.n; j++) {
			struct payload *p = &r->ps.p[j];
			if (p->type != edits[i].payload || p->body.n == 0 ||
			    (edits[i].notify != 0 && notify_type(r, p) != edits[i].notify))
				continue;
			if (!fault_active(r->f, edits[i].which))
				break;
			edits[i].edit(r, p);
			r->changed = true;
			break;
		}
	}
}

/* The argument of a fault about whole payloads: a type, and above it an exchange type, 0 for any.
 * False: this message is not meant. */
static bool is_meant(const struct rewrite *r, enum fault which, uint64_t otherwise, uint8_t *type)
{
	const uint64_t arg = fault_arg(r->f, which, otherwise);

	*type = (uint8_t)arg;
	return r->f->state[which].on && (arg >> 8 == 0 || arg >> 8 == r->exchange);
}

/* The index of a payload of this type (0: the first of all); r->ps.n when there is none. */
static size_t index_of(const struct rewrite *r, uint8_t type)
{
	size_t i = 0;

	while (i < r->ps.n && type != 0 && r->ps.p[i].type != type)
		i++;
	return i;
}

static void insert(struct rewrite *r, size_t at, struct payload p)
{
	if (r->ps.n == PAYLOADS_MAX)
		return;
	memmove(&r->ps.p[at + 1], &r->ps.p[at], (r->ps.n - at) * sizeof(p));
	r->ps.p[at] = p;
	r->ps.n++;
	r->changed = true;
}

static void edit_chain(struct rewrite *r)
{
	uint8_t type;
	size_t i;

	if (is_meant(r, FAULT_OMIT_PAYLOAD, 0, &type) && (i = index_of(r, type)) < r->ps.n &&
	    fault_active(r->f, FAULT_OMIT_PAYLOAD)) {
		r->ps.n--;
		memmove(&r->ps.p[i], &r->ps.p[i + 1], (r->ps.n - i) * sizeof(r->ps.p[0]));
		r->changed = true;
	}
	if (is_meant(r, FAULT_REPEAT_PAYLOAD, 0, &type) && (i = index_of(r, type)) < r->ps.n &&
	    fault_active(r->f, FAULT_REPEAT_PAYLOAD))
		insert(r, i, r->ps.p[i]);
	if (is_meant(r, FAULT_UNKNOWN_CRITICAL, UNKNOWN_PAYLOAD, &type) &&
	    fault_active(r->f, FAULT_UNKNOWN_CRITICAL))
		insert(r, 0, (struct payload){.type = type, .critical = true});
	if (is_meant(r, FAULT_UNKNOWN_PAYLOAD, UNKNOWN_PAYLOAD, &type) &&
	    fault_active(r->f, FAULT_UNKNOWN_PAYLOAD))
		insert(r, 0, (struct payload){.type = type});
}

static void write_back(const struct rewrite *r, struct message *m)
{
	m->w.n = r->start;
	m->next_at = r->next_at;
	writer_patch_u8(&m->w, m->next_at, PAYLOAD_NONE);
	for (size_t i = 0; i < r->ps.n; i++) {
		const struct payload *p = &r->ps.p[i];
		writer_bytes(message_payload_begin(m, p->type), p->body);
		if (p->critical)
			message_payload_critical(m);
		message_payload_end(m);
	}
}

static void edit_header(struct faults *f, struct writer *w)
{
	uint8_t *h = w->p;
	struct reader r = reader_of(bytes_of(h + IKE_MESSAGE_ID_AT, 4));

	if (fault_active(f, FAULT_WRONG_SPI)) {
		/* ours is SPIi when we are the original initiator */
		const bool ours = fault_arg(f, FAULT_WRONG_SPI, 0) == 0;
		const bool first = ours == ((h[FLAGS_AT] & HEADER_INITIATOR) != 0);
		h[SPI_I_AT + (first ? 0 : IKE_SPI_LEN)] ^= 0xff;
	}
	if (fault_active(f, FAULT_WRONG_VERSION))
		h[VERSION_AT] = (uint8_t)fault_arg(f, FAULT_WRONG_VERSION, 0x30);
	if (fault_active(f, FAULT_WRONG_EXCHANGE))
		h[EXCHANGE_AT] = (uint8_t)fault_arg(f, FAULT_WRONG_EXCHANGE, 99);
	if (fault_active(f, FAULT_WRONG_FLAGS))
		h[FLAGS_AT] ^= (uint8_t)fault_arg(f, FAULT_WRONG_FLAGS, HEADER_RESPONSE);
	if (fault_active(f, FAULT_WRONG_MESSAGE_ID))
		writer_patch_u32(
		    w, IKE_MESSAGE_ID_AT,
		    (uint32_t)(reader_u32(&r) + fault_arg(f, FAULT_WRONG_MESSAGE_ID, 1)));
}

static void edit_payloads(struct rewrite *r, struct message *m)
{
	const struct bytes chain = bytes_of(m->w.p + r->start, m->w.n - r->start);
	const char *reason;

	r->copy = mem_copy(chain);
	if (r->copy == NULL ||
	    payloads_parse(&r->ps, m->kind == MESSAGE_SK ? PAYLOADS_INNER : PAYLOADS_OUTER,
			   m->w.p[r->next_at], bytes_of(r->copy, chain.n), &reason))
		return;
	edit_bodies(r);
	edit_chain(r);
	if (r->changed)
		write_back(r, m);
	/* Of the last payload, so that it reaches beyond the end. */
	if (r->ps.n > 0 && fault_active(r->f, FAULT_WRONG_PAYLOAD_LENGTH))
		writer_patch_u16(&m->w, m->next_at + 2,
				 4 + r->ps.p[r->ps.n - 1].body.n +
				     (size_t)fault_arg(r->f, FAULT_WRONG_PAYLOAD_LENGTH, 1));
}

void impair_message(struct ike *ike, struct message *m)
{
	struct rewrite *r;

	if (ike->cb.faults == NULL || !writer_ok(&m->w) || m->payload_at != 0)
		return;
	r = mem_new(sizeof(*r));
	if (r == NULL)
		return;
	r->f = ike->cb.faults;
	r->flags = m->w.p[FLAGS_AT];
	r->exchange = m->w.p[EXCHANGE_AT];
	r->start = m->kind == MESSAGE_SK ? m->inner_at : IKE_HEADER_LEN;
	r->next_at = m->kind == MESSAGE_SK ? m->sk_at : IKE_NEXT_AT;
	edit_payloads(r, m);
	edit_header(r->f, &m->w);
	mem_free(r->copy);
	mem_free(r);
}

/* A new IV: the one that the octets have has been used (RFC 5282 3.1). */
static void fresh_iv(struct ike *ike, struct ike_sa *sa, uint8_t *iv, size_t n)
{
	struct writer w = writer_of(iv, n);

	if (sa->suite.protect.encr->kind == ENCR_KIND_CBC)
		ike_random(ike, iv, n);
	else
		writer_u64(&w, sa->iv_counter++);
}

/* Opens, says that there is more padding than there are octets, and seals again. */
static enum err lie_about_padding(struct ike *ike, struct ike_sa *sa, uint8_t *octets, size_t n)
{
	const struct protect_keys keys = ike_keys_protect(&sa->keys, sa->initiator);
	const struct protect_suite *suite = &sa->suite.protect;
	const size_t body = IKE_HEADER_LEN + PAYLOAD_HEADER_LEN;
	const struct payload sk = {.type = PAYLOAD_SK,
				   .next = octets[IKE_HEADER_LEN],
				   .body = bytes_of(octets + body, n - body)};
	struct sk_layout at;
	enum err e = sk_split(&at, bytes_of(octets, n), &sk, suite->encr->iv_len,
			      protect_icv_len(suite), NULL);
	struct protect_unit u = {.aad = at.aad, .iv = at.iv};

	if (e)
		return e;
	u.text = octets + at.ciphertext_at;
	u.text_len = at.ciphertext.n;
	u.icv = octets + at.icv_at;
	e = protect_open(ike->crypto, suite, &keys, &u);
	if (e)
		return e;
	/* More than there is, or, of a long message, payloads taken for padding. */
	u.text[u.text_len - 1] = 0xff;
	fresh_iv(ike, sa, octets + at.iv_at, at.iv.n);
	return protect_seal(ike->crypto, suite, &keys, &u);
}

enum err impair_sealed(struct ike *ike, struct ike_sa *sa, struct bytes octets)
{
	uint8_t *message = ike->buffer;
	enum err e = ERR_NONE;

	if (ike->cb.faults == NULL || octets.p != message)
		return ERR_NONE;
	if (fault_active(ike->cb.faults, FAULT_BAD_PADDING))
		e = lie_about_padding(ike, sa, message, octets.n);
	if (fault_active(ike->cb.faults, FAULT_BAD_ICV))
		message[octets.n - 1] ^= 1;
	return e;
}
