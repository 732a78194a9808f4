/* What a connection knows about revocation by OCSP, and what it has to show of its own. */
#include <string.h>

#include "base/mem.h"
#include "daemon/build_private.h"
#include "daemon/values.h"
#include "pki/ocsp.h"

static struct bytes file_octets(const struct building *b, const char *name)
{
	const struct file *f = files_find(b->files, name);

	return f != NULL ? bytes_of(f->octets, f->n) : bytes_of(NULL, 0);
}

enum err build_responders(struct building *b, const struct config_section *s, struct trust *t)
{
	enum err e = ERR_NONE;

	for (const struct config_value *v = config_get(s, "ocsp-responder");
	     v != NULL && e == ERR_NONE; v = config_get_next(v)) {
		struct certificate *certs[RESPONDERS_MAX];
		const char *reason = "";
		size_t n = 0;

		e = certificates_parse(certs, RESPONDERS_MAX, &n, file_octets(b, v->text), &reason);
		for (size_t i = 0; i < n; i++) {
			reason = "there are more than 8 OCSP responders";
			if (e == ERR_NONE)
				e = trust_add_responder(t, certs[i]);
			certificate_free(certs[i]);
		}
		if (e != ERR_NONE && e != ERR_NO_MEMORY)
			errors_expected(b->errors, v->line, v->text,
					"certificates of OCSP responders in PEM: %s", reason);
	}
	return e;
}

/* It tells of one of the chain. */
static bool is_about(const struct ocsp *o, struct certificate *const *certs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ocsp_is_about(o, certs[i], i + 1 < n ? certs[i + 1] : NULL))
			return true;
	return false;
}

static enum err keep(struct bytes **all, size_t *n, size_t most, struct bytes der)
{
	if (*all == NULL)
		*all = mem_new(most * sizeof(**all));
	if (*all == NULL)
		return ERR_NO_MEMORY;
	if (*n == most)
		return ERR_LIMIT;
	(*all)[(*n)++] = der;
	return ERR_NONE;
}

static enum err put_response(struct ike_credential *to, struct bytes der)
{
	uint8_t *copy = mem_copy(der);
	enum err e = copy == NULL ? ERR_NO_MEMORY
				  : keep(&to->status, &to->n_status, OCSP_ANSWERS_MAX,
					 bytes_of(copy, der.n));

	if (e != ERR_NONE)
		mem_free(copy);
	return e;
}

/* The newest list by whoever issued the certificate. */
static enum err put_list(struct ike_credential *to, const struct certificate *cert,
			 const struct trust *t)
{
	const struct crl *best = NULL;
	uint8_t *der;
	size_t n;

	for (size_t i = 0; i < trust_crl_count(t); i++) {
		const struct crl *c = trust_crl(t, i);

		if (strcmp(crl_issuer(c), certificate_issuer(cert)) == 0 &&
		    (best == NULL || crl_this_update(c) > crl_this_update(best)))
			best = c;
	}
	if (best == NULL)
		return ERR_NONE;
	enum err e = crl_der(best, &der, &n);
	if (e == ERR_NONE)
		e = keep(&to->lists, &to->n_lists, CERTIFICATES_MAX, bytes_of(der, n));
	if (e != ERR_NONE)
		mem_free(der);
	return e;
}

enum err build_status(struct building *b, const struct config_section *s, struct ike_credential *to,
		      struct certificate *const *certs, size_t n, const struct trust *t,
		      uint64_t *used)
{
	const char *send = config_text(s, "send-crl");
	enum err e = ERR_NONE;
	bool lists = false;
	unsigned i = 0;

	for (const struct config_value *v = config_get(s, "ocsp-response");
	     v != NULL && e == ERR_NONE; v = config_get_next(v), i++) {
		const char *reason = "there are more than 8 of them for one chain";
		struct ocsp *o = NULL;

		e = ocsp_parse(&o, file_octets(b, v->text), &reason);
		if (e == ERR_NONE && is_about(o, certs, n)) {
			*used |= UINT64_C(1) << (i & 63);
			reason = "there are more than 8 of them for one chain";
			e = put_response(to, ocsp_der(o));
		}
		ocsp_free(o);
		if (e != ERR_NONE && e != ERR_NO_MEMORY)
			errors_expected(b->errors, v->line, v->text, "an OCSP response in DER: %s",
					reason);
	}
	if (send == NULL || !value_bool(&lists, send) || !lists)
		return e;
	for (size_t k = 0; k < n && e == ERR_NONE; k++)
		e = put_list(to, certs[k], t);
	return e;
}

enum err build_status_used(struct building *b, const struct config_section *s, uint64_t used)
{
	enum err e = ERR_NONE;
	unsigned i = 0;

	for (const struct config_value *v = config_get(s, "ocsp-response"); v != NULL;
	     v = config_get_next(v), i++) {
		if ((used >> (i & 63) & 1) != 0)
			continue;
		errors_expected(b->errors, v->line, v->text,
				"an OCSP response about a certificate of cert");
		e = ERR_SYNTAX;
	}
	return e;
}
