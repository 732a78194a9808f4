/* A configuration on its way from the parent to a process that may know only part of it: to the
 * keys process the secrets alone, to the ike process everything else. Read with the same care as
 * anything from outside. */
#ifndef POSTERN_DAEMON_BUNDLE_H
#define POSTERN_DAEMON_BUNDLE_H

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"
#include "daemon/config.h"
#include "daemon/files.h"

#define BUNDLE_OCTETS_MAX (64U << 20)

enum bundle_kind {
	BUNDLE_KEYS, /* sections `secret`, and secret files */
	BUNDLE_IKE,  /* all sections (a secret's names its file, no more), and public files */
};

/* What the keys process tells of each private key. */
struct key_info {
	const char *name; /* borrowed from the message */
	enum key_type type;
	struct bytes spki; /* DER SubjectPublicKeyInfo; borrowed */
};

/* Allocates *out (n octets); the caller frees it by mem_free_secret(). keys: the keys process'
 * answer (key_infos), carried along to the ike process; empty for BUNDLE_KEYS. */
enum err bundle_write(enum bundle_kind kind, const struct config *c, const struct files *f,
		      struct bytes keys, uint8_t **out, size_t *n);
/* c and f are initialised by the callee, and to be cleared also on failure. *keys borrows from
 * octets. ERR_SYNTAX: cut, trailing octets, unknown options, a value that its option does not take.
 */
enum err bundle_read(enum bundle_kind kind, struct bytes octets, struct config *c, struct files *f,
		     struct bytes *keys);

/* One key's information at the end of w; the next from r, whose name must be NUL-terminated in it.
 */
void key_info_write(struct writer *w, const struct key_info *k);
enum err key_info_read(struct reader *r, struct key_info *k);

#endif
