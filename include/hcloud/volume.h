/* Volumes: block storage of 10…10240 GB. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_volume {
        int64_t id;
        char *name;
        char *status;               /* "available", "creating" */
        int64_t server;             /* attached to; 0: none */
        char *location;             /* name */
        double size;                /* GB */
        char *linux_device, *format;/* format NULL: none */
        bool protected_delete;
        struct hcloud_labels labels;
        int64_t created;
};
struct hcloud_volume_list { struct hcloud_volume *items; size_t n; };
HCLOUD_API void hcloud_volume_free(struct hcloud_volume *volume);
HCLOUD_API void hcloud_volume_list_free(struct hcloud_volume_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_volume, hcloud_volume_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_volume_list, hcloud_volume_list_free)

struct hcloud_volume_create {
        const char *name;
        int64_t size;               /* GB, 10…10240 */
        const char *location;       /* one of location … */
        int64_t server;             /* … and server */
        const char *format;         /* "ext4", "xfs", or NULL */
        bool automount;
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;      /* see hcloud_server_create */
};
/* ret_actions (may be NULL) is emptied by the caller with hcloud_ids_done(). ret_adopted may be NULL.
 * (hcloud API: POST /volumes) */
HCLOUD_API int hcloud_volume_create(struct hcloud_client *client, const struct hcloud_volume_create *create,
                                    struct hcloud_volume **ret, struct hcloud_ids *ret_actions, bool *ret_adopted,
                                    struct error *err);
HCLOUD_API int hcloud_volume_get(struct hcloud_client *client, int64_t id, struct hcloud_volume **ret, struct error *err);
HCLOUD_API int hcloud_volume_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_volume **ret,
                                         struct error *err);
HCLOUD_API int hcloud_volume_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                  struct hcloud_volume_list **ret, struct error *err);
HCLOUD_API int hcloud_volume_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                       struct hcloud_page *page, struct hcloud_volume_list **ret, struct error *err);
/* name and labels may be NULL: unchanged. labels replaces all labels. ret may be NULL. */
HCLOUD_API int hcloud_volume_update(struct hcloud_client *client, int64_t id, const char *name, const struct hcloud_labels *labels,
                                    struct hcloud_volume **ret, struct error *err);
/* Must be detached. Gone already is success. */
HCLOUD_API int hcloud_volume_delete(struct hcloud_client *client, int64_t id, struct error *err);
/* ret_action may be NULL. */
HCLOUD_API int hcloud_volume_attach(struct hcloud_client *client, int64_t id, int64_t server, bool automount, int64_t *ret_action,
                                    struct error *err);
HCLOUD_API int hcloud_volume_detach(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_volume_resize(struct hcloud_client *client, int64_t id, int64_t size, int64_t *ret_action, struct error *err);
HCLOUD_API int hcloud_volume_change_protection(struct hcloud_client *client, int64_t id, bool protect_delete, int64_t *ret_action,
                                               struct error *err);
