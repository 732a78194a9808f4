#include <string.h>

#include "crypto/key.h"

#define NAME_MAX_LEN 64

/* Letters and digits alone, small ones: "ML-DSA-65" and "mldsa65" are the same. */
static void plain(const char *text, char out[NAME_MAX_LEN])
{
	size_t n = 0;

	for (; *text != '\0' && n < NAME_MAX_LEN - 1; text++) {
		if (*text >= 'A' && *text <= 'Z')
			out[n++] = (char)(*text - 'A' + 'a');
		else if ((*text >= 'a' && *text <= 'z') || (*text >= '0' && *text <= '9'))
			out[n++] = *text;
	}
	out[n] = '\0';
}

uint64_t key_types_by_word(const char *word)
{
	static const char *const families[] = {"rsa", "ecdsa", "mldsa", "slhdsa", "mlkem"};
	const bool pq = strcmp(word, "pq") == 0;
	char wanted[NAME_MAX_LEN], name[NAME_MAX_LEN];
	bool family = false;
	uint64_t found = 0;

	plain(word, wanted);
	if (wanted[0] == '\0')
		return 0;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		family |= strcmp(wanted, families[i]) == 0;
	for (unsigned t = KEY_NONE + 1; t < KEY_TYPES; t++) {
		plain(key_type_name((enum key_type)t), name);
		if (pq ? key_type_is_pq((enum key_type)t)
		       : strcmp(name, wanted) == 0 ||
			     (family && strncmp(name, wanted, strlen(wanted)) == 0))
			found |= UINT64_C(1) << t;
	}
	return found;
}
