/* Private networks. IPv4 only (RFC 1918), one network zone per subnet, at most 100 servers. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_subnet {
        char *type;                 /* "cloud", "vswitch", "server" (old) */
        char *ip_range;             /* NULL in a request: the first free /24 */
        char *network_zone;         /* "eu-central" */
        char *gateway;              /* only in answers */
        int64_t vswitch_id;         /* 0: none */
};
struct hcloud_subnets { struct hcloud_subnet *items; size_t n; };
struct hcloud_route { char *destination, *gateway; };
struct hcloud_routes { struct hcloud_route *items; size_t n; };

struct hcloud_network {
        int64_t id;
        char *name, *ip_range;
        struct hcloud_subnets subnets;
        struct hcloud_routes routes;
        struct hcloud_ids servers, load_balancers;
        bool protected_delete, expose_routes_to_vswitch;
        struct hcloud_labels labels;
        int64_t created;
};
struct hcloud_network_list { struct hcloud_network *items; size_t n; };
HCLOUD_API void hcloud_network_free(struct hcloud_network *network);
HCLOUD_API void hcloud_network_list_free(struct hcloud_network_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_network, hcloud_network_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_network_list, hcloud_network_list_free)

struct hcloud_network_create {
        const char *name, *ip_range;
        const char *subnet_ip_range, *subnet_network_zone;      /* one "cloud" subnet made with it; zone NULL: none */
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;                      /* see hcloud_server_create */
};
/* ret_adopted may be NULL. ERR_EXISTS, ERR_QUOTA, ERR_INVALID. (hcloud API: POST /networks) */
HCLOUD_API int hcloud_network_create(struct hcloud_client *client, const struct hcloud_network_create *create,
                                     struct hcloud_network **ret, bool *ret_adopted, struct error *err);
HCLOUD_API int hcloud_network_get(struct hcloud_client *client, int64_t id, struct hcloud_network **ret, struct error *err);
HCLOUD_API int hcloud_network_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_network **ret,
                                          struct error *err);
HCLOUD_API int hcloud_network_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                   struct hcloud_network_list **ret, struct error *err);
HCLOUD_API int hcloud_network_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                        struct hcloud_page *page, struct hcloud_network_list **ret, struct error *err);
/* name and labels may be NULL: unchanged. labels replaces all labels. ret may be NULL. */
HCLOUD_API int hcloud_network_update(struct hcloud_client *client, int64_t id, const char *name, const struct hcloud_labels *labels,
                                     struct hcloud_network **ret, struct error *err);
/* Detaches its servers. Gone already is success. */
HCLOUD_API int hcloud_network_delete(struct hcloud_client *client, int64_t id, struct error *err);
/* type NULL: "cloud"; ip_range NULL: the first free /24. ret_action may be NULL here and below. */
HCLOUD_API int hcloud_network_add_subnet(struct hcloud_client *client, int64_t id, const char *type, const char *ip_range,
                                         const char *network_zone, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_network_delete_subnet(struct hcloud_client *client, int64_t id, const char *ip_range, int64_t *ret_action,
                                            struct error *err);
HCLOUD_API int hcloud_network_add_route(struct hcloud_client *client, int64_t id, const char *destination, const char *gateway,
                                        int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_network_delete_route(struct hcloud_client *client, int64_t id, const char *destination, const char *gateway,
                                           int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_network_change_ip_range(struct hcloud_client *client, int64_t id, const char *ip_range, int64_t *ret_action,
                                              struct error *err);
HCLOUD_API int hcloud_network_change_protection(struct hcloud_client *client, int64_t id, bool protect_delete,
                                                int64_t *ret_action, struct error *err);
