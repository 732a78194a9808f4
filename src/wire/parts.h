/* The bodies (what follows the generic header) of the smaller payloads: each a small struct of
 * values and spans that borrow the payload, a parser and a writer. Parsers return ERR_SYNTAX when
 * the octets break the format; reserved fields are ignored on receipt and written as zero. */
#ifndef POSTERN_WIRE_PARTS_H
#define POSTERN_WIRE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ikev2_numbers.h"

#define NONCE_MIN 16 /* RFC 7296 3.9 */
#define NONCE_MAX 256

/* Key Exchange (RFC 7296 3.4, RFC 9370). Sizes by method are crypto/'s to check; data is never
 * empty. */
struct ke_part {
	uint16_t method;
	struct bytes data;
};
enum err ke_parse(struct bytes body, struct ke_part *out, const char **reason);
void ke_write(struct writer *w, uint16_t method, struct bytes data);

/* Identification (RFC 7296 3.5). MACedIDFor (2.15) covers the body as received, with its reserved
 * octets: use payload.body for that. The addresses have their right size; the rest may be empty. */
struct id_part {
	uint8_t type;
	struct bytes data;
};
enum err id_parse(struct bytes body, struct id_part *out, const char **reason);
void id_write(struct writer *w, uint8_t type, struct bytes data);

/* Certificate (RFC 7296 3.6). */
struct cert_part {
	uint8_t encoding;
	struct bytes data; /* never empty */
};
enum err cert_parse(struct bytes body, struct cert_part *out, const char **reason);
void cert_write(struct writer *w, uint8_t encoding, struct bytes data);

/* Certificate Request (RFC 7296 3.7): for X.509 a row of 20-octet SHA-1 hashes of the CAs' public
 * keys. It is a hint: a row that is no multiple of 20 gives certreq_hashes() 0, and no error. */
#define CERTREQ_HASH_LEN 20
struct certreq_part {
	uint8_t encoding;
	struct bytes data; /* may be empty */
};
enum err certreq_parse(struct bytes body, struct certreq_part *out, const char **reason);
void certreq_write(struct writer *w, uint8_t encoding, struct bytes data);
size_t certreq_hashes(const struct certreq_part *c);
struct bytes certreq_hash(const struct certreq_part *c, size_t i);

/* Authentication (RFC 7296 3.8). */
struct auth_part {
	uint8_t method;
	struct bytes data;
};
enum err auth_parse(struct bytes body, struct auth_part *out, const char **reason);
void auth_write(struct writer *w, uint8_t method, struct bytes data);

/* The data of AUTH method 14: DER AlgorithmIdentifier and signature value (RFC 7427 3). Neither is
 * empty. A fault here is an authentication failure, not INVALID_SYNTAX. */
struct auth_signature {
	struct bytes algorithm;
	struct bytes value;
};
enum err auth_signature_parse(struct bytes data, struct auth_signature *out, const char **reason);
/* The whole AUTH body with method 14. algorithm has 1..255 octets. */
void auth_signature_write(struct writer *w, struct bytes algorithm, struct bytes value);

/* Nonce (RFC 7296 3.9): 16 to 256 octets, the body itself. */
enum err nonce_parse(struct bytes body, struct bytes *out, const char **reason);
void nonce_write(struct writer *w, struct bytes nonce);

/* Notify (RFC 7296 3.10). protocol means nothing when the SPI is empty, but for CHILDLESS (RFC
 * 6023). An SPI of AH or ESP has four octets. */
struct notify_part {
	uint8_t protocol;
	uint16_t type;
	struct bytes spi;
	struct bytes data;
};
enum err notify_parse(struct bytes body, struct notify_part *out, const char **reason);
void notify_write(struct writer *w, uint8_t protocol, struct bytes spi, uint16_t type,
		  struct bytes data);
/* Below NOTIFY_FIRST_STATUS (RFC 7296 3.10.1). */
static inline bool notify_is_error(uint16_t type)
{
	return type < NOTIFY_FIRST_STATUS;
}
/* The SPI as a number when it has four octets, else 0 (which is never a valid SPI). */
uint32_t notify_spi32(const struct notify_part *n);

/* Delete (RFC 7296 3.11): the IKE SA itself (no SPIs), or `count` Child SAs by the SPIs that the
 * sender expects in packets toward it. */
struct delete_part {
	uint8_t protocol;
	uint8_t spi_len; /* 0 for IKE, 4 for AH and ESP */
	uint16_t count;
	struct bytes spis;
};
enum err delete_parse(struct bytes body, struct delete_part *out, const char **reason);
/* The i-th SPI of AH or ESP; 0 when there is none. */
uint32_t delete_spi32(const struct delete_part *d, size_t i);
void delete_write_ike(struct writer *w);
/* spis: count numbers in host order; count up to 65535. */
void delete_write_child(struct writer *w, uint8_t protocol, const uint32_t *spis, size_t count);

/* Vendor ID (RFC 7296 3.12) is opaque: the body itself. */

/* Configuration (RFC 7296 3.15): a type and a row of attributes, walked by cp_next(). */
struct cp_part {
	uint8_t type;
	struct bytes attributes;
};
struct cp_attribute {
	uint16_t type;
	struct bytes value;
};
/* Checks that the attributes end exactly with the payload. */
enum err cp_parse(struct bytes body, struct cp_part *out, const char **reason);
/* struct reader r = reader_of(cp.attributes); while (cp_next(&r, &a)) ... */
bool cp_next(struct reader *r, struct cp_attribute *a);
/* The length is one that the RFC allows for this type; true for types that we do not know. An
 * attribute of another length is to be ignored. */
bool cp_attribute_length_ok(uint16_t type, size_t len);
void cp_write_begin(struct writer *w, uint8_t type);
void cp_write_attribute(struct writer *w, uint16_t type, struct bytes value);

/* Extensible Authentication (RFC 7296 3.16, RFC 3748 4): `message` is the EAP message whole. */
enum eap_code {
	EAP_REQUEST = 1,
	EAP_RESPONSE = 2,
	EAP_SUCCESS = 3,
	EAP_FAILURE = 4,
};
struct eap_part {
	uint8_t code; /* enum eap_code */
	uint8_t identifier;
	uint8_t type;      /* 0 in Success and Failure */
	struct bytes data; /* after the type */
	struct bytes message;
};
enum err eap_parse(struct bytes body, struct eap_part *out, const char **reason);

#endif
