/* Load balancers. One may front servers without IPv4: give the target's address (`ip`, inside the server's /64) explicitly. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>
#include <hcloud/server_type.h>

struct hcloud_client;

struct hcloud_load_balancer_service {
        char *protocol;                 /* "tcp", "http", "https" */
        int64_t listen_port, destination_port;
        bool proxyprotocol;
        char *check_protocol;           /* of the health check: "tcp", "http"; NULL: as protocol, checked on destination_port */
        int64_t check_port, check_interval, check_timeout, check_retries;      /* seconds; 0: 15, 10, 3 */
        char *check_http_domain, *check_http_path;
        struct hcloud_ids certificates; /* https */
        bool redirect_http, sticky_sessions;
        char *cookie_name;              /* NULL: default */
        int64_t cookie_lifetime;        /* seconds; 0: default */
};
struct hcloud_load_balancer_services { struct hcloud_load_balancer_service *items; size_t n; };

struct hcloud_load_balancer_health {
        int64_t listen_port;
        char *status;
        char *detail;
        int64_t http_status_code;
}; /* "healthy" "unhealthy" "unknown" */
struct hcloud_load_balancer_healths { struct hcloud_load_balancer_health *items; size_t n; };
struct hcloud_load_balancer_target {
        char *type;                     /* "server", "label_selector", "ip" */
        int64_t server;                 /* type server */
        char *server_ip;                /* type server: the explicit address, or NULL */
        char *selector;                 /* type label_selector */
        char *ip;                       /* type ip: addresses outside the cloud */
        bool use_private_ip;
        struct hcloud_load_balancer_healths health;
};
struct hcloud_load_balancer_targets { struct hcloud_load_balancer_target *items; size_t n; };
struct hcloud_load_balancer_private_net { int64_t network; char *ip; };
struct hcloud_load_balancer_private_nets { struct hcloud_load_balancer_private_net *items; size_t n; };

struct hcloud_load_balancer {
        int64_t id;
        char *name;
        bool public_enabled;
        char *ipv4, *ipv6;              /* addresses without length, or NULL */
        struct hcloud_load_balancer_private_nets private_nets;
        char *location, *network_zone;  /* names */
        char *load_balancer_type;       /* name, "lb11" */
        char *algorithm;                /* "round_robin", "least_connections" */
        struct hcloud_load_balancer_services services;
        struct hcloud_load_balancer_targets targets;
        bool protected_delete;
        int64_t outgoing_traffic, ingoing_traffic, included_traffic;    /* bytes; -1: unknown */
        struct hcloud_labels labels;
        int64_t created;
};
struct hcloud_load_balancer_list { struct hcloud_load_balancer *items; size_t n; };
HCLOUD_API void hcloud_load_balancer_free(struct hcloud_load_balancer *balancer);
HCLOUD_API void hcloud_load_balancer_list_free(struct hcloud_load_balancer_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_load_balancer, hcloud_load_balancer_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_load_balancer_list, hcloud_load_balancer_list_free)

struct hcloud_load_balancer_create {
        const char *name;
        const char *load_balancer_type;         /* name */
        const char *location, *network_zone;    /* one of them */
        const char *algorithm;                  /* NULL: round_robin */
        const struct hcloud_load_balancer_service *services; size_t n_services;
        const struct hcloud_load_balancer_target *targets; size_t n_targets;
        int64_t network;                        /* attached to it; 0: none */
        bool no_public_interface;
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;      /* see hcloud_server_create */
};
/* *ret_action (may be NULL) is 0 when adopted; ret_adopted may be NULL. ERR_EXISTS, ERR_QUOTA, ERR_INVALID. (hcloud API: POST
 * /load_balancers) */
HCLOUD_API int hcloud_load_balancer_create(struct hcloud_client *client, const struct hcloud_load_balancer_create *create,
                                           struct hcloud_load_balancer **ret, int64_t *ret_action, bool *ret_adopted,
                                           struct error *err);
HCLOUD_API int hcloud_load_balancer_get(struct hcloud_client *client, int64_t id, struct hcloud_load_balancer **ret,
                                        struct error *err);
HCLOUD_API int hcloud_load_balancer_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_load_balancer **ret,
                                                struct error *err);
HCLOUD_API int hcloud_load_balancer_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                         struct hcloud_load_balancer_list **ret, struct error *err);
HCLOUD_API int hcloud_load_balancer_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                              struct hcloud_page *page, struct hcloud_load_balancer_list **ret,
                                              struct error *err);
/* name and labels may be NULL: unchanged. labels replaces all labels. ret may be NULL. */
HCLOUD_API int hcloud_load_balancer_update(struct hcloud_client *client, int64_t id, const char *name,
                                           const struct hcloud_labels *labels, struct hcloud_load_balancer **ret,
                                           struct error *err);
/* Gone already is success. */
HCLOUD_API int hcloud_load_balancer_delete(struct hcloud_client *client, int64_t id, struct error *err);

/* ret_action may be NULL here and below. add_target: already defined is success with action 0. */
HCLOUD_API int hcloud_load_balancer_add_target(struct hcloud_client *client, int64_t id,
                                               const struct hcloud_load_balancer_target *target, int64_t *ret_action,
                                               struct error *err);
HCLOUD_API int hcloud_load_balancer_remove_target(struct hcloud_client *client, int64_t id,
                                                  const struct hcloud_load_balancer_target *target, int64_t *ret_action,
                                                  struct error *err);
HCLOUD_API int hcloud_load_balancer_add_service(struct hcloud_client *client, int64_t id,
                                                const struct hcloud_load_balancer_service *service, int64_t *ret_action,
                                                struct error *err);
HCLOUD_API int hcloud_load_balancer_update_service(struct hcloud_client *client, int64_t id,
                                                   const struct hcloud_load_balancer_service *service, int64_t *ret_action,
                                                   struct error *err);
HCLOUD_API int hcloud_load_balancer_delete_service(struct hcloud_client *client, int64_t id, int64_t listen_port,
                                                   int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_load_balancer_attach_to_network(struct hcloud_client *client, int64_t id, int64_t network, const char *ip,
                                                      int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_load_balancer_detach_from_network(struct hcloud_client *client, int64_t id, int64_t network,
                                                        int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_load_balancer_change_algorithm(struct hcloud_client *client, int64_t id, const char *algorithm,
                                                     int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_load_balancer_change_type(struct hcloud_client *client, int64_t id, const char *load_balancer_type,
                                                int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_load_balancer_change_protection(struct hcloud_client *client, int64_t id, bool protect_delete,
                                                      int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_load_balancer_enable_public_interface(struct hcloud_client *client, int64_t id, int64_t *ret_action,
                                                            struct error *err);
HCLOUD_API int hcloud_load_balancer_disable_public_interface(struct hcloud_client *client, int64_t id, int64_t *ret_action,
                                                             struct error *err);
