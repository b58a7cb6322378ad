/* Primary IPs: a server's public addresses. An IPv6 one is a whole /64, free of charge, bound to its location for life. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>
#include <hcloud/server.h>

struct hcloud_primary_ip {
        int64_t id;
        char *name;
        char *type;                 /* "ipv4", "ipv6" */
        char *ip;                   /* "2001:db8:1:2::/64", or an IPv4 address without length */
        char *location;             /* name */
        char *assignee_type;        /* "server", "unassigned", or NULL */
        int64_t assignee_id;        /* 0: free */
        bool auto_delete, blocked, protected_delete;
        struct hcloud_dns_ptrs dns_ptr;
        struct hcloud_labels labels;
        int64_t created;
};
struct hcloud_primary_ip_list { struct hcloud_primary_ip *items; size_t n; };
HCLOUD_API void hcloud_primary_ip_free(struct hcloud_primary_ip *ip);
HCLOUD_API void hcloud_primary_ip_list_free(struct hcloud_primary_ip_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_primary_ip, hcloud_primary_ip_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_primary_ip_list, hcloud_primary_ip_list_free)

struct hcloud_primary_ip_create {
        const char *name, *type;
        const char *location;       /* exactly one of location … */
        int64_t server;             /* … and server */
        bool auto_delete;           /* goes with its server */
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;      /* see hcloud_server_create */
};
/* *ret_action (may be NULL) is 0 unless a server was given; ret_adopted may be NULL. ERR_EXISTS, ERR_QUOTA, ERR_INVALID. An
 * adopted one may lie in another location: compare. (hcloud API: POST /primary_ips) */
HCLOUD_API int hcloud_primary_ip_create(struct hcloud_client *client, const struct hcloud_primary_ip_create *create,
                                        struct hcloud_primary_ip **ret, int64_t *ret_action, bool *ret_adopted,
                                        struct error *err);
HCLOUD_API int hcloud_primary_ip_get(struct hcloud_client *client, int64_t id, struct hcloud_primary_ip **ret, struct error *err);
HCLOUD_API int hcloud_primary_ip_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_primary_ip **ret,
                                             struct error *err);
HCLOUD_API int hcloud_primary_ip_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                      struct hcloud_primary_ip_list **ret, struct error *err);
HCLOUD_API int hcloud_primary_ip_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                           struct hcloud_page *page, struct hcloud_primary_ip_list **ret, struct error *err);
/* NULL: unchanged. labels replaces all labels. ret may be NULL. */
struct hcloud_primary_ip_update { const char *name; const struct hcloud_labels *labels; const bool *auto_delete; };
HCLOUD_API int hcloud_primary_ip_update(struct hcloud_client *client, int64_t id, const struct hcloud_primary_ip_update *update,
                                        struct hcloud_primary_ip **ret, struct error *err);
/* Gone already is success. While it is still assigned (must_be_unassigned, for seconds after its server's deletion) the call tries
 * again within its budget when wait_unassigned is set; otherwise ERR_REFUSED. */
HCLOUD_API int hcloud_primary_ip_delete(struct hcloud_client *client, int64_t id, bool wait_unassigned, struct error *err);
/* The server must be off for both. ret_action may be NULL here and below. */
HCLOUD_API int hcloud_primary_ip_assign(struct hcloud_client *client, int64_t id, int64_t server, int64_t *ret_action,
                                        struct error *err);
HCLOUD_API int hcloud_primary_ip_unassign(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_primary_ip_change_protection(struct hcloud_client *client, int64_t id, bool protect_delete,
                                                   int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_primary_ip_change_dns_ptr(struct hcloud_client *client, int64_t id, const char *ip, const char *dns_ptr,
                                                int64_t *ret_action, struct error *err);
