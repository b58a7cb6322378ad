/* The user's own YAML files (kubeconfig, talosconfig) that hold other people's entries beside ours. */
#pragma once

#include "base/error.h"
#include "base/yaml.h"

enum talos_merge_flags {
        TALOS_MERGE_CURRENT = 1 << 0,   /* make ours the current context */
        TALOS_MERGE_REPLACE = 1 << 1,   /* replace a context of our name although it belongs to another cluster (another CA) */
};

/* The file as a mapping; *ret is NULL when it does not exist, an empty mapping when it is empty. Free with tree_free_secret().
 * ERR_INVALID when it is something else, ERR_IO. */
int userfile_read(const char *path, struct yaml_node **ret_root, struct error *err);
/* Writes it atomically with mode 0600, through a symbolic link; makes its directory (0700) when it is missing. */
int userfile_write(const char *path, const struct yaml_node *root, unsigned indent, struct error *err);

/* PEM text out of a base64 scalar, or NULL. Owned, secret_free(). */
char *userfile_pem(const struct yaml_node *n);
