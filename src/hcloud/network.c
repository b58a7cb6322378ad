#include <hcloud/network.h>

#include "hcloud/resource.h"

SHAPE(static, subnet_shape, hcloud_subnet, "subnet",
      FIELD(hcloud_subnet, type, "type", F_STR),
      FIELD(hcloud_subnet, ip_range, "ip_range", F_STR),
      FIELD(hcloud_subnet, network_zone, "network_zone", F_STR),
      FIELD(hcloud_subnet, gateway, "gateway", F_STR),
      FIELD(hcloud_subnet, vswitch_id, "vswitch_id", F_INT));

SHAPE(static, route_shape, hcloud_route, "route",
      FIELD(hcloud_route, destination, "destination", F_STR),
      FIELD(hcloud_route, gateway, "gateway", F_STR));

SHAPE(static, network_shape, hcloud_network, "network",
      FIELD(hcloud_network, id, "id", F_ID),
      FIELD(hcloud_network, name, "name", F_STR),
      FIELD(hcloud_network, ip_range, "ip_range", F_STR),
      FIELD_OF(hcloud_network, subnets, "subnets", F_LIST, subnet_shape),
      FIELD_OF(hcloud_network, routes, "routes", F_LIST, route_shape),
      FIELD(hcloud_network, servers, "servers", F_IDS),
      FIELD(hcloud_network, load_balancers, "load_balancers", F_IDS),
      FIELD(hcloud_network, protected_delete, "protection.delete", F_BOOL),
      FIELD(hcloud_network, expose_routes_to_vswitch, "expose_routes_to_vswitch", F_BOOL),
      FIELD(hcloud_network, labels, "labels", F_LABELS),
      FIELD(hcloud_network, created, "created", F_TIME));

static const struct resource network_resource = {
        .key = "network", .plural = "networks", .title = "network", .shape = &network_shape, .rule = HCLOUD_NAME_LONG,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_SORT,
};

RESOURCE_FREE(network, network_shape)
RESOURCE_GET(network, network_resource)
RESOURCE_GET_BY_NAME(network, network_resource)
RESOURCE_LIST(network, network_resource)
RESOURCE_UPDATE(network, network_resource)
RESOURCE_DELETE(network, network_resource)
RESOURCE_PROTECT(network, network_resource)

static json_t *subnet_body(const char *type, const char *ip_range, const char *network_zone) {
        return body_of(json_pack("{s:s, s:s*, s:s}", "type", type ? type : "cloud", "ip_range", ip_range, "network_zone",
                                 network_zone ? network_zone : ""));
}

int hcloud_network_create(struct hcloud_client *client, const struct hcloud_network_create *create, struct hcloud_network **ret,
                          bool *ret_adopted, struct error *err) {
        _cleanup_json_ json_t *body = body_of(json_pack("{s:s}", "ip_range", create->ip_range ? create->ip_range : ""));
        if (create->subnet_network_zone && json_is_object(body)) {
                json_t *subnets = json_array();
                json_array_append_new(subnets, subnet_body("cloud", create->subnet_ip_range, create->subnet_network_zone));
                jset(body, "subnets", subnets);
        }
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        return resource_create_simple(client, &network_resource, &call, (void **) ret, NULL, ret_adopted, err);
}

int hcloud_network_add_subnet(struct hcloud_client *client, int64_t id, const char *type, const char *ip_range,
                              const char *network_zone, int64_t *ret_action, struct error *err) {
        /* Without a range the API picks a free one: twice would make two. */
        const struct action_call call = { .name = "add_subnet",
                                          .body = subnet_body(type, ip_range, network_zone),
                                          .once = !ip_range };
        return resource_action(client, &network_resource, id, &call, ret_action, err);
}

int hcloud_network_delete_subnet(struct hcloud_client *client, int64_t id, const char *ip_range, int64_t *ret_action,
                                 struct error *err) {
        static const char *const transient[] = { "service_error", NULL };       /* while servers are still leaving it */
        const struct action_call call = { .name = "delete_subnet",
                                          .body = body_of(json_pack("{s:s}", "ip_range", ip_range)),
                                          .also_retry = transient };
        return resource_action(client, &network_resource, id, &call, ret_action, err);
}

static int route_action(struct hcloud_client *client, int64_t id, const char *name, const char *destination, const char *gateway,
                        int64_t *ret_action, struct error *err) {
        const struct action_call call = {
                .name = name, .body = body_of(json_pack("{s:s, s:s}", "destination", destination, "gateway", gateway))
        };
        return resource_action(client, &network_resource, id, &call, ret_action, err);
}

int hcloud_network_add_route(struct hcloud_client *client, int64_t id, const char *destination, const char *gateway,
                             int64_t *ret_action, struct error *err) {
        return route_action(client, id, "add_route", destination, gateway, ret_action, err);
}

int hcloud_network_delete_route(struct hcloud_client *client, int64_t id, const char *destination, const char *gateway,
                                int64_t *ret_action, struct error *err) {
        return route_action(client, id, "delete_route", destination, gateway, ret_action, err);
}

int hcloud_network_change_ip_range(struct hcloud_client *client, int64_t id, const char *ip_range, int64_t *ret_action,
                                   struct error *err) {
        const struct action_call call = { .name = "change_ip_range", .body = body_of(json_pack("{s:s}", "ip_range", ip_range)) };
        return resource_action(client, &network_resource, id, &call, ret_action, err);
}
