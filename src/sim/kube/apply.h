/* Server-side apply and the bookkeeping of managedFields, as kubernetes does it (structured-merge-diff, merge/update.go), for one
 * stored version of each kind. Pure functions on objects; nothing is stored here. */
#pragma once

#include <jansson.h>

#include "base/error.h"

/* Merges config into live (NULL: it does not exist) for a manager. On success *ret is the merged object with its managedFields.
 * Without
 * force, fields of other managers that would change are conflicts: ERR_CONFLICT, and *ret_causes gets the array of causes for the
 * Status (reason FieldManagerConflict). subresource is "" or "status". */
int apply_merge(const json_t *live, const json_t *config, const char *manager, const char *subresource, bool force,
                int64_t now_ms,
                json_t **ret, json_t **ret_causes, struct error *err);

/* After a create, update or patch: what changed now belongs to manager (operation Update), and to nobody else. Changes after. */
void apply_track_update(const json_t *before, json_t *after, const char *manager, const char *subresource, int64_t now_ms);
