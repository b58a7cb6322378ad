/* What a pod asks for: requests as the scheduler adds them up, where it may run, what it must not run beside. Private to src/scaler.
 *
 * kubernetes: component-helpers/resource PodRequests; scheduler plugins NodeResourcesFit, NodeAffinity, TaintToleration, NodePorts,
 * InterPodAffinity, PodTopologySpread, VolumeBinding. */
#pragma once

#include "base/json.h"
#include "scaler/model.h"

/* Reads what pods share ({"metadata": {...}, "spec": {...}}, of a pod or a pod template) into a new class. pod_name: of the pod, for volumes that are named
 * after it; may be NULL. What cannot be counted makes the class "broken" or "unknown"; only wrong JSON types fail (ERR_PROTOCOL). */
int request_read(struct snapshot *s, const json_t *o, const char *ns, const char *pod_name, struct pod_class **ret, struct error *err);

/* Also used for other objects. */
int read_pairs(struct snapshot *s, const json_t *o, const char *key, struct pairs *ret, struct error *err);
int read_amounts(struct snapshot *s, const json_t *o, struct amounts *ret, const char **ret_broken);
int read_selector(struct snapshot *s, const json_t *o, struct requirements *ret, struct error *err);
int read_node_terms(struct snapshot *s, const json_t *node_selector, struct node_terms *ret, struct error *err);
const char *text_at(struct snapshot *s, const json_t *o, const char *dotted);  /* interned, NULL when absent or no string */

/* Affinity, anti-affinity and spread constraints of a pod (terms.c). */
int read_pod_terms(struct snapshot *s, const json_t *spec, struct pod_class *c, struct error *err);

/* select.c */
bool selector_matches(const struct requirements *r, const struct pairs *labels);
bool node_terms_match(const struct node_terms *t, const struct pairs *labels, const char *node_name);
bool term_matches(const struct pod_term *t, const struct pod_class *c);
bool taints_tolerated(const struct taints *t, const struct pod_class *c);
