/* The words in which the tables of types are written (patch-schema.c, patch-documents.c, patch-documents-114.c). */
#pragma once

#include "talos/patch-schema.h"

#define TEXT &schema_text
#define NUMBER &schema_number      /* int in Go */
#define NATURAL &schema_natural    /* uint8 to uint32: a negative one is refused */
#define MODE &schema_mode
#define BOOLEAN &schema_boolean
#define FREE &schema_object
#define TEXTS &schema_texts
#define TEXT_MAP &schema_text_map
#define ARGUMENTS &schema_arguments
#define FIELDS(...) .fields = (const struct schema_field[]) { __VA_ARGS__, { 0 } }
#define STRUCT(...) &(const struct schema) { .kind = SCHEMA_STRUCT, FIELDS(__VA_ARGS__) }
#define LIST(of) &(const struct schema) { .kind = SCHEMA_LIST, .item = of }
#define KEYS(...) (const char *const[]) { __VA_ARGS__, NULL }
#define LIST_BY(of, ...) &(const struct schema) { .kind = SCHEMA_LIST, .item = of, .keys = KEYS(__VA_ARGS__) }
#define MAP(of) &(const struct schema) { .kind = SCHEMA_MAP, .item = of }
#define TYPE(name, ...) static const struct schema name = { .kind = SCHEMA_STRUCT, FIELDS(__VA_ARGS__) }
#define DOCUMENT(...) STRUCT({ "apiVersion", TEXT }, { "kind", TEXT }, __VA_ARGS__)
#define NAMED(...) DOCUMENT({ "name", TEXT }, __VA_ARGS__)
