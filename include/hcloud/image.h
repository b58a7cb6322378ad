/* Images: system images, and snapshots and backups made of servers. Snapshots have no name, only description and labels. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_image {
        int64_t id;
        char *type;                 /* "system", "app", "snapshot", "backup" */
        char *status;               /* "available", "creating", "unavailable" */
        char *name;                 /* NULL for snapshots and backups */
        char *description;
        double image_size;          /* GB, billed; 0 until the snapshot is done */
        double disk_size;           /* GB; the smallest disk it fits on */
        int64_t created;
        int64_t created_from;       /* server id, 0: none */
        char *created_from_name;
        int64_t bound_to;           /* a backup's server */
        char *os_flavor, *os_version;
        char *architecture;         /* "x86", "arm" */
        bool rapid_deploy, protected_delete;
        int64_t deprecated, deleted;
        struct hcloud_labels labels;
};
struct hcloud_image_list { struct hcloud_image *items; size_t n; };
HCLOUD_API void hcloud_image_free(struct hcloud_image *image);
HCLOUD_API void hcloud_image_list_free(struct hcloud_image_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_image, hcloud_image_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_image_list, hcloud_image_list_free)

/* (hcloud API: GET /images, GET /images/{id}) ERR_NOT_FOUND. A system image's name exists once per architecture. */
HCLOUD_API int hcloud_image_get(struct hcloud_client *client, int64_t id, struct hcloud_image **ret, struct error *err);
HCLOUD_API int hcloud_image_get_by_name(struct hcloud_client *client, const char *name, const char *architecture,
                                        struct hcloud_image **ret, struct error *err);
HCLOUD_API int hcloud_image_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                 struct hcloud_image_list **ret, struct error *err);
HCLOUD_API int hcloud_image_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                      struct hcloud_page *page, struct hcloud_image_list **ret, struct error *err);
/* Fields that are NULL stay. labels replaces all labels. ret may be NULL. (hcloud API: PUT /images/{id}) */
struct hcloud_image_update { const char *description; const struct hcloud_labels *labels; const char *type; /* "snapshot" */ };
HCLOUD_API int hcloud_image_update(struct hcloud_client *client, int64_t id, const struct hcloud_image_update *update,
                                   struct hcloud_image **ret, struct error *err);
/* Snapshots and backups only. An image that is gone already is success. (hcloud API: DELETE /images/{id}) */
HCLOUD_API int hcloud_image_delete(struct hcloud_client *client, int64_t id, struct error *err);
HCLOUD_API int hcloud_image_change_protection(struct hcloud_client *client, int64_t id, bool protect_delete, int64_t *ret_action,
                                              struct error *err);
/* Waits until the image's status is "available"; the success of the create_image action is not enough. timeout_ms 0: 30 min.
 * ERR_TIMEOUT, ERR_REFUSED (it became "unavailable"), ERR_NOT_FOUND. */
HCLOUD_API int hcloud_image_wait_available(struct hcloud_client *client, int64_t id, int64_t timeout_ms,
                                           struct hcloud_image **ret, struct error *err);
