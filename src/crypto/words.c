#include "crypto/words.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"
#include "crypto/algorithm.h"

/* Other spellings that people know. */
static const struct {
	const char *spelt;
	const char *word;
} aliases[] = {
    {"curve25519", "x25519"},
    {"curve448", "x448"},
    {"chachapoly", "chacha20poly1305"},
};

/* The mode after the key bits, as spelt beside the canonical form: the ICV of 16 octets may be
 * named, and plain "aes256" means CBC. */
static const struct {
	const char *spelt;
	const char *mode;
} modes[] = {
    {"", "cbc"},
    {"gcm16", "gcm"},
    {"ccm16", "ccm"},
};

static bool is_aes(const struct encr_desc *d)
{
	return d->has_key_length && strncmp(d->word, "aes", 3) == 0;
}

/* "aes" BITS MODE, where "aes" MODE is the descriptor's word. */
static enum err parse_aes(const char *word, struct algorithm_word *out)
{
	static const struct {
		const char *text;
		uint16_t bits;
	} sizes[] = {{"128", 128}, {"192", 192}, {"256", 256}};
	const char *mode;
	size_t n;
	const struct encr_desc *d = encr_all(&n);

	if (strncmp(word, "aes", 3) != 0)
		return ERR_NOT_FOUND;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		if (strncmp(word + 3, sizes[s].text, 3) != 0)
			continue;
		mode = word + 6;
		for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
			if (strcmp(mode, modes[i].spelt) == 0)
				mode = modes[i].mode;
		for (size_t i = 0; i < n; i++) {
			if (!is_aes(&d[i]) || strcmp(d[i].word + 3, mode) != 0 ||
			    !encr_takes_bits(&d[i], sizes[s].bits))
				continue;
			*out = (struct algorithm_word){TRANSFORM_ENCR, d[i].id, sizes[s].bits};
			return ERR_NONE;
		}
	}
	return ERR_NOT_FOUND;
}

enum err algorithm_word_parse(const char *word, struct algorithm_word *out)
{
	size_t n;
	const struct encr_desc *encr = encr_all(&n);
	const struct prf_desc *prf;
	const struct integ_desc *integ;
	const struct ke_desc *ke;
	const struct sskdf_desc *sskdf;

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(word, aliases[i].spelt) == 0)
			word = aliases[i].word;
	for (size_t i = 0; i < n; i++) {
		if (encr[i].has_key_length || strcmp(word, encr[i].word) != 0)
			continue;
		*out = (struct algorithm_word){TRANSFORM_ENCR, encr[i].id, 0};
		return ERR_NONE;
	}
	prf = prf_all(&n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(word, prf[i].word) != 0)
			continue;
		*out = (struct algorithm_word){TRANSFORM_PRF, prf[i].id, 0};
		return ERR_NONE;
	}
	integ = integ_all(&n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(word, integ[i].word) != 0)
			continue;
		*out = (struct algorithm_word){TRANSFORM_INTEG, integ[i].id, 0};
		return ERR_NONE;
	}
	sskdf = sskdf_all(&n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(word, sskdf[i].word) != 0)
			continue;
		*out = (struct algorithm_word){TRANSFORM_SSKDF, sskdf[i].id, 0};
		return ERR_NONE;
	}
	ke = ke_all(&n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(word, ke[i].word) != 0)
			continue;
		*out = (struct algorithm_word){TRANSFORM_KE, ke[i].id, 0};
		return ERR_NONE;
	}
	return parse_aes(word, out);
}

static bool is_ke(uint8_t type)
{
	return type == TRANSFORM_KE || (type >= TRANSFORM_ADDKE1 && type <= TRANSFORM_ADDKE7);
}

/* The descriptor's word for all but the AES ciphers; NULL when there is none. */
static const char *plain_word(const struct algorithm_word *w)
{
	const struct encr_desc *encr = w->type == TRANSFORM_ENCR ? encr_find(w->id) : NULL;
	const struct prf_desc *prf = w->type == TRANSFORM_PRF ? prf_find(w->id) : NULL;
	const struct integ_desc *integ = w->type == TRANSFORM_INTEG ? integ_find(w->id) : NULL;
	const struct ke_desc *ke = is_ke(w->type) ? ke_find(w->id) : NULL;

	if (encr != NULL)
		return !encr->has_key_length && encr_takes_bits(encr, w->key_bits) ? encr->word
										   : NULL;
	if (w->key_bits != 0)
		return NULL;
	if (prf != NULL)
		return prf->word;
	if (integ != NULL)
		return integ->word;
	if (w->type == TRANSFORM_SSKDF && sskdf_find(w->id) != NULL)
		return sskdf_find(w->id)->word;
	return ke != NULL ? ke->word : NULL;
}

static const char *type_label(uint8_t type)
{
	switch (type) {
	case TRANSFORM_ENCR:
		return "encr";
	case TRANSFORM_PRF:
		return "prf";
	case TRANSFORM_INTEG:
		return "integ";
	case TRANSFORM_SN:
		return "sn";
	case TRANSFORM_SSKDF:
		return "sskdf";
	default:
		return is_ke(type) ? "ke" : "transform";
	}
}

const char *algorithm_word_format(const struct algorithm_word *w, char buf[ALGORITHM_WORD_MAX])
{
	const char *plain = plain_word(w);
	const struct encr_desc *encr = w->type == TRANSFORM_ENCR ? encr_find(w->id) : NULL;

	if (plain != NULL)
		snprintf(buf, ALGORITHM_WORD_MAX, "%s", plain);
	else if (encr != NULL && is_aes(encr) && encr_takes_bits(encr, w->key_bits))
		snprintf(buf, ALGORITHM_WORD_MAX, "aes%u%s", w->key_bits, encr->word + 3);
	else if (w->key_bits != 0)
		snprintf(buf, ALGORITHM_WORD_MAX, "%s-%u/%u", type_label(w->type), w->id,
			 w->key_bits);
	else
		snprintf(buf, ALGORITHM_WORD_MAX, "%s-%u", type_label(w->type), w->id);
	return buf;
}

bool algorithm_word_is_weak(const struct algorithm_word *w)
{
	const struct prf_desc *prf = w->type == TRANSFORM_PRF ? prf_find(w->id) : NULL;
	const struct integ_desc *integ = w->type == TRANSFORM_INTEG ? integ_find(w->id) : NULL;

	return (prf != NULL && prf->weak) || (integ != NULL && integ->weak);
}
