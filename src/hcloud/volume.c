#include <hcloud/volume.h>

#include "hcloud/resource.h"

SHAPE(static, volume_shape, hcloud_volume, "volume",
      FIELD(hcloud_volume, id, "id", F_ID),
      FIELD(hcloud_volume, name, "name", F_STR),
      FIELD(hcloud_volume, status, "status", F_STR),
      FIELD(hcloud_volume, server, "server", F_INT),
      FIELD(hcloud_volume, location, "location.name", F_STR),
      FIELD(hcloud_volume, size, "size", F_REAL),
      FIELD(hcloud_volume, linux_device, "linux_device", F_STR),
      FIELD(hcloud_volume, format, "format", F_STR),
      FIELD(hcloud_volume, protected_delete, "protection.delete", F_BOOL),
      FIELD(hcloud_volume, labels, "labels", F_LABELS),
      FIELD(hcloud_volume, created, "created", F_TIME));

static const struct resource volume_resource = {
        .key = "volume", .plural = "volumes", .title = "volume", .shape = &volume_shape, .rule = HCLOUD_NAME_VOLUME,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_STATUS | FILTER_SORT,
};

RESOURCE_FREE(volume, volume_shape)
RESOURCE_GET(volume, volume_resource)
RESOURCE_GET_BY_NAME(volume, volume_resource)
RESOURCE_LIST(volume, volume_resource)
RESOURCE_UPDATE(volume, volume_resource)
RESOURCE_DELETE(volume, volume_resource)
RESOURCE_PROTECT(volume, volume_resource)

int hcloud_volume_create(struct hcloud_client *client, const struct hcloud_volume_create *create, struct hcloud_volume **ret,
                         struct hcloud_ids *ret_actions, bool *ret_adopted, struct error *err) {
        _cleanup_json_ json_t *body = NULL, *answer = NULL;
        _cleanup_(hcloud_ids_done) struct hcloud_ids actions = { 0 };
        int64_t action = 0;
        bool adopted = false;
        if (create->size < 10 || create->size > 10240)
                return error_set(err, ERR_INVALID, "creating volume '%s': %lld GB; 10 to 10240 are allowed",
                                 create->name ? create->name : "", (long long) create->size);
        body = body_of(json_pack("{s:I, s:s*, s:s*}", "size", (json_int_t) create->size, "location", create->location, "format",
                                 create->format));
        if (create->server) {
                jset(body, "server", json_integer(create->server));
                jset(body, "automount", json_boolean(create->automount));
        }
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        int r = resource_create(client, &volume_resource, &call, &answer, &adopted, err);
        if (r < 0)
                return r;
        r = answer_action(client, answer, "action", &action, err);
        hcloud_ids_add(&actions, action);
        if (r >= 0)
                r = answer_actions(client, answer, "next_actions", &actions, err);
        if (r >= 0)
                r = shape_read_new(&volume_shape, jget(answer, "volume"), (void **) ret, err);
        if (r < 0)
                return error_wrap(err, "creating volume '%s'", create->name);
        if (ret_actions)
                *ret_actions = TAKE_STRUCT(actions);
        if (ret_adopted)
                *ret_adopted = adopted;
        return 0;
}

int hcloud_volume_attach(struct hcloud_client *client, int64_t id, int64_t server, bool automount, int64_t *ret_action,
                         struct error *err) {
        json_t *body = json_pack("{s:I, s:b}", "server", (json_int_t) server, "automount", automount);
        return resource_action(client, &volume_resource, id, &(struct action_call) { .name = "attach", .body = body }, ret_action,
                               err);
}

int hcloud_volume_detach(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err) {
        return resource_action(client, &volume_resource, id, &(struct action_call) { .name = "detach" }, ret_action, err);
}

int hcloud_volume_resize(struct hcloud_client *client, int64_t id, int64_t size, int64_t *ret_action, struct error *err) {
        json_t *body = json_pack("{s:I}", "size", (json_int_t) size);
        return resource_action(client, &volume_resource, id, &(struct action_call) { .name = "resize", .body = body }, ret_action,
                               err);
}
