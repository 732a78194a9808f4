/* The registry's names of the numbers in base/ikev2_numbers.h, for logs and status. Each function
 * returns constant text when the number is known; else it prints the number into buf ("payload 77",
 * "notify 12345") and returns buf. The result is valid as long as buf is. */
#ifndef POSTERN_BASE_IKEV2_NAMES_H
#define POSTERN_BASE_IKEV2_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define IKEV2_NAME_MAX 40

const char *exchange_name(unsigned type, char buf[IKEV2_NAME_MAX]);       /* "IKE_SA_INIT" */
const char *payload_name(unsigned type, char buf[IKEV2_NAME_MAX]);        /* "SA", "TSi" */
const char *protocol_name(unsigned id, char buf[IKEV2_NAME_MAX]);         /* "ESP" */
const char *transform_type_name(unsigned type, char buf[IKEV2_NAME_MAX]); /* "ENCR" */
/* The transform `id` of Transform Type `type`: "AES_GCM_16", "CURVE25519", without the type. */
const char *transform_name(unsigned type, unsigned id, char buf[IKEV2_NAME_MAX]);
const char *notify_name(unsigned type, char buf[IKEV2_NAME_MAX]);        /* "NO_PROPOSAL_CHOSEN" */
const char *auth_method_name(unsigned method, char buf[IKEV2_NAME_MAX]); /* "shared key" */
const char *hash_algorithm_name(unsigned id, char buf[IKEV2_NAME_MAX]);  /* "SHA2_256" */
const char *id_type_name(unsigned type, char buf[IKEV2_NAME_MAX]);       /* "FQDN" */
const char *cert_encoding_name(unsigned encoding, char buf[IKEV2_NAME_MAX]);
const char *ts_type_name(unsigned type, char buf[IKEV2_NAME_MAX]);
const char *cfg_type_name(unsigned type, char buf[IKEV2_NAME_MAX]);
const char *cfg_attribute_name(unsigned type, char buf[IKEV2_NAME_MAX]);

#endif
