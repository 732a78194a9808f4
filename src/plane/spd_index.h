/* Finding a policy by a packet's destination without looking at all of them: every remote selector
 * as prefixes in one hash table, probed once for each prefix length in use. Selectors that make
 * many prefixes are looked at one by one. */
#ifndef POSTERN_PLANE_SPD_INDEX_H
#define POSTERN_PLANE_SPD_INDEX_H

#include "plane/spd.h"

enum err spd_index_init(struct spd_index *x, const uint8_t secret[16]);
void spd_index_clear(struct spd_index *x);
/* The policy's remote selectors join or leave. ERR_NO_MEMORY: nothing joined. */
enum err spd_index_add(struct spd_index *x, struct spd_policy *p);
void spd_index_remove(struct spd_index *x, struct spd_policy *p);
/* Of all policies whose remote selectors may hold dst and that match() likes, that of the lowest
 * id. */
struct spd_policy *spd_index_find(const struct spd_index *x, const struct flow_key *flow,
				  bool (*match)(const struct spd_policy *p,
						const struct flow_key *flow));

#endif
