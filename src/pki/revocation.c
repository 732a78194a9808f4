#include "pki/revocation.h"

#include "pki/x509.h"

/* There is no list, or none that is in its time. */
static bool is_not_known(int error)
{
	return error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED ||
	       error == X509_V_ERR_CRL_NOT_YET_VALID;
}

/* The library's question whether an error counts. An old list still says what it revokes: after
 * yes here it is looked at all the same. */
static int judge(int ok, X509_STORE_CTX *ctx)
{
	const struct revocation *r = X509_STORE_CTX_get_app_data(ctx);
	int last = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

	if (ok == 1 || !is_not_known(X509_STORE_CTX_get_error(ctx)))
		return ok;
	if (r->policy->missing != NULL && X509_STORE_CTX_get_error_depth(ctx) != last)
		crl_points_note(r->policy->missing, X509_STORE_CTX_get_current_cert(ctx));
	/* A configured CA is believed because it is configured, whoever is above it. */
	if (r->policy->revocation == REVOCATION_STRICT &&
	    X509_STORE_CTX_get_error_depth(ctx) != last)
		return 0;
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
	*r = (struct revocation){.policy = policy};
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

void revocation_end(struct revocation *r)
{
	sk_X509_CRL_free(r->lists);
	r->lists = NULL;
}
