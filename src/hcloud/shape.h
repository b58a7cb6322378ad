/* The API's objects as tables: one field a line, read from JSON into a public struct and freed by the same table.
 *
 * A key may be dotted ("protection.delete"). Absent and null give zero (F_TRAFFIC: -1); unknown keys are ignored; a wrong type is
 * ERR_PROTOCOL with the path. Lists are (items, n) pairs, so all of them can be handled through struct raw_list. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

enum field_kind {
        F_STR,          /* char * */
        F_SECRET,       /* char *, wiped when freed */
        F_ID,           /* int64_t, must be there */
        F_INT,          /* int64_t */
        F_TRAFFIC,      /* int64_t, -1 when null */
        F_REAL,         /* double */
        F_BOOL,
        F_TIME,         /* RFC 3339 into int64_t milliseconds */
        F_LABELS,       /* struct hcloud_labels */
        F_STRINGS,      /* struct hcloud_strings */
        F_IDS,          /* struct hcloud_ids; with item: of the objects' dotted key */
        F_LIST,         /* pair of items and n, of shape */
        F_OBJECT,       /* embedded struct of shape */
        F_POINTER,      /* owned struct of shape, NULL when null */
};

struct shape;
struct field {
        const char *key;
        enum field_kind kind;
        size_t offset;
        const struct shape *shape;      /* F_LIST, F_OBJECT, F_POINTER */
        const char *item;               /* F_IDS */
};
struct shape { const char *name; size_t size; const struct field *fields; size_t n; };

struct raw_list { void *items; size_t n; };

#define FIELD(type, member, json_key, field_kind) { .key = json_key, .kind = field_kind, .offset = offsetof(struct type, member) }
#define FIELD_OF(type, member, json_key, field_kind, of) \
        { .key = json_key, .kind = field_kind, .offset = offsetof(struct type, member), .shape = &of }
#define FIELD_IDS_OF(type, member, json_key, item_key) \
        { .key = json_key, .kind = F_IDS, .offset = offsetof(struct type, member), .item = item_key }
/* Defines a shape for struct type; its fields are the remaining arguments. */
#define SHAPE(storage, variable, type, words, ...)                                                                       \
        static const struct field variable##_fields[] = { __VA_ARGS__ };                                                 \
        storage const struct shape variable = { .name = words, .size = sizeof(struct type), .fields = variable##_fields, \
                                                .n = sizeof(variable##_fields) / sizeof(variable##_fields[0]) }

/* Reads json into out, which is overwritten; on failure out holds nothing. */
int shape_read(const struct shape *shape, const json_t *json, void *out, struct error *err);
/* The same into new memory, freed by shape_free(). */
int shape_read_new(const struct shape *shape, const json_t *json, void **ret, struct error *err);
/* A JSON array into a new pair, freed by shape_list_free(). */
int shape_read_list(const struct shape *shape, const json_t *array, struct raw_list **ret, struct error *err);
void shape_done(const struct shape *shape, void *object);
void shape_free(const struct shape *shape, void *object);
void shape_list_free(const struct shape *shape, void *list);
/* Moves all items of more to the end of list and frees more. */
void shape_list_join(const struct shape *shape, struct raw_list *list, struct raw_list *more);
