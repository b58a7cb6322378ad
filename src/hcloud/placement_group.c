#include <hcloud/placement_group.h>

#include "hcloud/resource.h"

SHAPE(static, placement_group_shape, hcloud_placement_group, "placement group",
      FIELD(hcloud_placement_group, id, "id", F_ID),
      FIELD(hcloud_placement_group, name, "name", F_STR),
      FIELD(hcloud_placement_group, type, "type", F_STR),
      FIELD(hcloud_placement_group, servers, "servers", F_IDS),
      FIELD(hcloud_placement_group, labels, "labels", F_LABELS),
      FIELD(hcloud_placement_group, created, "created", F_TIME));

static const struct resource placement_group_resource = {
        .key = "placement_group",
        .plural = "placement_groups",
        .title = "placement group",
        .shape = &placement_group_shape,
        .rule = HCLOUD_NAME_ANY,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_TYPE | FILTER_SORT,
};

RESOURCE_FREE(placement_group, placement_group_shape)
RESOURCE_GET(placement_group, placement_group_resource)
RESOURCE_GET_BY_NAME(placement_group, placement_group_resource)
RESOURCE_LIST(placement_group, placement_group_resource)
RESOURCE_UPDATE(placement_group, placement_group_resource)
RESOURCE_DELETE(placement_group, placement_group_resource)

int hcloud_placement_group_create(struct hcloud_client *client, const struct hcloud_placement_group_create *create,
                                  struct hcloud_placement_group **ret, bool *ret_adopted, struct error *err) {
        _cleanup_json_ json_t *body = body_of(json_pack("{s:s}", "type", create->type ? create->type : "spread"));
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        return resource_create_simple(client, &placement_group_resource, &call, (void **) ret, NULL, ret_adopted, err);
}
