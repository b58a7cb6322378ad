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

/* The contract from which each concern is a document of its own. */
bool config_has_documents(const struct talos_contract *contract);
/* Appends `apiVersion: v1alpha1`, the kind and, unless NULL, the name. Borrowed. */
struct yaml_node *config_document(struct yaml_docs *config, const char *kind, const char *name);
struct yaml_node *config_find_document(const struct yaml_docs *config, const char *kind);

/* Parts that both forms have, in different places. */
void config_set_pair(struct yaml_node *map, const char *key, const struct pki_pair *pair, bool with_key);
void config_set_image(struct yaml_node *map, const char *repository, const char *kubernetes_version);
void config_add_cluster_network(const struct talos_config_input *in, struct yaml_node *network);
struct yaml_node *config_new_pod_security(void);
struct yaml_node *config_new_audit_policy(void);

/* config-114.c and config-114-ipv6.c: talos_config_generate_base() and talos_config_add_ipv6() for contract 1.14; the input is checked. */
void config_generate_documents(const struct talos_config_input *in, struct yaml_docs *config);
void config_add_ipv6_documents(const struct talos_config_input *in, struct yaml_docs *config);

/* config-validate.c, for both forms. what: how to name the place in the message. ERR_PROFILE. */
int config_check_image(const char *what, const char *image, struct error *err);
int config_check_kubelet_config(const char *what, const struct yaml_node *extra, struct error *err);
int config_check_taints(const struct yaml_node *taints, struct error *err);
/* config-114-validate.c */
int config_check_documents_114(const struct yaml_docs *config, enum talos_machine_type type, struct error *err);
