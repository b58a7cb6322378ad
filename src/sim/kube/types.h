/* The kinds an API server serves: a built-in table, and what CustomResourceDefinitions add. Discovery is written from it. */
#pragma once

#include <jansson.h>

#include "base/util.h"

enum kube_type_flags {
        KUBE_NAMESPACED = 1 << 0,
        KUBE_STATUS = 1 << 1,            /* subresource status: spec and status are written apart */
        KUBE_SCALE = 1 << 2,
        KUBE_GENERATION = 1 << 3,        /* metadata.generation counts changes of everything but metadata and status */
        KUBE_CUSTOM = 1 << 4,            /* made by a CustomResourceDefinition */
};

struct kube_item { char *key; json_t *value; };          /* key "namespace/name" or "name"; the value is never changed in place */

struct kube_type {
        char *group, *version, *kind, *plural, *singular;
        char *short_names;               /* "po" or "deploy,dp"; "" when there are none */
        unsigned flags;
        struct kube_item *items;         /* sorted by key, as in etcd */
        size_t n;
};

struct kube_types { struct kube_type **items; size_t n; };

void kube_types_init(struct kube_types *t);              /* with the built-in table */
void kube_types_done(struct kube_types *t);
struct kube_type *kube_types_find(const struct kube_types *t, const char *group, const char *version, const char *plural);
struct kube_type *kube_types_kind(const struct kube_types *t, const char *api_version, const char *kind);
bool kube_types_has_group_version(const struct kube_types *t, const char *group, const char *version);
/* Adds one of a CustomResourceDefinition; borrowed until it is dropped. */
struct kube_type *kube_types_add(struct kube_types *t, const char *group, const char *version, const char *kind,
                                 const char *plural,
                                 const char *singular, const char *short_names, unsigned flags);
void kube_types_drop(struct kube_types *t, struct kube_type *type);
char *kube_type_api_version(const struct kube_type *t);  /* "v1" or "apps/v1"; owned */
static inline bool kube_type_has(const struct kube_type *t, enum kube_type_flags flag) { return (t->flags & flag) != 0; }
