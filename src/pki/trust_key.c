#include <stdio.h>

#include "pki/trust.h"

enum err trust_check_key(const struct trust_policy *policy, const struct public_key *key,
			 const struct public_key *const *configured, size_t n, char *reason,
			 size_t cap)
{
	const unsigned least = policy->rsa_bits_min != 0 ? policy->rsa_bits_min : RSA_BITS_MIN;
	const char *kind = key_type_name(public_key_type(key));

	if (public_key_type(key) == KEY_RSA && public_key_bits(key) < least) {
		(void)snprintf(reason, cap, "the peer's RSA key is too short");
		return ERR_AUTH;
	}
	if (policy->key_types != 0 && (policy->key_types >> public_key_type(key) & 1) == 0) {
		(void)snprintf(reason, cap,
			       "the peer's key, %s, is of no kind that remote-auth-algorithms "
			       "allows",
			       kind);
		return ERR_AUTH;
	}
	for (size_t i = 0; i < n; i++)
		if (public_key_equal(key, configured[i]))
			return ERR_NONE;
	(void)snprintf(reason, cap, "the peer's %s key is not one that is configured for it", kind);
	return ERR_AUTH;
}
