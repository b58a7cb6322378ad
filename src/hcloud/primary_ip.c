#include <hcloud/primary_ip.h>

#include "hcloud/kinds.h"
#include "hcloud/resource.h"

SHAPE(static, primary_ip_shape, hcloud_primary_ip, "primary IP",
      FIELD(hcloud_primary_ip, id, "id", F_ID),
      FIELD(hcloud_primary_ip, name, "name", F_STR),
      FIELD(hcloud_primary_ip, type, "type", F_STR),
      FIELD(hcloud_primary_ip, ip, "ip", F_STR),
      FIELD(hcloud_primary_ip, location, "location.name", F_STR),
      FIELD(hcloud_primary_ip, assignee_type, "assignee_type", F_STR),
      FIELD(hcloud_primary_ip, assignee_id, "assignee_id", F_INT),
      FIELD(hcloud_primary_ip, auto_delete, "auto_delete", F_BOOL),
      FIELD(hcloud_primary_ip, blocked, "blocked", F_BOOL),
      FIELD(hcloud_primary_ip, protected_delete, "protection.delete", F_BOOL),
      FIELD_OF(hcloud_primary_ip, dns_ptr, "dns_ptr", F_LIST, dns_ptr_shape),
      FIELD(hcloud_primary_ip, labels, "labels", F_LABELS),
      FIELD(hcloud_primary_ip, created, "created", F_TIME));

static const struct resource primary_ip_resource = {
        .key = "primary_ip", .plural = "primary_ips", .title = "primary IP", .shape = &primary_ip_shape, .rule = HCLOUD_NAME_ANY,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_IP | FILTER_SORT,
};

RESOURCE_FREE(primary_ip, primary_ip_shape)
RESOURCE_GET(primary_ip, primary_ip_resource)
RESOURCE_GET_BY_NAME(primary_ip, primary_ip_resource)
RESOURCE_LIST(primary_ip, primary_ip_resource)
RESOURCE_PROTECT(primary_ip, primary_ip_resource)

/* assignee_type is left out when nothing is assigned: sending "server" with no server is deprecated. (hcloud API: POST
 * /primary_ips) */
int hcloud_primary_ip_create(struct hcloud_client *client, const struct hcloud_primary_ip_create *create,
                             struct hcloud_primary_ip **ret, int64_t *ret_action, bool *ret_adopted, struct error *err) {
        if (!create->location == !create->server)
                return error_set(err, ERR_INVALID, "creating primary IP '%s': exactly one of location and server is needed",
                                 create->name ? create->name : "");
        _cleanup_json_ json_t *body = body_of(
                json_pack("{s:s, s:b}", "type", create->type ? create->type : "ipv6", "auto_delete", create->auto_delete));
        if (create->location) {
                jset_str(body, "location", create->location);
        } else {
                jset_str(body, "assignee_type", "server");
                jset(body, "assignee_id", json_integer(create->server));
        }
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        return resource_create_simple(client, &primary_ip_resource, &call, (void **) ret, ret_action, ret_adopted, err);
}

int hcloud_primary_ip_update(struct hcloud_client *client, int64_t id, const struct hcloud_primary_ip_update *update,
                             struct hcloud_primary_ip **ret, struct error *err) {
        int r = update->name ? hcloud_name_check(HCLOUD_NAME_ANY, update->name, err) : 0;
        if (r >= 0)
                r = hcloud_labels_check(update->labels, err);
        if (r < 0)
                return error_wrap(err, "changing primary IP %lld", (long long) id);
        json_t *body = json_object();
        jset_str(body, "name", update->name);
        if (update->labels)
                jset(body, "labels", json_from_kvs((const struct kvs *) update->labels));
        if (update->auto_delete)
                jset(body, "auto_delete", json_boolean(*update->auto_delete));
        return resource_put(client, &primary_ip_resource, id, NULL, body, (void **) ret, err);
}

int hcloud_primary_ip_delete(struct hcloud_client *client, int64_t id, bool wait_unassigned, struct error *err) {
        static const char *const assigned[] = { "must_be_unassigned", NULL };
        return resource_delete(client, &primary_ip_resource, id, NULL, wait_unassigned ? assigned : NULL, NULL, err);
}

int hcloud_primary_ip_assign(struct hcloud_client *client, int64_t id, int64_t server, int64_t *ret_action, struct error *err) {
        json_t *body = json_pack("{s:s, s:I}", "assignee_type", "server", "assignee_id", (json_int_t) server);
        return resource_action(client, &primary_ip_resource, id, &(struct action_call) { .name = "assign", .body = body },
                               ret_action, err);
}

int hcloud_primary_ip_unassign(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err) {
        return resource_action(client, &primary_ip_resource, id, &(struct action_call) { .name = "unassign" }, ret_action, err);
}

int hcloud_primary_ip_change_dns_ptr(struct hcloud_client *client, int64_t id, const char *ip, const char *dns_ptr,
                                     int64_t *ret_action, struct error *err) {
        json_t *body = body_of(json_pack("{s:s, s:s?}", "ip", ip, "dns_ptr", dns_ptr));
        return resource_action(client, &primary_ip_resource, id, &(struct action_call) { .name = "change_dns_ptr", .body = body },
                               ret_action, err);
}
