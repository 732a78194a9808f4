#include "ike/flight.h"

#include "base/mem.h"
#include "ike/engine.h"

void flight_clear(struct ike_flight *f)
{
	mem_free(f->octets);
	mem_free_secret(f->block, f->block_len);
	*f = (struct ike_flight){0};
}

enum err flight_set(struct ike_flight *f, struct bytes datagram)
{
	uint8_t *copy = mem_copy(datagram);

	if (copy == NULL)
		return ERR_NO_MEMORY;
	flight_clear(f);
	f->octets = copy;
	f->len = f->piece = datagram.n;
	return ERR_NONE;
}

size_t flight_count(const struct ike_flight *f)
{
	return f->octets == NULL ? 0 : (f->len + f->piece - 1) / f->piece;
}

struct bytes flight_datagram(const struct ike_flight *f, size_t i)
{
	const size_t at = i * f->piece;

	return bytes_of(f->octets + at, f->len - at < f->piece ? f->len - at : f->piece);
}

void flight_send(struct ike *ike, const struct path *path, const struct ike_flight *f)
{
	for (size_t i = 0; i < flight_count(f); i++)
		ike_send(ike, path, flight_datagram(f, i));
}
