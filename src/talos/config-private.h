/* What the files of the config module share. */
#pragma once

#include "talos/config.h"

/* base64 of a PEM text, as the v1alpha1 document holds it; NULL gives "". Owned, secret_free(). */
char *config_pem(const char *pem);
/* The list at a key of a map, made when missing, with texts appended that it does not hold yet. */
void config_add_texts(struct yaml_node *map, const char *key, const struct strv *texts);
void config_add_text(struct yaml_node *map, const char *key, const char *text);
/* The map at a key with pairs set; nothing is made when there are no pairs. */
void config_add_pairs(struct yaml_node *map, const char *key, const struct kvs *pairs);
/* The map at a dotted path below n, made where missing. Borrowed. */
struct yaml_node *config_map(struct yaml_node *n, const char *dotted);
/* Brings every known document into the order in which Talos writes it. */
void config_order(struct yaml_docs *config);
