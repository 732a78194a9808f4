/* The Traffic Selector payloads TSi and TSr (RFC 7296 3.13), to and from struct selector. */
#ifndef POSTERN_WIRE_TS_H
#define POSTERN_WIRE_TS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/selector.h"

/* The Number of TSs field is one octet. */
#define TS_MAX 255

/* What ts_parse() found besides the selectors that it stored. */
struct ts_found {
	size_t n;           /* selectors stored */
	size_t dropped;     /* selectors that did not fit the array */
	size_t skipped;     /* traffic selectors of types that we do not know */
	size_t n_labels;    /* TS_SECLABEL selectors (RFC 9478) */
	struct bytes label; /* the first of them; borrows the payload */
};

/* Reads the body of a TS payload. The array has room for `cap` selectors. ERR_SYNTAX: lengths or
 * the count do not fit, there is no selector at all, a range ends before it starts, or ports do and
 * are not OPAQUE. ERR_LIMIT: well formed, but more than cap; the first cap are stored, and a
 * responder that narrows may go on with these. Only unknown types: ERR_NONE with found->n 0, to be
 * answered with TS_UNACCEPTABLE. */
enum err ts_parse(struct bytes body, struct selector *out, size_t cap, struct ts_found *found,
		  const char **reason);

/* Writes the body of a TS payload: n selectors (1..255 with the label), then the label unless it is
 * empty. A selector without an address family, or a wrong count, makes the writer bad. */
void ts_write(struct writer *w, const struct selector *s, size_t n, struct bytes label);

#endif
