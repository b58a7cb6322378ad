/* Firewalls: stateful rules in front of servers. A server without firewall is open; one with it drops what no "in" rule names. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>

struct hcloud_client;

#define HCLOUD_FIREWALL_MAX_RULES 50
#define HCLOUD_FIREWALL_MAX_CIDRS 100   /* in one rule */

/* A rule; owned members. Plain data: fill it with hcloud_firewall_rules_add() or by hand with memory from malloc. */
struct hcloud_firewall_rule {
        char *direction;                    /* "in", "out" */
        char *protocol;                     /* "tcp", "udp", "icmp", "esp", "gre" */
        char *port;                         /* "80", "1024-5000", "any"; NULL unless tcp or udp */
        struct hcloud_strings source_ips;   /* CIDRs, for "in" */
        struct hcloud_strings destination_ips;  /* for "out" */
        char *description;                  /* at most 255, or NULL */
};
struct hcloud_firewall_rules { struct hcloud_firewall_rule *items; size_t n; };
/* Appends an empty rule with copies of these (port and description may be NULL) and gives it, borrowed until the next append. */
HCLOUD_API struct hcloud_firewall_rule *hcloud_firewall_rules_add(struct hcloud_firewall_rules *rules, const char *direction,
                                                                  const char *protocol, const char *port,
                                                                  const char *description);
HCLOUD_API void hcloud_firewall_rules_copy(struct hcloud_firewall_rules *dst,
                                           const struct hcloud_firewall_rules *src); /* dst is overwritten */
HCLOUD_API void hcloud_firewall_rules_done(struct hcloud_firewall_rules *rules);

/* Do both let the same pass? Order of rules and of CIDRs and repeated CIDRs do not count, CIDRs are compared parsed
 * ("2001:DB8::/32" equals "2001:db8::/32", "10.0.0.1" equals "10.0.0.1/32"), port "any" equals "1-65535" and "80" equals "80-80".
 * Descriptions count only when with_descriptions is set. */
HCLOUD_API bool hcloud_firewall_rule_equal(const struct hcloud_firewall_rule *a, const struct hcloud_firewall_rule *b,
                                           bool with_descriptions);
HCLOUD_API bool hcloud_firewall_rules_equal(const struct hcloud_firewall_rules *a, const struct hcloud_firewall_rules *b,
                                            bool with_descriptions);
/* The API's limits and forms: counts, direction against ip lists, ports only with tcp and udp, CIDRs without host bits.
 * ERR_INVALID. */
HCLOUD_API int hcloud_firewall_rules_check(const struct hcloud_firewall_rules *rules, struct error *err);

/* One thing a firewall is applied to: a server, or (selector not NULL) all servers with such labels. */
struct hcloud_firewall_resource {
        char *type;                         /* "server", "label_selector" */
        int64_t server;                     /* 0 unless type is "server" */
        char *selector;
        struct hcloud_ids selected;         /* the servers that the selector matches now; only in answers */
};
struct hcloud_firewall_resources { struct hcloud_firewall_resource *items; size_t n; };

struct hcloud_firewall {
        int64_t id;
        char *name;
        struct hcloud_firewall_rules rules;
        struct hcloud_firewall_resources applied_to;
        struct hcloud_labels labels;
        int64_t created;
};
struct hcloud_firewall_list { struct hcloud_firewall *items; size_t n; };
HCLOUD_API void hcloud_firewall_free(struct hcloud_firewall *firewall);
HCLOUD_API void hcloud_firewall_list_free(struct hcloud_firewall_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_firewall, hcloud_firewall_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_firewall_list, hcloud_firewall_list_free)
HCLOUD_API bool hcloud_firewall_is_applied_to(const struct hcloud_firewall *firewall, int64_t server);

struct hcloud_firewall_create {
        const char *name;
        const struct hcloud_firewall_rules *rules;      /* checked before the call; NULL: none, which drops everything inbound */
        const int64_t *servers; size_t n_servers;       /* applied to these */
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt; /* see hcloud_server_create; the rules of an adopted one may differ: compare */
};
/* ret_actions (may be NULL) is filled with ids; the caller empties it with hcloud_ids_done(), here and below. ret_adopted may be
 * NULL. ERR_EXISTS, ERR_QUOTA, ERR_INVALID. (hcloud API: POST /firewalls) */
HCLOUD_API int hcloud_firewall_create(struct hcloud_client *client, const struct hcloud_firewall_create *create,
                                      struct hcloud_firewall **ret, struct hcloud_ids *ret_actions, bool *ret_adopted,
                                      struct error *err);
HCLOUD_API int hcloud_firewall_get(struct hcloud_client *client, int64_t id, struct hcloud_firewall **ret, struct error *err);
HCLOUD_API int hcloud_firewall_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_firewall **ret,
                                           struct error *err);
HCLOUD_API int hcloud_firewall_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                    struct hcloud_firewall_list **ret, struct error *err);
HCLOUD_API int hcloud_firewall_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                         struct hcloud_page *page, struct hcloud_firewall_list **ret, struct error *err);
/* name and labels may be NULL: unchanged. labels replaces all labels. ret may be NULL. */
HCLOUD_API int hcloud_firewall_update(struct hcloud_client *client, int64_t id, const char *name,
                                      const struct hcloud_labels *labels, struct hcloud_firewall **ret, struct error *err);
/* Gone already is success. `resource_in_use`, which the API says for seconds after the last server went, is tried again within
 * the budget when wait_unused is set; otherwise ERR_CONFLICT. */
HCLOUD_API int hcloud_firewall_delete(struct hcloud_client *client, int64_t id, bool wait_unused, struct error *err);
/* Replaces all rules; checked before the call. (hcloud API: POST /firewalls/{id}/actions/set_rules) */
HCLOUD_API int hcloud_firewall_set_rules(struct hcloud_client *client, int64_t id, const struct hcloud_firewall_rules *rules,
                                         struct hcloud_ids *ret_actions, struct error *err);
/* Already applied, or already removed, is success without actions. */
HCLOUD_API int hcloud_firewall_apply(struct hcloud_client *client, int64_t id, const int64_t *servers, size_t n,
                                     struct hcloud_ids *ret_actions, struct error *err);
HCLOUD_API int hcloud_firewall_remove(struct hcloud_client *client, int64_t id, const int64_t *servers, size_t n,
                                      struct hcloud_ids *ret_actions, struct error *err);
HCLOUD_API int hcloud_firewall_apply_selector(struct hcloud_client *client, int64_t id, const char *selector,
                                              struct hcloud_ids *ret_actions, struct error *err);
HCLOUD_API int hcloud_firewall_remove_selector(struct hcloud_client *client, int64_t id, const char *selector,
                                               struct hcloud_ids *ret_actions, struct error *err);
