/* Patches of machine configs by strategic merge, as Talos does it (talos: config/merge, configpatcher), on the YAML tree.
 *
 * Mappings merge, scalars replace, lists append, but for the exceptions in patch-schema.c; `$patch: delete` removes. Documents
 * are matched by apiVersion, kind and name. RFC 6902 (JSON patch) is refused: Talos itself cannot apply it to configs of
 * several documents. All errors are ERR_PROFILE and begin with "name:line:column: ". */
#pragma once

#include "base/error.h"
#include "base/yaml.h"

/* Applies the text of one patch (one or several documents) to config. On failure config is unchanged. name: where the patch
 * came from, for messages, e.g. a file's path. */
int talos_patch_apply(struct yaml_docs *config, const char *name, const char *text, size_t len, struct error *err);

/* The same for a patch that is a tree already, e.g. a part of a profile; line and column are those of its nodes. A YAML_STR
 * node is read as the text of a patch (its lines are then counted from the node's own line). */
int talos_patch_apply_tree(struct yaml_docs *config, const char *name, const struct yaml_node *patch, struct error *err);

/* Whether the patch could be applied to some config: its syntax and keys only. */
int talos_patch_check(const char *name, const char *text, size_t len, struct error *err);
int talos_patch_check_tree(const char *name, const struct yaml_node *patch, struct error *err);
