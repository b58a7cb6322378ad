/* The two things a patch does to a document: merge and delete. Used by patch.c alone. */
#pragma once

#include "base/error.h"
#include "base/yaml.h"
#include "talos/patch-schema.h"

/* Merges right (checked) into left, both mappings. name: the patch's, for messages. ERR_PROFILE. */
int patch_merge(const struct schema *s, struct yaml_node *left, const struct yaml_node *right, const char *name,
                struct error *err);

/* One `$patch: delete`: the keys that lead to it, and for an element of a list the key and value by which it is found. */
struct patch_delete {
        struct strv path;
        char *key;               /* NULL: the whole key at path goes */
        struct yaml_node *value;
        unsigned line, column;
};
struct patch_deletes { struct patch_delete *items; size_t n; };
void patch_deletes_done(struct patch_deletes *d);
#define _cleanup_patch_deletes_ _cleanup_(patch_deletes_done)

/* Whether the mapping holds `$patch: delete`; another value of $patch is ERR_PROFILE. */
int patch_is_delete(const struct yaml_node *n, const char *name, bool *ret_delete, struct error *err);
/* Takes all deletes below n (not n itself) out of it, and mappings and lists that become empty by that. ERR_PROFILE. */
int patch_collect_deletes(struct yaml_node *n, const char *name, struct patch_deletes *ret_deletes, struct error *err);
int patch_delete(const struct schema *s, struct yaml_node *document, const struct patch_delete *d, const char *name,
                 struct error *err);
