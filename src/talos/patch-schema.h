/* What is known of the types in machine configs: which keys a mapping may have and in which order Talos writes them, what a
 * value is, and how it merges. Read-only tables in patch-schema.c (the v1alpha1 document), patch-documents.c and
 * patch-documents-114.c (all other kinds). */
#pragma once

#include "base/error.h"
#include "base/yaml.h"

enum schema_kind {
        SCHEMA_FREE,     /* anything: Kubernetes configuration inside ours; merges by the shape of the values */
        SCHEMA_TEXT,     /* a string: unquoted numbers and booleans become the text as written */
        SCHEMA_NUMBER,
        SCHEMA_MODE,     /* file permissions: written back as 0o644 */
        SCHEMA_BOOLEAN,
        SCHEMA_STRUCT,   /* a mapping with known keys */
        SCHEMA_TEXT_MAP, /* string -> string */
        SCHEMA_ARGUMENTS,/* flag -> string or list of strings */
        SCHEMA_MAP,      /* string -> item */
        SCHEMA_LIST,     /* of item */
};

enum schema_flags {
        SCHEMA_REPLACE = 1 << 0,         /* field: the patch's value replaces, it does not merge (Talos' tag merge:"replace") */
        SCHEMA_BYTES_PAIR = 1 << 1,      /* struct of PEM bytes: the patch's mapping replaces, what it does not name becomes empty */
        SCHEMA_REPLACE_ELEMENT = 1 << 2, /* list: an element with an equal key is replaced, not merged */
        SCHEMA_ALWAYS = 1 << 3,          /* field of file permissions: Talos writes it also when it is not given */
        SCHEMA_DROP_EMPTY = 1 << 4,      /* field: Talos does not write it when it is empty (maps never are written empty) */
        SCHEMA_EMPTY_KEY = 1 << 6,       /* list: elements without the key are one too */
        SCHEMA_BY_VALUE = 1 << 5,        /* field: a mapping that Talos keeps even when it was never given */
};

struct schema {
        enum schema_kind kind;
        unsigned flags;
        const struct schema_field *fields;   /* of a struct, ends with a NULL name */
        const struct schema *item;           /* of a map or list */
        const char *const *keys;             /* of a list: elements equal at one of these keys are one; ends with NULL */
        const char *what;                    /* of a text that is parsed: "an IP address"; and whether this one is one */
        bool (*valid)(const struct yaml_node *n);
        const char *zero;                    /* of a text that names a number: the name of 0, which replaces nothing */
};

struct schema_field {
        const char *name;
        const struct schema *type;
        unsigned flags;
};

/* A kind of document besides the v1alpha1 one. */
struct schema_document {
        const char *kind;
        const struct schema *type;           /* NULL: the kind exists, its keys are not known here */
        unsigned since;                      /* minor of the Talos that brought it; 0: 1.11 or before */
        bool control_plane;                  /* Talos refuses it on workers */
        const struct schema *type_114;       /* where Talos 1.14 merges it otherwise than 1.13 */
};

extern const struct schema schema_v1alpha1;
extern const struct schema_document schema_documents[], schema_documents_114[];  /* each ends with a NULL kind */
extern const struct schema schema_volume;
/* A kind by its name; NULL: Talos knows none. And all of them: schema_document_at(0), … until NULL. */
const struct schema_document *schema_document_find(const char *kind);
const struct schema_document *schema_document_at(size_t i);

/* The scalar types, shared by both tables. */
extern const struct schema schema_free, schema_text, schema_number, schema_mode, schema_boolean;
extern const struct schema schema_object;      /* free, but a mapping */
extern const struct schema schema_address, schema_prefix, schema_duration, schema_action, schema_protocol, schema_host_auto, schema_port, schema_natural;   /* patch-scalars.c */
extern const struct schema schema_text_map, schema_arguments, schema_texts, schema_free_list;

const struct schema_field *schema_field_find(const struct schema *s, const char *name);
/* The type of a document by its kind: &schema_v1alpha1 without a kind, NULL for a kind that does not exist, &schema_free when
 * only its name is known. */
const struct schema *schema_of_document(const struct yaml_node *document);
/* The type of what stands at a key of a value of type s; &schema_free when nothing is known, NULL when the key may not be
 * there. */
const struct schema *schema_at(const struct schema *s, const char *key, unsigned *ret_flags);

/* Checks a tree against its type and brings it into the form Talos keeps: strings where strings belong, modes as 0o644.
 * ERR_PROFILE "name:line:column: …". `{$patch: delete}` is accepted anywhere. */
int schema_check(const struct schema *s, struct yaml_node *n, const char *name, struct error *err);
/* From 1.14 on: no null in a list of mappings, or for a name in a map of them. ERR_PROFILE. */
int schema_check_elements(const struct schema *s, const struct yaml_node *n, const char *name, struct error *err);
/* Brings a tree into the form in which Talos writes it: struct fields in the order of its types, free maps sorted, what it
 * leaves out when empty left out. */
void schema_order(const struct schema *s, struct yaml_node *n);

/* An ERR_PROFILE error that begins with the place; line 0 leaves line and column out. */
int schema_error(struct error *err, const char *name, unsigned line, unsigned column, const char *fmt, ...) _printf_(5, 6);
