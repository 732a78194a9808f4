#include "daemon/expiry.h"

#include <stdio.h>
#include <time.h>

#include "pki/certificate.h"

#define DAY 86400

static void note(struct expiry *e, enum expiry_kind kind, int64_t at, const char *name)
{
	if (e->name[0] != '\0' && e->at <= at)
		return;
	e->kind = kind;
	e->at = at;
	(void)snprintf(e->name, sizeof(e->name), "%s", name);
}

static void note_own(const struct ike_local_auth *a, struct expiry *e)
{
	for (size_t i = 0; i < a->n_credentials; i++) {
		for (size_t k = 0; k < a->credentials[i].n_certs; k++) {
			struct certificate *c;
			const char *reason;

			if (certificate_parse(&c, a->credentials[i].certs[k], &reason) != ERR_NONE)
				continue;
			note(e, EXPIRY_OWN, certificate_not_after(c), certificate_subject(c));
			certificate_free(c);
		}
	}
}

size_t expiry_find(const struct ike_connection *c, struct expiry out[EXPIRY_KINDS])
{
	const struct trust *t = c->remote_auth.trust;
	struct expiry found[EXPIRY_KINDS] = {{0}};
	size_t n = 0;

	if (c->local_auth.kind == IKE_AUTH_BY_CERT)
		note_own(&c->local_auth, &found[EXPIRY_OWN]);
	for (size_t i = 0; t != NULL && i < trust_ca_count(t); i++)
		note(&found[EXPIRY_CA], EXPIRY_CA, certificate_not_after(trust_ca(t, i)),
		     certificate_subject(trust_ca(t, i)));
	for (size_t i = 0; t != NULL && i < trust_crl_count(t); i++)
		note(&found[EXPIRY_CRL], EXPIRY_CRL, crl_next_update(trust_crl(t, i)),
		     crl_issuer(trust_crl(t, i)));
	for (size_t i = 0; i < EXPIRY_KINDS; i++)
		if (found[i].name[0] != '\0')
			out[n++] = found[i];
	return n;
}

bool expiry_is_soon(const struct expiry *e, int64_t now)
{
	return e->at - now < (e->kind == EXPIRY_CRL ? 2 : 30) * DAY;
}

const char *expiry_word(enum expiry_kind kind)
{
	static const char *const words[EXPIRY_KINDS] = {"our certificate", "the CA",
							"the revocation list of"};

	return words[kind];
}

static void warn(const struct log *log, const char *connection, const struct expiry *e, int64_t now)
{
	const struct log_field fields[] = {{"connection", connection}};
	time_t at = (time_t)e->at;
	char date[16] = "?";
	struct tm tm;

	if (gmtime_r(&at, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	if (e->at <= now)
		log_write(log, LOG_WARN, fields, 1, "%s %s is over since %s", expiry_word(e->kind),
			  e->name, date);
	else
		log_write(log, LOG_WARN, fields, 1, "%s %s is over in %lld days, on %s",
			  expiry_word(e->kind), e->name, (long long)((e->at - now) / DAY), date);
}

void expiry_warn(const struct log *log, struct ike_connection *const *connections, size_t n,
		 int64_t now)
{
	const struct trust *last = NULL;
	struct expiry found[EXPIRY_KINDS];

	for (size_t i = 0; i < n; i++) {
		const struct ike_connection *c = connections[i];
		size_t count = expiry_find(c, found);

		for (size_t k = 0; k < count; k++)
			if (expiry_is_soon(&found[k], now) &&
			    (found[k].kind == EXPIRY_OWN || c->remote_auth.trust != last))
				warn(log, c->name, &found[k], now);
		if (c->remote_auth.trust != NULL)
			last = c->remote_auth.trust;
	}
}
