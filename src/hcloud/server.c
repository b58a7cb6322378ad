/* Servers: shape, create, and everything that is done to one. */
#include <hcloud/server.h>

#include "base/secret.h"
#include "hcloud/kinds.h"
#include "hcloud/resource.h"

SHAPE(, dns_ptr_shape, hcloud_dns_ptr, "reverse DNS entry",
      FIELD(hcloud_dns_ptr, ip, "ip", F_STR),
      FIELD(hcloud_dns_ptr, dns_ptr, "dns_ptr", F_STR));

SHAPE(static, ipv4_shape, hcloud_server_ipv4, "server's IPv4",
      FIELD(hcloud_server_ipv4, id, "id", F_INT),
      FIELD(hcloud_server_ipv4, ip, "ip", F_STR),
      FIELD(hcloud_server_ipv4, blocked, "blocked", F_BOOL),
      FIELD(hcloud_server_ipv4, dns_ptr, "dns_ptr", F_STR));

SHAPE(static, ipv6_shape, hcloud_server_ipv6, "server's IPv6",
      FIELD(hcloud_server_ipv6, id, "id", F_INT),
      FIELD(hcloud_server_ipv6, ip, "ip", F_STR),
      FIELD(hcloud_server_ipv6, blocked, "blocked", F_BOOL),
      FIELD_OF(hcloud_server_ipv6, dns_ptr, "dns_ptr", F_LIST, dns_ptr_shape));

SHAPE(static, server_firewall_shape, hcloud_server_firewall, "server's firewall",
      FIELD(hcloud_server_firewall, id, "id", F_INT),
      FIELD(hcloud_server_firewall, status, "status", F_STR));

SHAPE(static, private_net_shape, hcloud_server_private_net, "server's private network",
      FIELD(hcloud_server_private_net, network, "network", F_INT),
      FIELD(hcloud_server_private_net, ip, "ip", F_STR),
      FIELD(hcloud_server_private_net, alias_ips, "alias_ips", F_STRINGS),
      FIELD(hcloud_server_private_net, mac_address, "mac_address", F_STR));

SHAPE(, server_shape, hcloud_server, "server",
      FIELD(hcloud_server, id, "id", F_ID),
      FIELD(hcloud_server, name, "name", F_STR),
      FIELD(hcloud_server, status, "status", F_STR),
      FIELD(hcloud_server, created, "created", F_TIME),
      FIELD_OF(hcloud_server, ipv4, "public_net.ipv4", F_POINTER, ipv4_shape),
      FIELD_OF(hcloud_server, ipv6, "public_net.ipv6", F_POINTER, ipv6_shape),
      FIELD(hcloud_server, floating_ips, "public_net.floating_ips", F_IDS),
      FIELD_OF(hcloud_server, firewalls, "public_net.firewalls", F_LIST, server_firewall_shape),
      FIELD_OF(hcloud_server, private_nets, "private_net", F_LIST, private_net_shape),
      FIELD(hcloud_server, server_type, "server_type.name", F_STR),
      FIELD(hcloud_server, server_type_id, "server_type.id", F_INT),
      FIELD(hcloud_server, architecture, "server_type.architecture", F_STR),
      FIELD(hcloud_server, cores, "server_type.cores", F_REAL),
      FIELD(hcloud_server, memory, "server_type.memory", F_REAL),
      FIELD(hcloud_server, disk, "server_type.disk", F_REAL),
      FIELD(hcloud_server, location, "location.name", F_STR),
      FIELD(hcloud_server, network_zone, "location.network_zone", F_STR),
      FIELD(hcloud_server, image, "image.id", F_INT),
      FIELD(hcloud_server, iso, "iso.id", F_INT),
      FIELD(hcloud_server, placement_group, "placement_group.id", F_INT),
      FIELD(hcloud_server, volumes, "volumes", F_IDS),
      FIELD(hcloud_server, load_balancers, "load_balancers", F_IDS),
      FIELD(hcloud_server, rescue_enabled, "rescue_enabled", F_BOOL),
      FIELD(hcloud_server, locked, "locked", F_BOOL),
      FIELD(hcloud_server, protected_delete, "protection.delete", F_BOOL),
      FIELD(hcloud_server, protected_rebuild, "protection.rebuild", F_BOOL),
      FIELD(hcloud_server, primary_disk_size, "primary_disk_size", F_REAL),
      FIELD(hcloud_server, outgoing_traffic, "outgoing_traffic", F_TRAFFIC),
      FIELD(hcloud_server, ingoing_traffic, "ingoing_traffic", F_TRAFFIC),
      FIELD(hcloud_server, included_traffic, "included_traffic", F_TRAFFIC),
      FIELD(hcloud_server, labels, "labels", F_LABELS));

const struct resource server_resource = {
        .key = "server", .plural = "servers", .title = "server", .shape = &server_shape, .rule = HCLOUD_NAME_SERVER,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_STATUS | FILTER_SORT,
};

RESOURCE_FREE(server, server_shape)
RESOURCE_GET(server, server_resource)
RESOURCE_GET_BY_NAME(server, server_resource)
RESOURCE_LIST(server, server_resource)
RESOURCE_UPDATE(server, server_resource)

int hcloud_server_delete(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err) {
        return resource_delete(client, &server_resource, id, NULL, NULL, ret_action, err);
}

/* ---- create ---- */

void hcloud_server_created_free(struct hcloud_server_created *created) {
        if (!created)
                return;
        hcloud_server_free(created->server);
        hcloud_ids_done(&created->actions);
        secret_free(created->root_password);
        free(created);
}

static int check_create(const struct hcloud_server_create *o, struct error *err) {
        const char *name = o->name ? o->name : "";
        if (str_empty(o->server_type))
                return error_set(err, ERR_INVALID, "creating server '%s': no server type given", name);
        if (!o->image && str_empty(o->image_name))
                return error_set(err, ERR_INVALID, "creating server '%s': no image given", name);
        if (o->user_data && strlen(o->user_data) > HCLOUD_USER_DATA_MAX)
                return error_set(err, ERR_INVALID, "creating server '%s': user data has %zu bytes; at most %d are allowed", name,
                                 strlen(o->user_data), HCLOUD_USER_DATA_MAX);
        if ((o->no_ipv4 && o->primary_ipv4) || (o->no_ipv6 && o->primary_ipv6))
                return error_set(err, ERR_INVALID, "creating server '%s': a primary IP is given for a disabled family", name);
        return 0;
}

static json_t *public_net_body(const struct hcloud_server_create *o) {
        json_t *net = json_pack("{s:b, s:b}", "enable_ipv4", !o->no_ipv4, "enable_ipv6", !o->no_ipv6);
        if (o->primary_ipv4)
                jset(net, "ipv4", json_integer(o->primary_ipv4));
        if (o->primary_ipv6)
                jset(net, "ipv6", json_integer(o->primary_ipv6));
        return net;
}

static json_t *firewalls_body(const struct hcloud_server_create *o) {
        json_t *list = o->n_firewalls ? json_array() : NULL;
        for (size_t i = 0; i < o->n_firewalls; i++)
                json_array_append_new(list, json_pack("{s:I}", "firewall", (json_int_t) o->firewalls[i]));
        return list;
}

/* Never `datacenter`: it was removed from the API on 2026-07-01. */
static json_t *create_body(const struct hcloud_server_create *o) {
        json_t *body = json_pack("{s:s, s:b}", "server_type", o->server_type, "start_after_create", !o->no_start);
        json_t *user_data = o->user_data ? json_string(o->user_data) : NULL;
        if (!body || (o->user_data && !user_data)) {
                json_decref(body);
                return json_null();
        }
        jset(body, "image", o->image ? json_integer(o->image) : json_string(o->image_name));
        jset_str(body, "location", o->location);
        jset(body, "public_net", public_net_body(o));
        jset(body, "ssh_keys", json_ids(o->ssh_keys, o->n_ssh_keys));
        jset(body, "firewalls", firewalls_body(o));
        jset(body, "networks", json_ids(o->networks, o->n_networks));
        jset(body, "volumes", json_ids(o->volumes, o->n_volumes));
        if (o->n_volumes)
                jset(body, "automount", json_boolean(o->automount));
        if (o->placement_group)
                jset(body, "placement_group", json_integer(o->placement_group));
        jset(body, "user_data", user_data);
        return body;
}

int hcloud_server_create(struct hcloud_client *client, const struct hcloud_server_create *create,
                         struct hcloud_server_created **ret, struct error *err) {
        _cleanup_(hcloud_server_created_freep) struct hcloud_server_created *created = xnew0(struct hcloud_server_created);
        _cleanup_json_ json_t *body = NULL, *answer = NULL;
        int64_t action = 0;
        int r = check_create(create, err);
        if (r < 0)
                return r;
        body = create_body(create);
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        r = resource_create(client, &server_resource, &call, &answer, &created->adopted, err);
        if (r < 0)
                return r;
        r = shape_read_new(&server_shape, jget(answer, "server"), (void **) &created->server, err);
        if (r >= 0)
                r = answer_action(client, answer, "action", &action, err);
        hcloud_ids_add(&created->actions, action);
        if (r >= 0)
                r = answer_actions(client, answer, "next_actions", &created->actions, err);
        if (r < 0)
                return error_wrap(err, "creating server '%s'", create->name);
        created->root_password = xstrdup(jget_text(answer, "root_password"));
        *ret = TAKE(created);
        return 0;
}

/* ---- actions ---- */

#define POWER_ACTION(word)                                                                                                     \
        int hcloud_server_##word(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err) {          \
                return resource_action(client, &server_resource, id, &(struct action_call) { .name = #word }, ret_action, err); \
        }
POWER_ACTION(poweron)
POWER_ACTION(poweroff)
POWER_ACTION(shutdown)
POWER_ACTION(reboot)
POWER_ACTION(reset)
POWER_ACTION(disable_rescue)
POWER_ACTION(remove_from_placement_group)

/* Actions that give a root password too. */
static int password_action(struct hcloud_client *client, int64_t id, const struct action_call *call, int64_t *ret_action,
                           char **ret_root_password, struct error *err) {
        _cleanup_json_ json_t *answer = NULL;
        int64_t action;
        int r = resource_action_answer(client, &server_resource, id, call, &answer, err);
        if (r >= 0)
                r = answer_action(client, answer, "action", &action, err);
        if (r < 0)
                return r;
        if (ret_action)
                *ret_action = action;
        if (ret_root_password)
                *ret_root_password = xstrdup(jget_text(answer, "root_password"));
        return 0;
}

int hcloud_server_rebuild(struct hcloud_client *client, int64_t id, int64_t image, const char *user_data, int64_t *ret_action,
                          char **ret_root_password, struct error *err) {
        if (user_data && strlen(user_data) > HCLOUD_USER_DATA_MAX)
                return error_set(err, ERR_INVALID, "rebuild of server %lld: user data has %zu bytes; at most %d are allowed",
                                 (long long) id, strlen(user_data), HCLOUD_USER_DATA_MAX);
        json_t *body = body_of(json_pack("{s:I, s:s*}", "image", (json_int_t) image, "user_data", user_data));
        return password_action(client, id, &(struct action_call) { .name = "rebuild", .body = body }, ret_action,
                               ret_root_password, err);
}

int hcloud_server_enable_rescue(struct hcloud_client *client, int64_t id, const int64_t *ssh_keys, size_t n_ssh_keys,
                                int64_t *ret_action, char **ret_root_password, struct error *err) {
        static const char *const transient[] = { "service_error", NULL };
        json_t *body = json_pack("{s:s}", "type", "linux64");
        jset(body, "ssh_keys", json_ids(ssh_keys, n_ssh_keys));
        const struct action_call call = { .name = "enable_rescue", .body = body, .also_retry = transient };
        return password_action(client, id, &call, ret_action, ret_root_password, err);
}

int hcloud_server_create_image(struct hcloud_client *client, int64_t id, const char *description,
                               const struct hcloud_labels *labels, struct hcloud_image **ret, int64_t *ret_action,
                               struct error *err) {
        _cleanup_json_ json_t *answer = NULL;
        int64_t action = 0;
        int r = hcloud_labels_check(labels, err);
        if (r < 0)
                return error_wrap(err, "create_image of server %lld", (long long) id);
        json_t *body = body_of(json_pack("{s:s, s:s*}", "type", "snapshot", "description", description));
        if (labels && json_is_object(body))
                jset(body, "labels", json_from_kvs((const struct kvs *) labels));
        /* Twice would make, and bill, two snapshots. */
        r = resource_action_answer(client, &server_resource, id,
                                   &(struct action_call) { .name = "create_image", .body = body, .once = true }, &answer, err);
        if (r >= 0)
                r = answer_action(client, answer, "action", &action, err);
        if (r >= 0)
                r = shape_read_new(&image_shape, jget(answer, "image"), (void **) ret, err);
        if (r < 0)
                return r;
        if (ret_action)
                *ret_action = action;
        return 0;
}

int hcloud_server_change_protection(struct hcloud_client *client, int64_t id, bool protect, int64_t *ret_action,
                                    struct error *err) {
        json_t *body = json_pack("{s:b, s:b}", "delete", protect, "rebuild", protect);
        return resource_action(client, &server_resource, id, &(struct action_call) { .name = "change_protection", .body = body },
                               ret_action, err);
}

int hcloud_server_change_type(struct hcloud_client *client, int64_t id, const char *server_type, bool upgrade_disk,
                              int64_t *ret_action, struct error *err) {
        json_t *body = body_of(json_pack("{s:s, s:b}", "server_type", server_type, "upgrade_disk", upgrade_disk));
        return resource_action(client, &server_resource, id, &(struct action_call) { .name = "change_type", .body = body },
                               ret_action, err);
}

int hcloud_server_attach_to_network(struct hcloud_client *client, int64_t id, int64_t network, const char *ip,
                                    const char *ip_range, int64_t *ret_action, struct error *err) {
        /* What the Terraform provider has to repeat here too. */
        static const char *const transient[] = { "service_error", "no_subnet_available", NULL }, *const done[] = {
                "server_already_attached", NULL
        };
        json_t *body = body_of(json_pack("{s:I, s:s*, s:s*}", "network", (json_int_t) network, "ip", ip, "ip_range", ip_range));
        const struct action_call call = { .name = "attach_to_network", .body = body, .also_retry = transient, .done = done };
        return resource_action(client, &server_resource, id, &call, ret_action, err);
}

int hcloud_server_detach_from_network(struct hcloud_client *client, int64_t id, int64_t network, int64_t *ret_action,
                                      struct error *err) {
        static const char *const transient[] = { "service_error", NULL }, *const done[] = { "server_not_attached_to_network",
                                                                                            NULL };
        json_t *body = json_pack("{s:I}", "network", (json_int_t) network);
        const struct action_call call = { .name = "detach_from_network", .body = body, .also_retry = transient, .done = done };
        return resource_action(client, &server_resource, id, &call, ret_action, err);
}

int hcloud_server_change_alias_ips(struct hcloud_client *client, int64_t id, int64_t network, const char *const *alias_ips,
                                   size_t n_alias_ips, int64_t *ret_action, struct error *err) {
        json_t *body = json_pack("{s:I}", "network", (json_int_t) network);
        jset(body, "alias_ips", n_alias_ips ? json_texts(alias_ips, n_alias_ips) : json_array());
        return resource_action(client, &server_resource, id, &(struct action_call) { .name = "change_alias_ips", .body = body },
                               ret_action, err);
}

int hcloud_server_add_to_placement_group(struct hcloud_client *client, int64_t id, int64_t placement_group, int64_t *ret_action,
                                         struct error *err) {
        json_t *body = json_pack("{s:I}", "placement_group", (json_int_t) placement_group);
        return resource_action(client, &server_resource, id,
                               &(struct action_call) { .name = "add_to_placement_group", .body = body }, ret_action, err);
}

int hcloud_server_change_dns_ptr(struct hcloud_client *client, int64_t id, const char *ip, const char *dns_ptr,
                                 int64_t *ret_action, struct error *err) {
        json_t *body = body_of(json_pack("{s:s, s:s?}", "ip", ip, "dns_ptr", dns_ptr));
        return resource_action(client, &server_resource, id, &(struct action_call) { .name = "change_dns_ptr", .body = body },
                               ret_action, err);
}
