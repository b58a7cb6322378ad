/* The table of profile keys and the reader that it drives. Private to spec. */
#pragma once

#include "cluster/spec.h"

enum key_type { KEY_STRING, KEY_INT, KEY_BOOL, KEY_CHOICE, KEY_STRV, KEY_KVS, KEY_MAP, KEY_CUSTOM };

struct spec_reader {
        const char *source;                /* for "source:line:column" */
        const char *dir;                   /* of the profile, for files it names; NULL: none may be named */
        struct cluster_spec *spec;
};

struct spec_key {
        const char *name;
        enum key_type type;
        size_t offset;                     /* of the target in the struct that the table describes */
        const char *form;                  /* what may stand there, for people: "string", "list of addresses" */
        const char *standard;              /* default, for people */
        const char *help;
        int64_t min, max;                  /* KEY_INT */
        const char *const *choices;        /* KEY_CHOICE: names in the enum's order, NULL-terminated */
        const struct spec_key *sub;        /* KEY_MAP: keys below, targets relative to offset; KEY_CUSTOM: for the reference only */
        int (*read)(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
        bool required;
};

extern const struct spec_key spec_keys[];          /* the top level; targets in struct cluster_spec */

/* "source:line:column: text", ERR_PROFILE. */
int spec_error(const struct spec_reader *r, unsigned line, unsigned column, struct error *err, const char *fmt, ...) _printf_(5, 6);
#define spec_fail(r, n, err, ...) spec_error((r), (n)->line, (n)->column, (err), __VA_ARGS__)
const char *spec_type_name(const struct yaml_node *n);

/* Reads a map by a table into target. Unknown keys are refused with the nearest known one; missing required keys too. */
int spec_read_map(const struct spec_reader *r, const struct spec_key *keys, const struct yaml_node *map, void *target, struct error *err);
int spec_read_string(const struct spec_reader *r, const struct yaml_node *n, char **ret, struct error *err);
int spec_read_strv(const struct spec_reader *r, const struct yaml_node *n, struct strv *ret, struct error *err);
int spec_read_kvs(const struct spec_reader *r, const struct yaml_node *n, struct kvs *ret, struct error *err);
/* Contents of a file that the profile names, relative to it. */
int spec_read_file(const struct spec_reader *r, const struct yaml_node *n, char **ret, size_t *ret_len, struct error *err);

/* Keys that need code of their own (spec-custom.c). */
int spec_read_control_planes(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_pools(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_taints(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_autoscale(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_talos(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_network(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_open(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_registries(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_patches(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_addons(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_discovery(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);
int spec_read_addresses(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err);

/* Sub-tables used by them and by the reference. */
extern const struct spec_key spec_control_plane_keys[], spec_pool_keys[], spec_autoscale_keys[], spec_network_keys[], spec_talos_keys[], spec_open_keys[],
        spec_registry_keys[], spec_auth_keys[], spec_mirror_keys[], spec_patch_keys[], spec_addon_keys[], spec_scaler_keys[];

/* Everything with its default; names are owned copies. */
struct cluster_spec *spec_defaults(void);
void spec_pool_done(struct spec_pool *p);
void spec_addon_done(struct spec_addon *a);
