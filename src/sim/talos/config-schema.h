/* The words in which the tables of keys are written. */
#pragma once

#include "sim/talos/config-private.h"

#define STRUCT(name, sub) { name, KEY_STRUCT, sub, 0 }
#define STRUCTS(name, sub) { name, KEY_STRUCTS, sub, 0 }
#define STRUCT_MAP(name, sub) { name, KEY_STRUCT_MAP, sub, 0 }
#define TEXT(name) { name, KEY_STRING, NULL, 0 }
#define FLAG(name) { name, KEY_BOOL, NULL, 0 }
#define INT(name) { name, KEY_INT, NULL, 0 }
#define ANY(name) { name, KEY_ANY, NULL, 0 }
#define TEXTS(name) { name, KEY_STRINGS, NULL, 0 }
#define MAP(name) { name, KEY_MAP, NULL, 0 }
#define ARGS(name) { name, KEY_ARGS, NULL, 0 }
#define END { NULL, KEY_ANY, NULL, 0 }
/* A text that older releases do not know. */
#define NEW_114(name) { name, KEY_STRING, NULL, 14 }

extern const struct key volume_keys[];
extern const struct document_kind document_kinds_114[];          /* those that are new in 1.14; ends with a NULL kind */
