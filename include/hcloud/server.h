/* Servers. */
#pragma once

#include <hcloud/image.h>
#include <hcloud/label.h>
#include <hcloud/location.h>
#include <hcloud/page.h>
#include <hcloud/server_type.h>

struct hcloud_client;

struct hcloud_dns_ptr { char *ip, *dns_ptr; };
struct hcloud_dns_ptrs { struct hcloud_dns_ptr *items; size_t n; };

struct hcloud_server_ipv4 { int64_t id; char *ip; bool blocked; char *dns_ptr; };
struct hcloud_server_ipv6 {
        int64_t id;                     /* of the Primary IP */
        char *ip; /* a network: "2001:db8:1:2::/64"; the server itself is by convention the first address, ::1 */
        bool blocked;
        struct hcloud_dns_ptrs dns_ptr;
};
struct hcloud_server_firewall { int64_t id; char *status; };            /* "applied", "pending" */
struct hcloud_server_firewalls { struct hcloud_server_firewall *items; size_t n; };
struct hcloud_server_private_net { int64_t network; char *ip; struct hcloud_strings alias_ips; char *mac_address; };
struct hcloud_server_private_nets { struct hcloud_server_private_net *items; size_t n; };

struct hcloud_server {
        int64_t id;
        char *name;
        char *status; /* "running" "initializing" "starting" "stopping" "off" "deleting" "migrating" "rebuilding" "unknown" */
        int64_t created;
        struct hcloud_server_ipv4 *ipv4;        /* NULL without */
        struct hcloud_server_ipv6 *ipv6;        /* NULL without */
        struct hcloud_ids floating_ips;
        struct hcloud_server_firewalls firewalls;
        struct hcloud_server_private_nets private_nets;
        char *server_type;              /* name, "cx23" */
        int64_t server_type_id;
        char *architecture;             /* of the type: "x86", "arm" */
        double cores, memory, disk;     /* of the type; memory and disk in GB */
        char *location;                 /* name, "hel1" */
        char *network_zone;             /* "eu-central" */
        int64_t image;                  /* id, 0: none any more */
        int64_t iso;                    /* id of the mounted ISO, 0: none */
        int64_t placement_group;        /* id, 0: none */
        struct hcloud_ids volumes, load_balancers;
        bool rescue_enabled, locked, protected_delete, protected_rebuild;
        double primary_disk_size;
        int64_t outgoing_traffic, ingoing_traffic, included_traffic;    /* bytes; -1: unknown */
        struct hcloud_labels labels;
};
struct hcloud_server_list { struct hcloud_server *items; size_t n; };
HCLOUD_API void hcloud_server_free(struct hcloud_server *server);
HCLOUD_API void hcloud_server_list_free(struct hcloud_server_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_server, hcloud_server_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_server_list, hcloud_server_list_free)

#define HCLOUD_USER_DATA_MAX 32768      /* bytes; checked before the call */

/* What to create. Strings, lists and labels are borrowed for the call. Zero and NULL mean "not given". */
struct hcloud_server_create {
        const char *name;               /* needed */
        const char *server_type;        /* needed: name */
        int64_t image;                  /* needed: id … */
        const char *image_name;         /* … or a system image's name */
        const char *location;           /* name; NULL: Hetzner chooses */
        bool no_start;                  /* leave it off (start_after_create false) */
        bool no_ipv4, no_ipv6;          /* enable_ipv4/6 false */
        int64_t primary_ipv4, primary_ipv6;     /* ids; 0 with the family enabled: Hetzner makes one that goes with the server */
        const int64_t *ssh_keys; size_t n_ssh_keys;     /* without any, Hetzner mails a root password to the account's owner */
        const int64_t *firewalls; size_t n_firewalls;
        const int64_t *networks; size_t n_networks;
        const int64_t *volumes; size_t n_volumes;
        bool automount;
        int64_t placement_group;
        const char *user_data;          /* at most HCLOUD_USER_DATA_MAX bytes; not logged */
        const struct hcloud_labels *labels;
        /* When the answer to a create is lost, or the name is taken, the object of that exact name is looked up. It is taken as
         * created by this call ("adopted") if it carries every label given here; otherwise the call fails with ERR_EXISTS. NULL or
         * empty: nothing is ever adopted. Choose labels that nobody else's object has. */
        const struct hcloud_labels *adopt;
};

struct hcloud_server_created {
        struct hcloud_server *server;
        struct hcloud_ids actions;      /* all to be waited for; empty when adopted: then use hcloud_servers_wait() */
        char *root_password;            /* NULL when SSH keys were given; wiped when freed */
        bool adopted;
};
HCLOUD_API void hcloud_server_created_free(struct hcloud_server_created *created);
HCLOUD_DEFINE_CLEANUP(struct hcloud_server_created, hcloud_server_created_free)

/* Gives the server as of the answer (status "initializing"). ERR_EXISTS (name taken), ERR_CAPACITY (resource_unavailable,
 * placement_error: try another type or location), ERR_QUOTA (resource_limit_exceeded), ERR_INVALID.
 * (hcloud API: POST /servers) */
HCLOUD_API int hcloud_server_create(struct hcloud_client *client, const struct hcloud_server_create *create,
                                    struct hcloud_server_created **ret, struct error *err);
/* ERR_NOT_FOUND. (hcloud API: GET /servers/{id}, GET /servers?name=) */
HCLOUD_API int hcloud_server_get(struct hcloud_client *client, int64_t id, struct hcloud_server **ret, struct error *err);
HCLOUD_API int hcloud_server_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_server **ret,
                                         struct error *err);
HCLOUD_API int hcloud_server_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                  struct hcloud_server_list **ret, struct error *err);
HCLOUD_API int hcloud_server_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                       struct hcloud_page *page, struct hcloud_server_list **ret, struct error *err);
/* name and labels may be NULL: unchanged. labels replaces all labels. ret may be NULL. (hcloud API: PUT /servers/{id}) */
HCLOUD_API int hcloud_server_update(struct hcloud_client *client, int64_t id, const char *name, const struct hcloud_labels *labels,
                                    struct hcloud_server **ret, struct error *err);
/* *ret_action is 0 when the server was gone already, which is success. (hcloud API: DELETE /servers/{id}) */
HCLOUD_API int hcloud_server_delete(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);

/* Power. ret_action may be NULL here and below. The success of a shutdown action means that the signal was sent, not that the
 * server is off. (hcloud API: POST /servers/{id}/actions/…) */
HCLOUD_API int hcloud_server_poweron(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_server_poweroff(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_server_shutdown(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_server_reboot(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_server_reset(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);

/* Puts the image on the disk, which loses its content; keeps id, addresses and price. user_data NULL: the old one is used again.
 * *ret_root_password (may be NULL) is NULL or freed by the caller. */
HCLOUD_API int hcloud_server_rebuild(struct hcloud_client *client, int64_t id, int64_t image, const char *user_data,
                                     int64_t *ret_action, char **ret_root_password, struct error *err);
/* Arms the rescue system for the next boot within 60 minutes; does not reboot. *ret_root_password (may be NULL) is freed by the
 * caller. */
HCLOUD_API int hcloud_server_enable_rescue(struct hcloud_client *client, int64_t id, const int64_t *ssh_keys, size_t n_ssh_keys,
                                           int64_t *ret_action, char **ret_root_password, struct error *err);
HCLOUD_API int hcloud_server_disable_rescue(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
/* A snapshot of the disk. After its action hcloud_image_wait_available(). Not repeated when the answer is lost: ERR_… with
 * `ambiguous` set. */
HCLOUD_API int hcloud_server_create_image(struct hcloud_client *client, int64_t id, const char *description,
                                          const struct hcloud_labels *labels, struct hcloud_image **ret, int64_t *ret_action,
                                          struct error *err);
HCLOUD_API int hcloud_server_change_protection(struct hcloud_client *client, int64_t id, bool protect, int64_t *ret_action,
                                               struct error *err);
/* Server must be off; re-prices it at today's tariff. */
HCLOUD_API int hcloud_server_change_type(struct hcloud_client *client, int64_t id, const char *server_type, bool upgrade_disk,
                                         int64_t *ret_action, struct error *err);
/* ip, an address of the network, and ip_range, the subnet to choose from, may be NULL. Already attached is success
 * with action 0. */
HCLOUD_API int hcloud_server_attach_to_network(struct hcloud_client *client, int64_t id, int64_t network, const char *ip,
                                               const char *ip_range, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_server_detach_from_network(struct hcloud_client *client, int64_t id, int64_t network, int64_t *ret_action,
                                                 struct error *err);
HCLOUD_API int hcloud_server_change_alias_ips(struct hcloud_client *client, int64_t id, int64_t network,
                                              const char *const *alias_ips, size_t n_alias_ips, int64_t *ret_action,
                                              struct error *err);
/* The server must be off. */
HCLOUD_API int hcloud_server_add_to_placement_group(struct hcloud_client *client, int64_t id, int64_t placement_group,
                                                    int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_server_remove_from_placement_group(struct hcloud_client *client, int64_t id, int64_t *ret_action,
                                                         struct error *err);
/* dns_ptr NULL: back to the default. */
HCLOUD_API int hcloud_server_change_dns_ptr(struct hcloud_client *client, int64_t id, const char *ip, const char *dns_ptr,
                                            int64_t *ret_action, struct error *err);
