/* Small things about Kubernetes objects as JSON. The double keeps objects as JSON on purpose: it is an API server, whose
 * storage is the
 * documents themselves. Borrowed values unless said otherwise. */
#pragma once

#include <jansson.h>

#include "base/json.h"
#include "base/util.h"

const char *meta_name(const json_t *o);
const char *meta_namespace(const json_t *o);             /* NULL for cluster-scoped objects */
const char *meta_uid(const json_t *o);
const char *meta_label(const json_t *o, const char *key);
const char *meta_annotation(const json_t *o, const char *key);
bool meta_deleting(const json_t *o);                     /* has a deletionTimestamp */
int64_t meta_generation(const json_t *o);
/* The controller among the ownerReferences, or NULL. */
const json_t *meta_controller(const json_t *o);
bool meta_controlled_by(const json_t *o, const char *uid);

/* The object (or array) at a dotted path, made when missing or of another type; borrowed. Parts must not contain dots. */
json_t *meta_object(json_t *o, const char *dotted);
json_t *meta_array(json_t *o, const char *dotted);
void meta_set_label(json_t *o, const char *key, const char *value);
void meta_set_annotation(json_t *o, const char *key, const char *value);
/* An ownerReference that makes owner the controller; new reference. */
json_t *meta_owner_reference(const json_t *owner);

/* Sets the condition of a type in status.conditions; lastTransitionTime changes only with the status. True when anything
 * changed. */
bool meta_set_condition(json_t *status, const char *type, const char *value, const char *reason, const char *message,
                        int64_t now_ms);
const json_t *meta_condition(const json_t *o, const char *type);         /* of o.status.conditions, or NULL */
bool meta_condition_is(const json_t *o, const char *type, const char *value);

int64_t meta_int(const json_t *o, const char *dotted, int64_t otherwise);
bool meta_bool(const json_t *o, const char *dotted, bool otherwise);
json_t *meta_time(int64_t ms);                           /* RFC 3339 string, new reference */
int64_t meta_time_of(const json_t *o, const char *dotted);               /* milliseconds, 0 when absent */

/* Kubernetes quantities ("100m", "1Gi", "2", "1e3"); in thousandths, saturating; false when it is none. */
bool quantity_parse(const json_t *v, int64_t *ret_milli);
