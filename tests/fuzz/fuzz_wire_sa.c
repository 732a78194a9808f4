/* The body of an SA payload, its first octet choosing what it is in. What is found good is written
 * again from what was read, and must come out as it came in, reserved octets aside. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wire/sa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Writes what was read; false when it holds what we never write. */
static bool write_again(struct bytes body, struct writer *w)
{
	struct sa_writer s = sa_write_begin(w);
	struct reader pr = sa_proposals(body);
	struct sa_proposal p;
	struct sa_transform t;

	while (sa_proposal_next(&pr, &p)) {
		struct reader tr = sa_transforms(&p);

		sa_write_proposal(&s, p.number, p.protocol, p.spi);
		while (sa_transform_next(&tr, &t)) {
			if (t.unusable || (t.has_key_bits && t.key_bits == 0))
				return false;
			sa_write_transform(&s, t.type, t.id, t.key_bits);
		}
		if (!reader_ok(&tr))
			abort();
	}
	if (!reader_ok(&pr))
		abort();
	sa_write_end(&s);
	return true;
}

/* Both say the same. */
static void compare(struct bytes a, struct bytes b)
{
	struct reader pa = sa_proposals(a);
	struct reader pb = sa_proposals(b);
	struct sa_proposal p, q;
	struct sa_transform t, u;

	while (sa_proposal_next(&pa, &p)) {
		if (!sa_proposal_next(&pb, &q) || p.number != q.number ||
		    p.protocol != q.protocol || !bytes_equal(p.spi, q.spi) ||
		    p.n_transforms != q.n_transforms)
			abort();
		struct reader ta = sa_transforms(&p);
		struct reader tb = sa_transforms(&q);

		while (sa_transform_next(&ta, &t)) {
			if (!sa_transform_next(&tb, &u) || t.type != u.type || t.id != u.id ||
			    t.key_bits != u.key_bits)
				abort();
		}
	}
	if (a.n != b.n || !reader_done(&pb))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sa_context c;
	struct bytes body;
	struct writer w;
	uint8_t *buf = NULL;

	if (n == 0)
		return 0;
	c = (struct sa_context){.response = data[0] & 1, .ike_spi_len = data[0] & 2 ? 8 : 0};
	body = bytes_of(data + 1, n - 1);
	if (sa_check(body, &c, NULL) != ERR_NONE)
		return 0;
	buf = mem_new(body.n);
	if (buf == NULL)
		return 0;
	w = writer_of(buf, body.n);
	if (write_again(body, &w)) {
		if (!writer_ok(&w) || sa_check(writer_bytes_so_far(&w), &c, NULL) != ERR_NONE)
			abort();
		compare(body, writer_bytes_so_far(&w));
	}
	mem_free(buf);
	return 0;
}
