/* YAML as a tree that remembers where everything stood. Built on libyaml; used for profiles, machine configs, patches, kubeconfigs.
 *
 * A tree owns its children: yaml_free(root) frees all. Nodes taken out of a tree with yaml_…_take belong to the caller. Reading
 * refuses: duplicate keys, merge keys (<<), anchors and aliases beyond a small budget (aliases are copied), tabs (libyaml),
 * nesting past 64, input past 8 MiB, keys past 512 bytes, tags of other types. Mapping order is kept. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"

enum yaml_type { YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_STR, YAML_MAP, YAML_SEQ };

struct yaml_node;
struct yaml_pair { char *key; unsigned line, column; struct yaml_node *value; };  /* place of the key, from 1 */

struct yaml_node {
        enum yaml_type type;     /* scalars resolved by the YAML 1.2 core schema plus 1.1's octal 0777 and yes/no left as strings */
        bool quoted;             /* the scalar was quoted, or is a block scalar: always YAML_STR */
        bool block;              /* literal or folded block scalar */
        char *text;              /* scalars: the text as written (unquoted); NULL for collections */
        bool boolean;
        int64_t integer;
        double number;           /* YAML_INT too */
        struct yaml_pair *pairs; /* maps */
        struct yaml_node **items;/* sequences */
        size_t n;                /* count of pairs or items */
        unsigned line, column;   /* from 1; 0 for nodes made by program */
};

/* Under another symbol name: libyaml exports a yaml_free of its own, which ours would replace inside it. */
void yaml_free(struct yaml_node *n) __asm__("yaml_tree_free");
DEFINE_CLEANUP(struct yaml_node *, yaml_free)

/* A stream of documents. name is used in messages: "name:line:column: text". */
struct yaml_docs { struct yaml_node **items; size_t n; };
void yaml_docs_done(struct yaml_docs *d);
/* ERR_INVALID with the place. Empty input gives no document; an empty document a YAML_NULL node. */
int yaml_parse(const char *name, const char *text, size_t len, struct yaml_docs *ret, struct error *err);
/* Exactly one document (none gives an empty map). */
int yaml_parse_one(const char *name, const char *text, size_t len, struct yaml_node **ret, struct error *err);

/* Making trees. The strings are copied. */
struct yaml_node *yaml_new_map(void);
struct yaml_node *yaml_new_seq(void);
struct yaml_node *yaml_new_str(const char *s);
struct yaml_node *yaml_new_strf(const char *fmt, ...) _printf_(1, 2);
struct yaml_node *yaml_new_int(int64_t v);
struct yaml_node *yaml_new_bool(bool v);
struct yaml_node *yaml_new_null(void);
struct yaml_node *yaml_copy(const struct yaml_node *n);
bool yaml_equal(const struct yaml_node *a, const struct yaml_node *b);  /* as trees: map order and style do not count */

/* Maps. get returns borrowed or NULL (also when n is NULL or no map). set takes ownership of value and replaces. */
struct yaml_node *yaml_get(const struct yaml_node *n, const char *key);
struct yaml_node *yaml_path(const struct yaml_node *n, const char *dotted);      /* "machine.network.interfaces" */
const struct yaml_pair *yaml_pair(const struct yaml_node *n, const char *key);
void yaml_set(struct yaml_node *map, const char *key, struct yaml_node *value);
void yaml_set_str(struct yaml_node *map, const char *key, const char *value);
void yaml_set_bool(struct yaml_node *map, const char *key, bool value);
void yaml_set_int(struct yaml_node *map, const char *key, int64_t value);
bool yaml_unset(struct yaml_node *map, const char *key);
struct yaml_node *yaml_set_map(struct yaml_node *map, const char *key);          /* the map at key, made when missing; borrowed */
struct yaml_node *yaml_set_seq(struct yaml_node *map, const char *key);
/* Lays the map `over` (NULL: nothing) over a map: maps merge, everything else is replaced by a copy. As Helm lays values over each other. */
void yaml_overlay(struct yaml_node *base, const struct yaml_node *over);
void yaml_append(struct yaml_node *seq, struct yaml_node *value);
const char *yaml_str(const struct yaml_node *n);                                 /* text of any scalar but null, or NULL; borrowed */

/* Writing in the form Talos's own encoder writes: 4 spaces, sequences indented below their key, "---" between documents, strings
 * double-quoted when YAML 1.1 or 1.2 would read them as something else, literal blocks for texts with line breaks. indent 2 or 4. */
char *yaml_write(const struct yaml_node *n, unsigned indent);                    /* owned */
char *yaml_write_docs(const struct yaml_docs *d, unsigned indent);

/* To and from jansson, for values files and manifests. Owned by the caller. */
json_t *yaml_to_json(const struct yaml_node *n);
struct yaml_node *yaml_from_json(const json_t *j);
