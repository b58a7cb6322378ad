#include <hcloud/ssh_key.h>

#include "hcloud/resource.h"

SHAPE(static, ssh_key_shape, hcloud_ssh_key, "SSH key",
      FIELD(hcloud_ssh_key, id, "id", F_ID),
      FIELD(hcloud_ssh_key, name, "name", F_STR),
      FIELD(hcloud_ssh_key, fingerprint, "fingerprint", F_STR),
      FIELD(hcloud_ssh_key, public_key, "public_key", F_STR),
      FIELD(hcloud_ssh_key, labels, "labels", F_LABELS),
      FIELD(hcloud_ssh_key, created, "created", F_TIME));

static const struct resource ssh_key_resource = {
        .key = "ssh_key", .plural = "ssh_keys", .title = "SSH key", .shape = &ssh_key_shape, .rule = HCLOUD_NAME_ANY,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_FINGERPRINT | FILTER_SORT,
};

RESOURCE_FREE(ssh_key, ssh_key_shape)
RESOURCE_GET(ssh_key, ssh_key_resource)
RESOURCE_GET_BY_NAME(ssh_key, ssh_key_resource)
RESOURCE_LIST(ssh_key, ssh_key_resource)
RESOURCE_UPDATE(ssh_key, ssh_key_resource)
RESOURCE_DELETE(ssh_key, ssh_key_resource)

int hcloud_ssh_key_create(struct hcloud_client *client, const struct hcloud_ssh_key_create *create, struct hcloud_ssh_key **ret,
                          bool *ret_adopted, struct error *err) {
        _cleanup_json_ json_t *body = body_of(json_pack("{s:s}", "public_key", create->public_key ? create->public_key : ""));
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        return resource_create_simple(client, &ssh_key_resource, &call, (void **) ret, NULL, ret_adopted, err);
}
