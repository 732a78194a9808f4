/* Frames in a stream: however the octets are cut into pieces, the same comes out. Octet 0 chooses
 * the kind of stream, octet 1 the size of the pieces; the rest is the stream. */
#include <stdlib.h>
#include <string.h>

#include "net/stream.h"

#define MOST 70000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sum over all steps and bodies. */
static uint64_t run(uint8_t kind, struct bytes octets, size_t piece)
{
	struct stream_in in;
	uint64_t sum = 0;

	stream_in_start(&in, (kind & 1) != 0, (kind & 2) != 0, MOST);
	for (size_t at = 0; at < octets.n; at += piece) {
		size_t n = octets.n - at < piece ? octets.n - at : piece;
		struct bytes part = bytes_of(octets.p + at, n), body;
		enum stream_step step;
		bool kept;
		while ((step = stream_next(&in, &part, &body, &kept)) != STREAM_MORE) {
			sum = sum * 31 + (uint64_t)step;
			for (size_t i = 0; i < body.n; i++)
				sum = sum * 31 + body.p[i];
			if (body.n > MOST || (step == STREAM_IKE && body.n == 0))
				abort();
			if (step == STREAM_BROKEN)
				break;
		}
		if (step == STREAM_BROKEN)
			break;
		if (part.n != 0 || in.cap > 2 * (in.have > 1024 ? in.have : 1024))
			abort();
	}
	stream_in_clear(&in);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	struct bytes octets = bytes_of(data + 2, size - 2);
	size_t piece = (size_t)data[1] + 1;
	if (run(data[0], octets, piece) != run(data[0], octets, octets.n))
		abort();
	return 0;
}
