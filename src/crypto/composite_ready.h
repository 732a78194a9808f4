/* Composite signatures, made known to the crypto library. */
#ifndef POSTERN_CRYPTO_COMPOSITE_READY_H
#define POSTERN_CRYPTO_COMPOSITE_READY_H

#include <stdbool.h>

/* Gives the library our provider and the object identifiers, once a process; later calls do
 * nothing. Whoever reads or makes keys, certificates or lists calls it first. Where it fails, for
 * want of memory, composite keys are of an unknown type and nothing else changes. The library
 * takes it back when the process ends. */
void composite_ready(void);

/* The library's number of a signature's object identifier is that of a composite one. */
bool composite_is_nid(int nid);

#endif
