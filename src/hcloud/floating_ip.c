#include <hcloud/floating_ip.h>

#include "hcloud/kinds.h"
#include "hcloud/resource.h"

SHAPE(static, floating_ip_shape, hcloud_floating_ip, "floating IP",
      FIELD(hcloud_floating_ip, id, "id", F_ID),
      FIELD(hcloud_floating_ip, name, "name", F_STR),
      FIELD(hcloud_floating_ip, description, "description", F_STR),
      FIELD(hcloud_floating_ip, type, "type", F_STR),
      FIELD(hcloud_floating_ip, ip, "ip", F_STR),
      FIELD(hcloud_floating_ip, server, "server", F_INT),
      FIELD(hcloud_floating_ip, home_location, "home_location.name", F_STR),
      FIELD(hcloud_floating_ip, blocked, "blocked", F_BOOL),
      FIELD(hcloud_floating_ip, protected_delete, "protection.delete", F_BOOL),
      FIELD_OF(hcloud_floating_ip, dns_ptr, "dns_ptr", F_LIST, dns_ptr_shape),
      FIELD(hcloud_floating_ip, labels, "labels", F_LABELS),
      FIELD(hcloud_floating_ip, created, "created", F_TIME));

static const struct resource floating_ip_resource = {
        .key = "floating_ip",
        .plural = "floating_ips",
        .title = "floating IP",
        .shape = &floating_ip_shape,
        .rule = HCLOUD_NAME_ANY,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_SORT,
};

RESOURCE_FREE(floating_ip, floating_ip_shape)
RESOURCE_GET(floating_ip, floating_ip_resource)
RESOURCE_GET_BY_NAME(floating_ip, floating_ip_resource)
RESOURCE_LIST(floating_ip, floating_ip_resource)
RESOURCE_DELETE(floating_ip, floating_ip_resource)
RESOURCE_PROTECT(floating_ip, floating_ip_resource)

int hcloud_floating_ip_create(struct hcloud_client *client, const struct hcloud_floating_ip_create *create,
                              struct hcloud_floating_ip **ret, int64_t *ret_action, bool *ret_adopted, struct error *err) {
        if (!create->home_location == !create->server)
                return error_set(err, ERR_INVALID, "creating floating IP '%s': exactly one of home location and server is needed",
                                 create->name ? create->name : "");
        _cleanup_json_ json_t *body = body_of(json_pack("{s:s, s:s*, s:s*}", "type", create->type ? create->type : "ipv6",
                                                        "description", create->description, "home_location",
                                                        create->home_location));
        if (create->server)
                jset(body, "server", json_integer(create->server));
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        return resource_create_simple(client, &floating_ip_resource, &call, (void **) ret, ret_action, ret_adopted, err);
}

int hcloud_floating_ip_update(struct hcloud_client *client, int64_t id, const struct hcloud_floating_ip_update *update,
                              struct hcloud_floating_ip **ret, struct error *err) {
        int r = update->name ? hcloud_name_check(HCLOUD_NAME_ANY, update->name, err) : 0;
        if (r >= 0)
                r = hcloud_labels_check(update->labels, err);
        if (r < 0)
                return error_wrap(err, "changing floating IP %lld", (long long) id);
        json_t *body = json_object();
        jset_str(body, "name", update->name);
        jset_str(body, "description", update->description);
        if (update->labels)
                jset(body, "labels", json_from_kvs((const struct kvs *) update->labels));
        return resource_put(client, &floating_ip_resource, id, NULL, body, (void **) ret, err);
}

int hcloud_floating_ip_assign(struct hcloud_client *client, int64_t id, int64_t server, int64_t *ret_action, struct error *err) {
        json_t *body = json_pack("{s:I}", "server", (json_int_t) server);
        return resource_action(client, &floating_ip_resource, id, &(struct action_call) { .name = "assign", .body = body },
                               ret_action, err);
}

int hcloud_floating_ip_unassign(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err) {
        return resource_action(client, &floating_ip_resource, id, &(struct action_call) { .name = "unassign" }, ret_action, err);
}

int hcloud_floating_ip_change_dns_ptr(struct hcloud_client *client, int64_t id, const char *ip, const char *dns_ptr,
                                      int64_t *ret_action, struct error *err) {
        json_t *body = body_of(json_pack("{s:s, s:s?}", "ip", ip, "dns_ptr", dns_ptr));
        return resource_action(client, &floating_ip_resource, id, &(struct action_call) { .name = "change_dns_ptr", .body = body },
                               ret_action, err);
}
