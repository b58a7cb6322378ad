/* Placement groups: at most 10 servers each, every one on a different host. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_placement_group {
        int64_t id;
        char *name;
        char *type;                 /* "spread" */
        struct hcloud_ids servers;
        struct hcloud_labels labels;
        int64_t created;
};
struct hcloud_placement_group_list { struct hcloud_placement_group *items; size_t n; };
HCLOUD_API void hcloud_placement_group_free(struct hcloud_placement_group *group);
HCLOUD_API void hcloud_placement_group_list_free(struct hcloud_placement_group_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_placement_group, hcloud_placement_group_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_placement_group_list, hcloud_placement_group_list_free)

struct hcloud_placement_group_create {
        const char *name;
        const char *type;                       /* NULL: "spread" */
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;      /* see hcloud_server_create; give labels of your own run for a lock */
};
/* ret_adopted may be NULL. ERR_EXISTS when the name is taken by an object that is not to be adopted. (hcloud API: POST
 * /placement_groups) */
HCLOUD_API int hcloud_placement_group_create(struct hcloud_client *client, const struct hcloud_placement_group_create *create,
                                             struct hcloud_placement_group **ret, bool *ret_adopted, struct error *err);
HCLOUD_API int hcloud_placement_group_get(struct hcloud_client *client, int64_t id, struct hcloud_placement_group **ret,
                                          struct error *err);
HCLOUD_API int hcloud_placement_group_get_by_name(struct hcloud_client *client, const char *name,
                                                  struct hcloud_placement_group **ret, struct error *err);
HCLOUD_API int hcloud_placement_group_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                           struct hcloud_placement_group_list **ret, struct error *err);
HCLOUD_API int hcloud_placement_group_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                                struct hcloud_page *page, struct hcloud_placement_group_list **ret,
                                                struct error *err);
/* name and labels may be NULL: unchanged. labels replaces all labels. ret may be NULL. */
HCLOUD_API int hcloud_placement_group_update(struct hcloud_client *client, int64_t id, const char *name,
                                             const struct hcloud_labels *labels, struct hcloud_placement_group **ret,
                                             struct error *err);
/* Gone already is success. */
HCLOUD_API int hcloud_placement_group_delete(struct hcloud_client *client, int64_t id, struct error *err);
