/* What the files of the YAML tree share. Private to src/base/yaml*.c. */
#pragma once

#include "base/yaml.h"

/* Gives the node the type that its unquoted text has by the core schema (and Go's reading of 0777 as octal). */
void yaml_resolve(struct yaml_node *n);

/* Would a reader of YAML 1.1 or 1.2, or Go's yaml.v3, read this text, unquoted, as something else than a string? */
bool yaml_looks_typed(const char *text);

struct yaml_node *yaml_new_scalar(enum yaml_type type, char *text); /* takes text */
