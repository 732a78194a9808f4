#include "ike/ext/ext.h"

extern const struct ike_extension ext_signature_hashes;
extern const struct ike_extension ext_auth_methods;
extern const struct ike_extension ext_intermediate;
extern const struct ike_extension ext_downgrade_prevention;
extern const struct ike_extension ext_big_payload;
extern const struct ike_extension ext_hash_and_url;
extern const struct ike_extension ext_childless;
extern const struct ike_extension ext_fragmentation;
extern const struct ike_extension ext_kem_auth;
extern const struct ike_extension ext_ppk;
extern const struct ike_extension ext_tcp;
extern const struct ike_extension ext_separate_transports;

const struct ike_extension *const ike_extensions[] = {
    &ext_signature_hashes,
    &ext_auth_methods,
    &ext_fragmentation,
    &ext_intermediate,
    &ext_tcp,
    &ext_separate_transports,
    &ext_big_payload,
    &ext_childless,
    &ext_ppk,
    &ext_hash_and_url,
    &ext_downgrade_prevention,
    &ext_kem_auth,
};
const size_t ike_n_extensions = sizeof(ike_extensions) / sizeof(ike_extensions[0]);

void ext_write(struct ike *ike, struct ike_sa *sa, enum ike_point at, struct message *m)
{
	for (size_t i = 0; i < ike_n_extensions; i++)
		if (ike_extensions[i]->write != NULL)
			ike_extensions[i]->write(ike, sa, at, m);
}

void ext_read(struct ike *ike, struct ike_sa *sa, enum ike_point at, const struct payloads *ps)
{
	struct notify_part n;

	for (size_t i = 0; i < ike_n_extensions; i++)
		if (ike_extensions[i]->payloads != NULL)
			ike_extensions[i]->payloads(ike, sa, at, ps);
	for (const struct payload *p = NULL; (p = payloads_next(ps, PAYLOAD_NOTIFY, p)) != NULL;) {
		if (notify_parse(p->body, &n, NULL))
			continue;
		for (size_t i = 0; i < ike_n_extensions; i++)
			if (ike_extensions[i]->notify != NULL &&
			    ike_extensions[i]->notify(ike, sa, at, &n))
				break;
	}
}
