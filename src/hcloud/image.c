#include <hcloud/image.h>

#include "hcloud/kinds.h"
#include "hcloud/resource.h"

SHAPE(, image_shape, hcloud_image, "image",
      FIELD(hcloud_image, id, "id", F_ID),
      FIELD(hcloud_image, type, "type", F_STR),
      FIELD(hcloud_image, status, "status", F_STR),
      FIELD(hcloud_image, name, "name", F_STR),
      FIELD(hcloud_image, description, "description", F_STR),
      FIELD(hcloud_image, image_size, "image_size", F_REAL),
      FIELD(hcloud_image, disk_size, "disk_size", F_REAL),
      FIELD(hcloud_image, created, "created", F_TIME),
      FIELD(hcloud_image, created_from, "created_from.id", F_INT),
      FIELD(hcloud_image, created_from_name, "created_from.name", F_STR),
      FIELD(hcloud_image, bound_to, "bound_to", F_INT),
      FIELD(hcloud_image, os_flavor, "os_flavor", F_STR),
      FIELD(hcloud_image, os_version, "os_version", F_STR),
      FIELD(hcloud_image, architecture, "architecture", F_STR),
      FIELD(hcloud_image, rapid_deploy, "rapid_deploy", F_BOOL),
      FIELD(hcloud_image, protected_delete, "protection.delete", F_BOOL),
      FIELD(hcloud_image, deprecated, "deprecated", F_TIME),
      FIELD(hcloud_image, deleted, "deleted", F_TIME),
      FIELD(hcloud_image, labels, "labels", F_LABELS));

const struct resource image_resource = {
        .key = "image",
        .plural = "images",
        .title = "image",
        .shape = &image_shape,
        .rule = HCLOUD_NAME_ANY,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_STATUS | FILTER_TYPE | FILTER_ARCHITECTURE | FILTER_BOUND_TO |
                   FILTER_DEPRECATED | FILTER_SORT,
};

RESOURCE_FREE(image, image_shape)
RESOURCE_GET(image, image_resource)
RESOURCE_LIST(image, image_resource)
RESOURCE_DELETE(image, image_resource)
RESOURCE_PROTECT(image, image_resource)

int hcloud_image_get_by_name(struct hcloud_client *client, const char *name, const char *architecture, struct hcloud_image **ret,
                             struct error *err) {
        _cleanup_(hcloud_image_list_freep) struct hcloud_image_list *list = NULL;
        if (str_empty(name))
                return error_set(err, ERR_INVALID, "reading an image by name: the name is empty");
        int r = hcloud_image_list(client, &(struct hcloud_list_options) { .name = name, .architecture = architecture }, &list, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list->n; i++) {
                if (!str_eq(list->items[i].name, name) || (architecture && !str_eq(list->items[i].architecture, architecture)))
                        continue;
                *ret = xmemdup(&list->items[i], sizeof(list->items[i]));
                memset(&list->items[i], 0, sizeof(list->items[i]));     /* its members went along */
                return 0;
        }
        return error_set(err, ERR_NOT_FOUND, "there is no image '%s'%s%s", name, architecture ? " for " : "",
                         architecture ? architecture : "");
}

int hcloud_image_update(struct hcloud_client *client, int64_t id, const struct hcloud_image_update *update,
                        struct hcloud_image **ret, struct error *err) {
        int r = hcloud_labels_check(update->labels, err);
        if (r < 0)
                return error_wrap(err, "changing image %lld", (long long) id);
        json_t *body = json_object();
        jset_str(body, "description", update->description);
        jset_str(body, "type", update->type);
        if (update->labels)
                jset(body, "labels", json_from_kvs((const struct kvs *) update->labels));
        return resource_put(client, &image_resource, id, NULL, body, (void **) ret, err);
}
