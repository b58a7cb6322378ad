/* Floating IPs: addresses that move between servers and locations; the server's own system must configure them. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>
#include <hcloud/server.h>

struct hcloud_floating_ip {
        int64_t id;
        char *name, *description;
        char *type;                 /* "ipv4", "ipv6" */
        char *ip;                   /* an address, or a /64 */
        int64_t server;             /* 0: none */
        char *home_location;        /* name */
        bool blocked, protected_delete;
        struct hcloud_dns_ptrs dns_ptr;
        struct hcloud_labels labels;
        int64_t created;
};
struct hcloud_floating_ip_list { struct hcloud_floating_ip *items; size_t n; };
HCLOUD_API void hcloud_floating_ip_free(struct hcloud_floating_ip *ip);
HCLOUD_API void hcloud_floating_ip_list_free(struct hcloud_floating_ip_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_floating_ip, hcloud_floating_ip_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_floating_ip_list, hcloud_floating_ip_list_free)

struct hcloud_floating_ip_create {
        const char *name, *type, *description;
        const char *home_location;  /* one of home_location … */
        int64_t server;             /* … and server */
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;      /* see hcloud_server_create */
};
/* *ret_action (may be NULL) is 0 unless a server was given; ret_adopted may be NULL. (hcloud API: POST /floating_ips) */
HCLOUD_API int hcloud_floating_ip_create(struct hcloud_client *client, const struct hcloud_floating_ip_create *create,
                                         struct hcloud_floating_ip **ret, int64_t *ret_action, bool *ret_adopted,
                                         struct error *err);
HCLOUD_API int hcloud_floating_ip_get(struct hcloud_client *client, int64_t id, struct hcloud_floating_ip **ret, struct error *err);
HCLOUD_API int hcloud_floating_ip_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_floating_ip **ret,
                                              struct error *err);
HCLOUD_API int hcloud_floating_ip_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                       struct hcloud_floating_ip_list **ret, struct error *err);
HCLOUD_API int hcloud_floating_ip_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                            struct hcloud_page *page, struct hcloud_floating_ip_list **ret, struct error *err);
/* NULL: unchanged. labels replaces all labels. ret may be NULL. */
struct hcloud_floating_ip_update { const char *name, *description; const struct hcloud_labels *labels; };
HCLOUD_API int hcloud_floating_ip_update(struct hcloud_client *client, int64_t id, const struct hcloud_floating_ip_update *update,
                                         struct hcloud_floating_ip **ret, struct error *err);
/* Must be unassigned (must_be_unassigned: ERR_REFUSED). Gone already is success. */
HCLOUD_API int hcloud_floating_ip_delete(struct hcloud_client *client, int64_t id, struct error *err);
/* ret_action may be NULL. */
HCLOUD_API int hcloud_floating_ip_assign(struct hcloud_client *client, int64_t id, int64_t server, int64_t *ret_action,
                                         struct error *err);
HCLOUD_API int hcloud_floating_ip_unassign(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_floating_ip_change_dns_ptr(struct hcloud_client *client, int64_t id, const char *ip, const char *dns_ptr,
                                                 int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_floating_ip_change_protection(struct hcloud_client *client, int64_t id, bool protect_delete,
                                                    int64_t *ret_action, struct error *err);
