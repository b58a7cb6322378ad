/* Inside the config reader: documents, their known keys, the rules, and the list of errors found. */
#pragma once

#include "sim/talos/config.h"

/* Errors as Talos collects and shows them (hashicorp/go-multierror). */
struct config_errors { struct strv list; };
void config_error(struct config_errors *e, const char *fmt, ...) _printf_(2, 3);

/* How a value must look. */
enum key_type {
        KEY_STRING,      /* any scalar; unquoted numbers and booleans as written */
        KEY_BOOL,        /* unquoted boolean, YAML 1.1's yes and no too */
        KEY_INT,         /* unquoted integer */
        KEY_ANY,         /* free-form */
        KEY_STRINGS,     /* list of scalars */
        KEY_MAP,         /* map of scalars */
        KEY_ARGS,        /* map of scalars or (1.13+) lists of scalars */
        KEY_STRUCT, KEY_STRUCTS, KEY_STRUCT_MAP,         /* sub: one, a list of them, a map from names to them */
        KEY_SCALARS_OR_RANGES,                           /* list of numbers or strings */
};

struct key { const char *name; enum key_type type; const struct key *sub; unsigned since; };     /* since: minor of Talos; tables end with a NULL name */

struct document_kind {
        const char *kind;
        unsigned since;                  /* minor version of Talos */
        bool named;
        bool control_plane;              /* an error on workers */
        const struct key *keys;          /* NULL: not checked */
        /* Dotted paths of the v1alpha1 document that must not be set beside it, NULL at the end. "+path": not even to an empty map or false (a pointer in
         * Go); without: not to something that is true, or not empty. */
        const char *conflicts[10];
};

extern const struct key v1alpha1_keys[];
const struct document_kind *document_kind_find(const char *kind);
/* Unknown keys go to *unknown as YAML of just them (talos: xyaml.CheckUnknownKeys); wrong types to errors with their line. */
struct yaml_node *config_check_keys(const struct yaml_node *n, const struct key *keys, bool document, unsigned minor,
                                    struct config_errors *errors);

/* The running Talos: minor version of "v1.13.9", 13 when unknown. */
unsigned config_talos_minor(const char *talos_version);

void config_read_v1alpha1(const struct yaml_node *doc, struct sim_config *c, struct config_errors *errors);
void config_read_document(const struct yaml_node *doc, const char *kind, struct sim_config *c, struct config_errors *errors);
/* All rules that look at more than one key. main_doc is the v1alpha1 document. */
void config_validate(const struct yaml_docs *docs, const struct yaml_node *main_doc, const char *talos_version,
                     struct sim_config *c, struct config_errors *errors);

/* The rules of the documents that are new in 1.14. */
void config_validate_114(const struct yaml_docs *docs, const struct sim_config *c, struct config_errors *errors);

/* Reading helpers, shared by both readers. All copy; absence leaves the target untouched. */
void config_text(const struct yaml_node *n, const char *path, char **target);
void config_bool(const struct yaml_node *n, const char *path, bool *target);
void config_strings(const struct yaml_node *n, const char *path, struct strv *target);
void config_map(const struct yaml_node *n, const char *path, struct kvs *target);
void config_taints(const struct yaml_node *n, const char *path, struct sim_config *c);
json_t *config_json(const struct yaml_node *n, const char *path);
bool config_truth(const struct yaml_node *n);            /* a boolean scalar's value */
void config_pem(const struct yaml_node *n, const char *path, char **target, struct config_errors *errors);   /* base64 of PEM */
