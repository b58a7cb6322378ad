/* The other patch types of the API server. All change object in place. */
#pragma once

#include <jansson.h>

#include "base/error.h"

void patch_merge(json_t *object, const json_t *patch);                   /* RFC 7386 */
/* RFC 6902. ERR_REFUSED when an operation does not apply ("test" failed too), ERR_INVALID when the patch is malformed. */
int patch_json(json_t *object, const json_t *patch, struct error *err);
/* Kubernetes' strategic merge with patchMergeKey of the built-in types; $patch: delete|replace, $deleteFromPrimitiveList,
 * $retainKeys and $setElementOrder are understood or ignored as apimachinery does. */
int patch_strategic(json_t *object, const json_t *patch, struct error *err);
