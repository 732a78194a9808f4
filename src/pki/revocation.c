#include "pki/revocation.h"

#include "pki/x509.h"

/* There is no list, or none that is in its time. */
static bool is_not_known(int error)
{
	return error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED ||
	       error == X509_V_ERR_CRL_NOT_YET_VALID;
}

/* The library's question whether an error counts. What the lists do not say is noted, for an OCSP
 * response may say it. An old list still says what it revokes: after yes here it is looked at all
 * the same. */
static int judge(int ok, X509_STORE_CTX *ctx)
{
	struct revocation *r = X509_STORE_CTX_get_app_data(ctx);
	int last = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;
	int depth = X509_STORE_CTX_get_error_depth(ctx);
	int code = X509_STORE_CTX_get_error(ctx);

	if (ok == 1 || !is_not_known(code) || depth < 0 || depth >= REVOCATION_DEPTH_MAX)
		return ok;
	if (r->policy->missing != NULL && depth != last)
		crl_points_note(r->policy->missing, X509_STORE_CTX_get_current_cert(ctx));
	if (r->unknown[depth] == X509_V_OK)
		r->unknown[depth] = code;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static bool is_newer(const struct crl *c, struct crl *const *own, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (own[i]->this_update >= c->this_update &&
		    X509_NAME_cmp(X509_CRL_get_issuer(own[i]->crl), X509_CRL_get_issuer(c->crl)) ==
			0)
			return false;
	return true;
}

enum err revocation_begin(struct revocation *r, X509_STORE_CTX *ctx,
			  const struct trust_policy *policy, struct crl *const *own, size_t n_own)
{
	*r = (struct revocation){
	    .policy = policy, .own = (const struct crl *const *)own, .n_own = n_own};
	if (policy->revocation == REVOCATION_NONE)
		return ERR_NONE;
	r->lists = sk_X509_CRL_new_null();
	if (r->lists == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < n_own; i++)
		if (sk_X509_CRL_push(r->lists, own[i]->crl) == 0)
			return ERR_NO_MEMORY;
	for (size_t i = 0; i < policy->n_received; i++)
		if (is_newer(policy->received[i], own, n_own) &&
		    sk_X509_CRL_push(r->lists, policy->received[i]->crl) == 0)
			return ERR_NO_MEMORY;
	X509_STORE_CTX_set0_crls(ctx, r->lists);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	X509_STORE_CTX_set_app_data(ctx, r);
	X509_STORE_CTX_set_verify_cb(ctx, judge);
	return ERR_NONE;
}

/* What the OCSP responses say of one certificate of the chain. */
static enum ocsp_answer ask(const struct revocation *r, struct ocsp_asked *a, const char **about)
{
	enum ocsp_answer all = OCSP_SILENT;
	const char *why;

	for (size_t i = 0; i < r->policy->n_answers; i++) {
		enum ocsp_answer one = ocsp_judge(r->policy->answers[i], a, &why);

		if (one == OCSP_REVOKED)
			return one;
		if (one == OCSP_GOOD)
			all = one;
		else if (*about == NULL || ocsp_names(r->policy->answers[i], a))
			*about = why;
	}
	return all;
}

/* Of the certificate at this place in the chain. */
static struct revocation_verdict settle_one(const struct revocation *r, struct ocsp_asked *a,
					    int depth)
{
	const struct trust_policy *p = r->policy;
	struct revocation_verdict v = {.depth = depth};
	const enum ocsp_answer answer = ask(r, a, &v.about_ocsp);

	v.wanted = p->ocsp_required && depth == 0 && answer == OCSP_SILENT;
	v.code = answer == OCSP_REVOKED ? X509_V_ERR_CERT_REVOKED
		 : v.wanted             ? X509_V_ERR_OCSP_VERIFY_NEEDED
		 : answer == OCSP_SILENT && p->revocation == REVOCATION_STRICT ? r->unknown[depth]
									       : X509_V_OK;
	if (p->questions != NULL && answer == OCSP_SILENT &&
	    (v.wanted || r->unknown[depth] != X509_V_OK))
		ocsp_questions_note(p->questions, a->cert, a->issuer);
	return v;
}

struct revocation_verdict revocation_settle(const struct revocation *r, STACK_OF(X509) * chain,
					    const struct certificate *const *responders,
					    size_t n_responders, int64_t now)
{
	const struct trust_policy *p = r->policy;
	const int last = sk_X509_num(chain) - 1;
	struct revocation_verdict all = {.code = X509_V_OK};

	/* A configured CA is believed because it is configured, whoever is above it. */
	for (int depth = 0; depth < last && p->revocation != REVOCATION_NONE; depth++) {
		struct ocsp_asked a = {
		    .cert = sk_X509_value(chain, depth),
		    .issuer = sk_X509_value(chain, depth + 1),
		    .lists = r->own,
		    .n_lists = r->n_own,
		    .terms = {.now = now, .responders = responders, .n_responders = n_responders},
		};
		const struct revocation_verdict v = settle_one(r, &a, depth);

		if (v.code == X509_V_ERR_CERT_REVOKED) {
			/* There is nothing left to be asked. */
			if (p->questions != NULL)
				p->questions->n = 0;
			return v;
		}
		if (all.code == X509_V_OK)
			all = v;
	}
	return all;
}

void revocation_end(struct revocation *r)
{
	sk_X509_CRL_free(r->lists);
	r->lists = NULL;
}
