#include "ike/ext/fragmentation.h"

#include <string.h>

#include "base/mem.h"
#include "ike/create_child.h"
#include "ike/exchanges.h"
#include "ike/ext/ext.h"
#include "wire/sk.h"

#define UDP_HEADER 8
#define MARKER     4
/* What a message may hold beside a key exchange: certificates, selectors, notifies. */
#define MESSAGE_OCTETS     65536
#define INTERMEDIATE_EXTRA 4096
/* And in IKE_AUTH from a peer that signs, unless the connection says otherwise: four certificates
 * (RFC 7296 3.6) and a signature, each up to 50 KB with SLH-DSA. */
#define AUTH_OCTETS ((size_t)256 << 10)
/* Fragments of all peers together that wait for their others. */
#define ASSEMBLING_MAX ((size_t)64 << 20)
#define PIECE_COST     48 /* of a piece beside its octets */

static void write_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	(void)ike;
	if (at == AT_INIT_REQUEST || (at == AT_INIT_RESPONSE && sa->fragmentation))
		message_notify(m, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, (struct bytes){0});
}

static bool read_notify(struct ike *ike, struct ike_sa *sa, enum ike_point at,
			const struct notify_part *n)
{
	(void)ike;
	if (n->type != NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED)
		return false;
	if (at == AT_INIT_REQUEST || at == AT_INIT_RESPONSE)
		sa->fragmentation = true;
	return true;
}

const struct ike_extension ext_fragmentation = {
    .name = "fragmentation",
    .document = "RFC 7383",
    .write = write_notify,
    .notify = read_notify,
};

void reassembly_free(struct ike_reassembly *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->total; i++)
		mem_free_secret(r->pieces[i].p, r->pieces[i].n);
	*r->held -= r->octets;
	if (r->counted != NULL)
		*r->counted -= r->cost;
	mem_free(r);
}

size_t fragment_limit(const struct ike_sa *sa)
{
	/* RFC 9329 7.5: no fragments over TCP, but for what no frame holds */
	if (sa->path.stream != 0)
		return FRAGMENT_STREAM_MAX;
	const size_t ip = sa->path.remote.addr.family == 6 ? 40 : 20;
	const size_t size = sa->datagram_max != 0 ? sa->datagram_max : FRAGMENT_DATAGRAM_STD;

	return size - ip - UDP_HEADER - (sa->path.natt ? MARKER : 0);
}

/* Octets of inner payloads that one fragment of `limit` octets holds, so that padding is least. */
static size_t chunk_of(const struct protect_suite *s, size_t limit)
{
	const size_t block = s->encr->kind == ENCR_KIND_CBC ? s->encr->block_len : 1;
	const size_t around = IKE_HEADER_LEN + PAYLOAD_HEADER_LEN + SKF_HEADER_LEN +
			      s->encr->iv_len + protect_icv_len(s);
	size_t text;

	if (limit <= around + block)
		return 0;
	text = (limit - around) / block * block; /* with the Pad Length octet */
	return text - 1;
}

static enum err cut_one(struct ike *ike, struct ike_sa *sa, const struct ike_header *h,
			struct writer *to, uint8_t first, uint16_t number, uint16_t total,
			struct bytes chunk)
{
	const struct protect_keys keys = ike_keys_protect(&sa->keys, sa->initiator);
	struct message m;
	struct bytes out;

	message_begin(&m, to->p + to->n, to->cap - to->n, h);
	/* RFC 7383 2.5: only the first names the type of the first payload inside. */
	writer_bytes(message_skf_begin(&m, number == 1 ? first : PAYLOAD_NONE, number, total,
				       ike_sk_iv_len(&sa->suite.protect)),
		     chunk);
	enum err e = ike_sk_seal(ike->crypto, &sa->suite.protect, &keys, &sa->iv_counter,
				 &ike->cb.random, &m, &out);
	to->n += e == ERR_NONE ? out.n : 0;
	return e;
}

enum err fragment_cut(struct ike *ike, struct ike_sa *sa, const struct ike_header *h, size_t limit,
		      struct ike_flight *f)
{
	const size_t chunk = chunk_of(&sa->suite.protect, limit);
	const size_t total = chunk == 0 ? 0 : (f->inner.n + chunk - 1) / chunk;
	struct reader r = reader_of(f->inner);
	size_t piece = 0;
	enum err e = ERR_NONE;

	if (total == 0 || total > UINT16_MAX)
		return ERR_RANGE;
	uint8_t *octets = mem_new(total * limit);
	if (octets == NULL)
		return ERR_NO_MEMORY;
	struct writer w = writer_of(octets, total * limit);
	for (size_t i = 0; i < total && e == ERR_NONE; i++) {
		const size_t n = reader_left(&r) < chunk ? reader_left(&r) : chunk;
		e = cut_one(ike, sa, h, &w, f->first, (uint16_t)(i + 1), (uint16_t)total,
			    reader_take(&r, n));
		if (i == 0)
			piece = w.n;
	}
	if (e) {
		mem_free(octets);
		return e;
	}
	mem_free(f->octets);
	f->octets = octets;
	f->len = w.n;
	f->piece = piece;
	return ERR_NONE;
}

void fragment_again(struct ike *ike, struct ike_sa *sa, struct ike_flight *f, size_t limit)
{
	struct ike_header h;
	const char *reason;

	if (f->block == NULL || f->piece <= limit ||
	    header_parse(&h, flight_datagram(f, 0), &reason))
		return;
	const size_t before = f->len;
	if (fragment_cut(ike, sa, &h, limit, f) == ERR_NONE)
		exchange_cut_again(sa, before, f->len);
}

/* Of an established IKE SA: a series of key exchanges may have come to a large one. */
static size_t followup_octets(const struct ike_sa *sa)
{
	size_t most = sa->message_max;

	for (const struct list *node = sa->followups.next; node != &sa->followups;
	     node = node->next) {
		const struct create_pending *p =
		    CONTAINER_OF(node, const struct create_pending, of_sa);
		unsigned next;
		const struct ke_desc *ke = ike_suite_addke(pending_suite(p), p->addke_place, &next);
		if (ke != NULL && ke->init_len + INTERMEDIATE_EXTRA > most)
			most = ke->init_len + INTERMEDIATE_EXTRA;
	}
	return most;
}

static size_t auth_octets_of(const struct ike_connection *c)
{
	if (c->remote_auth.kind == IKE_AUTH_BY_PSK)
		return MESSAGE_OCTETS;
	return c->auth_octets_max == 0 ? AUTH_OCTETS : (size_t)c->auth_octets_max;
}

/* Of IKE_AUTH: as responder, what any connection that the peer may turn out to have takes. */
static size_t auth_octets_max(struct ike *ike, const struct ike_sa *sa)
{
	size_t most = MESSAGE_OCTETS;

	if (sa->initiator)
		return auth_octets_of(sa->config);
	for (struct ike_conn *c = NULL; (c = ike_conn_match_path(ike, &sa->path, c)) != NULL;)
		if (auth_octets_of(c->config) > most)
			most = auth_octets_of(c->config);
	return most;
}

/* The most that one message of the peer's may hold: before it is authenticated what the key
 * exchange that is due needs, or IKE_AUTH, and no more. */
static size_t message_octets_max(struct ike *ike, const struct ike_sa *sa)
{
	unsigned next;
	const struct ke_desc *ke;

	if (sa->setup == NULL)
		return followup_octets(sa);
	ke = ike_suite_addke(&sa->suite, sa->setup->addke_place, &next);
	if (ke == NULL)
		return auth_octets_max(ike, sa);
	return (sa->initiator ? ke->resp_len : ke->init_len) + INTERMEDIATE_EXTRA;
}

/* RFC 7383 2.6: what can be seen to be wrong before anything is decrypted. */
static const char *refused(const struct ike_reassembly *r, const struct ike_header *h,
			   const struct sk_layout *at, size_t most)
{
	const size_t smallest = FRAGMENT_DATAGRAM_MIN - 40 - UDP_HEADER - MARKER - IKE_HEADER_LEN -
				PAYLOAD_HEADER_LEN - SKF_HEADER_LEN - ENCR_IV_MAX - ICV_MAX - 16;

	if (at->total > most / smallest + 2)
		return "the message would have too many fragments";
	if (r == NULL || r->message_id != h->message_id)
		return NULL;
	if (at->total < r->total)
		return "a fragment of a message that has been cut smaller since";
	if (at->total == r->total && r->pieces[at->number - 1].p != NULL)
		return "a fragment that is here already";
	return NULL;
}

static struct ike_reassembly *reassembly_new(struct ike *ike, const struct ike_header *h,
					     uint16_t total, uint64_t began)
{
	struct ike_reassembly *r = mem_new(sizeof(*r) + total * sizeof(r->pieces[0]));

	if (r != NULL) {
		r->message_id = h->message_id;
		r->total = total;
		r->header = *h;
		r->held = &ike->assembling;
		r->began = began;
	}
	return r;
}

static const char *piece_store(struct ike *ike, const struct ike_sa *sa, struct ike_reassembly *r,
			       const struct sk_layout *at, struct bytes chunk, size_t most)
{
	struct piece *p = &r->pieces[at->number - 1];
	const size_t cost =
	    chunk.n + PIECE_COST + (r->have == 0 ? r->total * sizeof(r->pieces[0]) : 0);
	size_t *counted;

	if (r->octets + chunk.n > most)
		return "the message would be longer than what was agreed needs";
	if (ike->assembling + chunk.n > ASSEMBLING_MAX)
		return "too many messages are being put together";
	if (!sa_count_early(ike, sa, cost, &counted))
		return "too much is held for peers that are not authenticated";
	if (counted != NULL) {
		r->counted = counted;
		r->cost += cost;
	}
	p->p = mem_copy(chunk);
	if (p->p == NULL)
		return "out of memory";
	p->n = chunk.n;
	r->octets += chunk.n;
	ike->assembling += chunk.n;
	r->have++;
	return NULL;
}

/* Takes in an authentic piece. */
static const char *piece_take(struct ike *ike, const struct ike_sa *sa, struct ike_reassembly **r,
			      const struct ike_header *h, const struct sk_layout *at,
			      struct bytes chunk, size_t datagram, size_t most)
{
	const char *refused_why;
	uint64_t began = ike->now;

	if (*r != NULL && (*r)->message_id == h->message_id)
		began = (*r)->began;
	if (*r != NULL && ((*r)->message_id != h->message_id || (*r)->total < at->total)) {
		reassembly_free(*r); /* cut anew, smaller: begin anew */
		*r = NULL;
	}
	if (*r == NULL)
		*r = reassembly_new(ike, h, at->total, began);
	if (*r == NULL)
		return "out of memory";
	refused_why = piece_store(ike, sa, *r, at, chunk, most);
	if (refused_why != NULL)
		return refused_why;
	if (at->number == 1)
		(*r)->first = at->first;
	(*r)->datagrams += datagram;
	if (datagram > (*r)->largest)
		(*r)->largest = (uint16_t)datagram;
	return NULL;
}

/* The whole message: IKE header as it would have been, then the inner payloads. */
static struct ike_inbound *assemble(struct ike_reassembly *r, const struct path *path,
				    const char **reason)
{
	struct ike_inbound *in = mem_new(sizeof(*in));
	const size_t len = IKE_HEADER_LEN + r->octets;
	struct writer w;

	*reason = "out of memory";
	if (in == NULL)
		return NULL;
	in->octets = mem_new(len);
	if (in->octets == NULL) {
		mem_free(in);
		return NULL;
	}
	in->len = len;
	in->datagrams = r->datagrams;
	in->began = r->began;
	in->path = *path;
	in->header = r->header;
	in->header.next_payload = PAYLOAD_SK; /* RFC 9242 3.3.2: as if never fragmented */
	in->header.length = (uint32_t)len;
	w = writer_of(in->octets, len);
	header_write(&w, &in->header);
	for (size_t i = 0; i < r->total; i++)
		writer_bytes(&w, bytes_of(r->pieces[i].p, r->pieces[i].n));
	in->sk.authentic = true;
	in->sk.first = r->first;
	in->sk.inner = bytes_of(in->octets + IKE_HEADER_LEN, r->octets);
	return in;
}

struct ike_inbound *fragment_input(struct ike *ike, struct ike_sa *sa, struct ike_reassembly **r,
				   const struct path *path, const struct ike_header *h,
				   struct bytes datagram, const char **reason)
{
	const struct protect_keys keys = ike_keys_protect(&sa->keys, !sa->initiator);
	const size_t most = message_octets_max(ike, sa);
	struct ike_inbound *in = NULL;
	uint8_t *octets;
	struct sk_layout at;
	struct bytes chunk;

	*reason = "fragmentation was not agreed";
	if (!sa->fragmentation)
		return NULL;
	octets = mem_copy(datagram);
	*reason = "out of memory";
	if (octets == NULL)
		return NULL;
	if (ike_skf_layout(&sa->suite.protect, h, bytes_of(octets, datagram.n), &at, reason))
		goto done;
	*reason = refused(*r, h, &at, most);
	if (*reason != NULL)
		goto done;
	/* RFC 7383 2.6: nothing is kept or thrown away for a fragment that is not authentic (N21).
	 */
	if (ike_skf_open(ike->crypto, &sa->suite.protect, &keys, octets, &at, &chunk, reason))
		goto done;
	*reason = piece_take(ike, sa, r, h, &at, chunk, datagram.n, most);
	if (*reason != NULL || (*r)->have < (*r)->total)
		goto done;
	in = assemble(*r, path, reason);
	sa->peer_piece = (*r)->largest;
	reassembly_free(*r);
	*r = NULL;
	/* What its pieces have set free is enough for it. */
	if (in != NULL && !sa_count_early(ike, sa, in->len, &in->counted)) {
		ike_inbound_free(in);
		in = NULL;
	}
done:
	mem_free_secret(octets, datagram.n);
	return in;
}

bool fragment_asks_again(struct ike *ike, struct ike_sa *sa, const struct ike_header *h,
			 struct bytes datagram)
{
	const struct protect_keys keys = ike_keys_protect(&sa->keys, !sa->initiator);
	uint8_t *octets = mem_copy(datagram);
	const char *reason;
	struct sk_layout at;
	struct bytes chunk;
	bool again = false;

	if (octets == NULL)
		return false;
	if (ike_skf_layout(&sa->suite.protect, h, bytes_of(octets, datagram.n), &at, &reason) ==
		ERR_NONE &&
	    at.number == 1) {
		again = true;
		/* The initiator tries smaller pieces: so do we, when it is really the initiator. */
		if (datagram.n < sa->peer_piece &&
		    ike_skf_open(ike->crypto, &sa->suite.protect, &keys, octets, &at, &chunk,
				 &reason) == ERR_NONE) {
			sa->peer_piece = (uint16_t)datagram.n;
			fragment_again(ike, sa, &sa->answer, datagram.n);
		}
	}
	mem_free_secret(octets, datagram.n);
	return again;
}

bool fragment_is_authentic(struct ike *ike, struct ike_sa *sa, const struct ike_header *h,
			   struct bytes datagram)
{
	const struct protect_keys keys = ike_keys_protect(&sa->keys, !sa->initiator);
	uint8_t *octets = mem_copy(datagram);
	const char *reason;
	struct sk_layout at;
	struct bytes chunk;

	if (octets == NULL)
		return false;
	const bool authentic = ike_skf_layout(&sa->suite.protect, h, bytes_of(octets, datagram.n),
					      &at, &reason) == ERR_NONE &&
			       ike_skf_open(ike->crypto, &sa->suite.protect, &keys, octets, &at,
					    &chunk, &reason) == ERR_NONE;
	mem_free_secret(octets, datagram.n);
	return authentic;
}
