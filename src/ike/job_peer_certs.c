#include "ike/job_peer_certs.h"

#include <stdio.h>
#include <string.h>

#include "base/ikev2_numbers.h"

static enum err refuse(struct ike_job *job, const char *why)
{
	snprintf(job->reason, sizeof(job->reason), "%s", why);
	return ERR_AUTH;
}

static enum err push(struct ike_job *job, struct peer_certs *out, struct bytes der,
		     uint8_t encoding)
{
	if (out->n == PEER_CERTS_MAX)
		return refuse(job, "the peer sent more certificates than we take");
	out->part[out->n].fetched = false;
	out->part[out->n].der = der;
	out->part[out->n++].encoding = encoding;
	return ERR_NONE;
}

static enum err push_bundle(struct ike_job *job, struct peer_certs *out, struct bytes der)
{
	struct cert_bundle b;
	const char *why = "";
	enum err e = cert_bundle_parse(&b, der, &why);

	if (e == ERR_NO_MEMORY)
		return e;
	if (e != ERR_NONE)
		return refuse(job, why);
	for (size_t i = 0; i < b.n && e == ERR_NONE; i++)
		e = push(job, out, b.parts[i].der, b.parts[i].crl ? CERT_CRL : CERT_X509_SIGNATURE);
	return e;
}

/* The hash is a check and the name in caches, no proof: that is the chain (RFC 7296 3.6). It is
 * looked at here, whoever fetched. */
static enum err push_fetched(struct ike_job *job, struct crypto *c, const struct ike_fetch *item,
			     struct peer_certs *out)
{
	const struct bytes der = bytes_of(item->data, item->data_n);
	uint8_t sha1[IKE_FETCH_HASH_LEN];

	if (item->result != ERR_NONE) {
		snprintf(job->reason, sizeof(job->reason), "%s %.90s could not be fetched: %.70s",
			 ike_fetch_kind_name(item->kind), item->url, item->reason);
		return ERR_AUTH;
	}
	if (c == NULL || hash_parts(c, HASH_SHA1, &der, 1, sha1) != ERR_NONE)
		return ERR_CRYPTO;
	if (!bytes_equal(bytes_of(sha1, sizeof(sha1)), bytes_of(item->sha1, sizeof(item->sha1)))) {
		snprintf(job->reason, sizeof(job->reason), "%s %.90s is another than its hash says",
			 ike_fetch_kind_name(item->kind), item->url);
		return ERR_AUTH;
	}
	return item->kind == IKE_FETCH_BUNDLE ? push_bundle(job, out, der)
					      : push(job, out, der, CERT_X509_SIGNATURE);
}

static enum err by_url(struct ike_job *job, struct crypto *c, struct bytes cert, uint8_t encoding,
		       struct peer_certs *out, bool *waits)
{
	struct reader r = reader_of(cert);
	const struct bytes sha1 = reader_take(&r, IKE_FETCH_HASH_LEN);
	const struct ike_fetch_wish wish = {
	    .kind = encoding == CERT_HASH_URL_BUNDLE ? IKE_FETCH_BUNDLE : IKE_FETCH_CERTIFICATE,
	    .sha1 = sha1.p,
	    .url = reader_rest(&r),
	};
	const struct ike_fetch *item;

	/* Before the peer has proved anything, it would have us call whom it likes. */
	if (!job->connection->remote_auth.cert_lookup)
		return refuse(job, "the peer sent its certificate by Hash and URL, which is not "
				   "allowed for it (cert-lookup = no)");
	if (!reader_ok(&r))
		return refuse(job, "the peer's Hash and URL is too short");
	enum err e = ike_fetch_want(job, &wish, &item);
	if (e == ERR_RANGE)
		return refuse(job, "the peer's Hash and URL holds no URL");
	if (e == ERR_LIMIT)
		return refuse(job, "the peer wants too much to be fetched");
	if (e != ERR_NONE)
		return e;
	*waits = *waits || !item->done;
	return item->done ? push_fetched(job, c, item, out) : ERR_NONE;
}

enum err peer_certs_collect(struct ike_job *job, struct crypto *c, struct peer_certs *out)
{
	bool waits = false;
	enum err e = ERR_NONE;

	out->n = 0;
	for (size_t i = 0; i < job->n_certs && e == ERR_NONE; i++) {
		const struct bytes cert = bytes_of(job->certs[i], job->cert_lens[i]);
		const uint8_t encoding = job->cert_encodings[i];

		e = encoding == CERT_HASH_URL_X509 || encoding == CERT_HASH_URL_BUNDLE
			? by_url(job, c, cert, encoding, out, &waits)
			: push(job, out, cert, encoding);
	}
	for (size_t i = 0; job->fetches != NULL && i < job->fetches->n && e == ERR_NONE; i++) {
		const struct ike_fetch *item = &job->fetches->item[i];

		if ((item->kind != IKE_FETCH_CRL && item->kind != IKE_FETCH_OCSP) || !item->done ||
		    item->result != ERR_NONE)
			continue;
		e = push(job, out, bytes_of(item->data, item->data_n),
			 item->kind == IKE_FETCH_CRL ? CERT_CRL : CERT_OCSP);
		if (e == ERR_NONE)
			out->part[out->n - 1].fetched = true;
	}
	return e == ERR_NONE && waits ? ERR_STATE : e;
}

enum err peer_certs_lists(struct ike_job *job, const struct peer_certs *sent,
			  struct crl *lists[PEER_CERTS_MAX], size_t *n)
{
	const char *why = "";

	for (size_t i = 0; i < sent->n; i++) {
		if (sent->part[i].encoding != CERT_CRL)
			continue;
		enum err e = crl_parse(&lists[*n], sent->part[i].der, &why);
		if (e == ERR_NO_MEMORY)
			return e;
		if (e != ERR_NONE && e != ERR_UNSUPPORTED)
			return refuse(job, why);
		*n += e == ERR_NONE;
	}
	return ERR_NONE;
}

enum err peer_certs_answers(struct ike_job *job, const struct peer_certs *sent,
			    struct ocsp *answers[PEER_ANSWERS_MAX], size_t *n)
{
	const char *why = "";
	size_t n_sent = 0;

	for (size_t i = 0; i < sent->n; i++) {
		if (sent->part[i].encoding != CERT_OCSP)
			continue;
		if (!sent->part[i].fetched && n_sent++ == OCSP_ANSWERS_MAX)
			return refuse(job, "the peer sent more than 8 OCSP responses");
		enum err e = ocsp_parse(&answers[*n], sent->part[i].der, &why);
		if (e == ERR_NO_MEMORY)
			return e;
		if (e != ERR_NONE && e != ERR_UNSUPPORTED && !sent->part[i].fetched)
			return refuse(job, why);
		*n += e == ERR_NONE;
	}
	return ERR_NONE;
}

/* One that cannot be asked for is as good as one that cannot be had. */
static bool want_list(struct ike_job *job, const char *url)
{
	const struct ike_fetch_wish wish = {.kind = IKE_FETCH_CRL,
					    .url = bytes_of(url, strlen(url))};
	const struct ike_fetch *item;

	return ike_fetch_want(job, &wish, &item) == ERR_NONE && !item->done;
}

enum err peer_certs_want_lists(struct ike_job *job, const struct crl_points *missing)
{
	const struct ike_remote_auth *a = &job->connection->remote_auth;
	bool waits = false;

	if (!missing->any)
		return ERR_NONE;
	for (size_t i = 0; i < a->n_crl_urls; i++)
		waits |= want_list(job, a->crl_urls[i]);
	for (size_t i = 0; i < missing->n && a->fetch_crls; i++)
		waits |= want_list(job, missing->url[i]);
	return waits ? ERR_STATE : ERR_NONE;
}

enum err peer_certs_want_answers(struct ike_job *job, const struct ocsp_questions *questions)
{
	const struct ike_remote_auth *a = &job->connection->remote_auth;
	bool waits = false;

	for (size_t i = 0; i < questions->n; i++) {
		const struct ocsp_question *q = &questions->q[i];
		const char *url = a->ocsp_url != NULL ? a->ocsp_url : a->fetch_ocsp ? q->url : "";
		const struct ike_fetch_wish wish = {.kind = IKE_FETCH_OCSP,
						    .url = bytes_of(url, strlen(url)),
						    .body = bytes_of(q->der, q->der_len),
						    .octets_max = IKE_FETCH_OCSP_OCTETS};
		const struct ike_fetch *item;

		/* As with lists: one that cannot be asked for is as good as none. */
		waits |= ike_fetch_want(job, &wish, &item) == ERR_NONE && !item->done;
	}
	return waits ? ERR_STATE : ERR_NONE;
}

void peer_certs_explain(struct ike_job *job)
{
	for (size_t i = 0; job->fetches != NULL && i < job->fetches->n; i++) {
		const struct ike_fetch *item = &job->fetches->item[i];

		const size_t at = strlen(job->reason);

		if ((item->kind != IKE_FETCH_CRL && item->kind != IKE_FETCH_OCSP) ||
		    item->result == ERR_NONE)
			continue;
		snprintf(job->reason + at, sizeof(job->reason) - at, "; %s %.60s: %s",
			 ike_fetch_kind_name(item->kind), item->url, item->reason);
	}
}
