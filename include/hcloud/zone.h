/* DNS zones and their resource record sets. A zone is named by its id or its name; an rrset by zone, name ("@" is the apex) and
 * type. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_zone {
        int64_t id;
        char *name;                 /* "example.com" */
        char *mode;                 /* "primary", "secondary" */
        char *status;               /* "ok", "updating", "error" */
        int64_t ttl, record_count;
        struct hcloud_strings assigned_nameservers, delegated_nameservers;
        char *delegation_status;    /* "valid", "partially-valid", "invalid", "lame", "unregistered", "unknown" */
        char *registrar;
        bool protected_delete;
        struct hcloud_labels labels;
        int64_t created;
};
struct hcloud_zone_list { struct hcloud_zone *items; size_t n; };
HCLOUD_API void hcloud_zone_free(struct hcloud_zone *zone);
HCLOUD_API void hcloud_zone_list_free(struct hcloud_zone_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_zone, hcloud_zone_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_zone_list, hcloud_zone_list_free)

struct hcloud_zone_create {
        const char *name;
        int64_t ttl;                /* 0: the API's default, 3600 */
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;      /* see hcloud_server_create */
};
/* A primary zone. *ret_action (may be NULL) is 0 when adopted; ret_adopted may be NULL. (hcloud API: POST /zones) */
HCLOUD_API int hcloud_zone_create(struct hcloud_client *client, const struct hcloud_zone_create *create, struct hcloud_zone **ret,
                                  int64_t *ret_action, bool *ret_adopted, struct error *err);
HCLOUD_API int hcloud_zone_get(struct hcloud_client *client, int64_t id, struct hcloud_zone **ret, struct error *err);
HCLOUD_API int hcloud_zone_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_zone **ret, struct error *err);
HCLOUD_API int hcloud_zone_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                struct hcloud_zone_list **ret, struct error *err);
HCLOUD_API int hcloud_zone_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                     struct hcloud_page *page, struct hcloud_zone_list **ret, struct error *err);
/* labels replaces all labels. ret may be NULL. */
HCLOUD_API int hcloud_zone_update(struct hcloud_client *client, int64_t id, const struct hcloud_labels *labels,
                                  struct hcloud_zone **ret, struct error *err);
/* *ret_action (may be NULL) is 0 when it was gone already, which is success. */
HCLOUD_API int hcloud_zone_delete(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_zone_change_ttl(struct hcloud_client *client, int64_t id, int64_t ttl, int64_t *ret_action,
                                      struct error *err);
HCLOUD_API int hcloud_zone_change_protection(struct hcloud_client *client, int64_t id, bool protect_delete, int64_t *ret_action,
                                             struct error *err);

struct hcloud_record { char *value, *comment; };                /* comment may be NULL */
struct hcloud_records { struct hcloud_record *items; size_t n; };
struct hcloud_rrset {
        char *id;                   /* "www/AAAA" */
        char *name, *type;
        int64_t ttl;                /* 0: the zone's */
        int64_t zone;
        struct hcloud_records records;
        bool protected_change;
        struct hcloud_labels labels;
};
struct hcloud_rrset_list { struct hcloud_rrset *items; size_t n; };
HCLOUD_API void hcloud_rrset_free(struct hcloud_rrset *rrset);
HCLOUD_API void hcloud_rrset_list_free(struct hcloud_rrset_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_rrset, hcloud_rrset_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_rrset_list, hcloud_rrset_list_free)

struct hcloud_rrset_create {
        const char *name, *type;
        int64_t ttl;                /* 0: the zone's */
        const char *const *values; size_t n_values;     /* 1…50 record values, e.g. addresses */
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;              /* see hcloud_server_create */
};
/* (hcloud API: POST /zones/{id}/rrsets and below) ret_action and ret_adopted may be NULL. */
HCLOUD_API int hcloud_rrset_create(struct hcloud_client *client, int64_t zone, const struct hcloud_rrset_create *create,
                                   struct hcloud_rrset **ret, int64_t *ret_action, bool *ret_adopted, struct error *err);
HCLOUD_API int hcloud_rrset_get(struct hcloud_client *client, int64_t zone, const char *name, const char *type,
                                struct hcloud_rrset **ret, struct error *err);
HCLOUD_API int hcloud_rrset_list(struct hcloud_client *client, int64_t zone, const struct hcloud_list_options *options,
                                 struct hcloud_rrset_list **ret, struct error *err);
HCLOUD_API int hcloud_rrset_update(struct hcloud_client *client, int64_t zone, const char *name, const char *type,
                                   const struct hcloud_labels *labels, struct hcloud_rrset **ret, struct error *err);
/* Gone already is success with action 0. */
HCLOUD_API int hcloud_rrset_delete(struct hcloud_client *client, int64_t zone, const char *name, const char *type,
                                   int64_t *ret_action, struct error *err);
/* Replaces all records. */
HCLOUD_API int hcloud_rrset_set_records(struct hcloud_client *client, int64_t zone, const char *name, const char *type,
                                        const char *const *values, size_t n_values, int64_t *ret_action, struct error *err);
/* Adds records; makes the set when it is missing, then with this ttl (0: the zone's). */
HCLOUD_API int hcloud_rrset_add_records(struct hcloud_client *client, int64_t zone, const char *name, const char *type, int64_t ttl,
                                        const char *const *values, size_t n_values, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_rrset_remove_records(struct hcloud_client *client, int64_t zone, const char *name, const char *type,
                                           const char *const *values, size_t n_values, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_rrset_change_ttl(struct hcloud_client *client, int64_t zone, const char *name, const char *type, int64_t ttl,
                                       int64_t *ret_action, struct error *err);
