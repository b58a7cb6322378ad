/* Label and field selectors: the text form of requests and the LabelSelector object of workloads, node affinity terms. */
#pragma once

#include <jansson.h>

#include "base/error.h"

struct selector;
/* "a=b,c!=d,e in (f,g),h notin (i),j,!k". Empty or NULL selects everything. ERR_INVALID. */
int selector_parse(const char *text, struct selector **ret, struct error *err);
bool selector_matches(const struct selector *s, const json_t *labels);           /* NULL selector: true; labels may be NULL */
void selector_free(struct selector *s);
DEFINE_CLEANUP(struct selector *, selector_free)

/* A LabelSelector object ({matchLabels, matchExpressions}); empty selects everything, NULL nothing. */
bool selector_object_matches(const json_t *selector, const json_t *labels);
/* One {key, operator, values} of node affinity against labels: In, NotIn, Exists, DoesNotExist, Gt, Lt. */
bool selector_expression_matches(const json_t *expression, const json_t *labels);

/* "metadata.name=a,spec.nodeName!=b" against an object; ERR_INVALID for a field the kind has no index for. */
struct field_selector { struct { char *path, *value; bool negated; } *items; size_t n; };
int field_selector_parse(const char *kind, const char *text, struct field_selector *ret, struct error *err);
bool field_selector_matches(const struct field_selector *f, const json_t *object);
void field_selector_done(struct field_selector *f);
