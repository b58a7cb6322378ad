/* YAML trees that hold secrets. */
#pragma once

#include "base/yaml.h"

/* Wipes every scalar's text, then frees the tree. NULL-safe. */
void tree_free_secret(struct yaml_node *n);
DEFINE_CLEANUP(struct yaml_node *, tree_free_secret)
#define _cleanup_secret_tree_ _cleanup_(tree_free_secretp)

/* The same for all documents of a stream. */
void tree_docs_free_secret(struct yaml_docs *d);
