/* Where the machine has no intel-ipsec-mb: its transform takes no suite, so that the library's is
 * chosen for all. */
#include "esp/transform.h"

void *esp_ipsec_mb_new(void)
{
	return NULL;
}

void esp_ipsec_mb_free(void *manager)
{
	(void)manager;
}

static bool takes(const struct esp_engine *e, const struct protect_suite *suite, bool long_aad)
{
	(void)long_aad;
	(void)e;
	(void)suite;
	return false;
}

const struct esp_transform esp_transform_ipsec_mb = {
    .name = "ipsec-mb",
    .takes = takes,
};
