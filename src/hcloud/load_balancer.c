#include <hcloud/load_balancer.h>

#include "hcloud/resource.h"

SHAPE(static, service_shape, hcloud_load_balancer_service, "load balancer's service",
      FIELD(hcloud_load_balancer_service, protocol, "protocol", F_STR),
      FIELD(hcloud_load_balancer_service, listen_port, "listen_port", F_INT),
      FIELD(hcloud_load_balancer_service, destination_port, "destination_port", F_INT),
      FIELD(hcloud_load_balancer_service, proxyprotocol, "proxyprotocol", F_BOOL),
      FIELD(hcloud_load_balancer_service, check_protocol, "health_check.protocol", F_STR),
      FIELD(hcloud_load_balancer_service, check_port, "health_check.port", F_INT),
      FIELD(hcloud_load_balancer_service, check_interval, "health_check.interval", F_INT),
      FIELD(hcloud_load_balancer_service, check_timeout, "health_check.timeout", F_INT),
      FIELD(hcloud_load_balancer_service, check_retries, "health_check.retries", F_INT),
      FIELD(hcloud_load_balancer_service, check_http_domain, "health_check.http.domain", F_STR),
      FIELD(hcloud_load_balancer_service, check_http_path, "health_check.http.path", F_STR),
      FIELD(hcloud_load_balancer_service, certificates, "http.certificates", F_IDS),
      FIELD(hcloud_load_balancer_service, redirect_http, "http.redirect_http", F_BOOL),
      FIELD(hcloud_load_balancer_service, sticky_sessions, "http.sticky_sessions", F_BOOL),
      FIELD(hcloud_load_balancer_service, cookie_name, "http.cookie_name", F_STR),
      FIELD(hcloud_load_balancer_service, cookie_lifetime, "http.cookie_lifetime", F_INT));

SHAPE(static, health_shape, hcloud_load_balancer_health, "target's health",
      FIELD(hcloud_load_balancer_health, listen_port, "listen_port", F_INT),
      FIELD(hcloud_load_balancer_health, status, "status", F_STR),
      FIELD(hcloud_load_balancer_health, detail, "detail", F_STR),
      FIELD(hcloud_load_balancer_health, http_status_code, "http_status_code", F_INT));

SHAPE(static, target_shape, hcloud_load_balancer_target, "load balancer's target",
      FIELD(hcloud_load_balancer_target, type, "type", F_STR),
      FIELD(hcloud_load_balancer_target, server, "server.id", F_INT),
      FIELD(hcloud_load_balancer_target, server_ip, "server.ip", F_STR),
      FIELD(hcloud_load_balancer_target, selector, "label_selector.selector", F_STR),
      FIELD(hcloud_load_balancer_target, ip, "ip.ip", F_STR),
      FIELD(hcloud_load_balancer_target, use_private_ip, "use_private_ip", F_BOOL),
      FIELD_OF(hcloud_load_balancer_target, health, "health_status", F_LIST, health_shape));

SHAPE(static, private_shape, hcloud_load_balancer_private_net, "load balancer's network",
      FIELD(hcloud_load_balancer_private_net, network, "network", F_INT),
      FIELD(hcloud_load_balancer_private_net, ip, "ip", F_STR));

SHAPE(static, load_balancer_shape, hcloud_load_balancer, "load balancer",
      FIELD(hcloud_load_balancer, id, "id", F_ID),
      FIELD(hcloud_load_balancer, name, "name", F_STR),
      FIELD(hcloud_load_balancer, public_enabled, "public_net.enabled", F_BOOL),
      FIELD(hcloud_load_balancer, ipv4, "public_net.ipv4.ip", F_STR),
      FIELD(hcloud_load_balancer, ipv6, "public_net.ipv6.ip", F_STR),
      FIELD_OF(hcloud_load_balancer, private_nets, "private_net", F_LIST, private_shape),
      FIELD(hcloud_load_balancer, location, "location.name", F_STR),
      FIELD(hcloud_load_balancer, network_zone, "location.network_zone", F_STR),
      FIELD(hcloud_load_balancer, load_balancer_type, "load_balancer_type.name", F_STR),
      FIELD(hcloud_load_balancer, algorithm, "algorithm.type", F_STR),
      FIELD_OF(hcloud_load_balancer, services, "services", F_LIST, service_shape),
      FIELD_OF(hcloud_load_balancer, targets, "targets", F_LIST, target_shape),
      FIELD(hcloud_load_balancer, protected_delete, "protection.delete", F_BOOL),
      FIELD(hcloud_load_balancer, outgoing_traffic, "outgoing_traffic", F_TRAFFIC),
      FIELD(hcloud_load_balancer, ingoing_traffic, "ingoing_traffic", F_TRAFFIC),
      FIELD(hcloud_load_balancer, included_traffic, "included_traffic", F_TRAFFIC),
      FIELD(hcloud_load_balancer, labels, "labels", F_LABELS),
      FIELD(hcloud_load_balancer, created, "created", F_TIME));

static const struct resource load_balancer_resource = {
        .key = "load_balancer",
        .plural = "load_balancers",
        .title = "load balancer",
        .shape = &load_balancer_shape,
        .rule = HCLOUD_NAME_LONG,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_SORT,
};

RESOURCE_FREE(load_balancer, load_balancer_shape)
RESOURCE_GET(load_balancer, load_balancer_resource)
RESOURCE_GET_BY_NAME(load_balancer, load_balancer_resource)
RESOURCE_LIST(load_balancer, load_balancer_resource)
RESOURCE_UPDATE(load_balancer, load_balancer_resource)
RESOURCE_DELETE(load_balancer, load_balancer_resource)
RESOURCE_PROTECT(load_balancer, load_balancer_resource)

static json_int_t number_or(int64_t value, int64_t otherwise) {
        return value ? value : otherwise;
}

static json_t *health_check_body(const struct hcloud_load_balancer_service *s) {
        const char *protocol = s->check_protocol ? s->check_protocol : str_eq(s->protocol, "tcp") ? "tcp" : "http";
        json_t *check = json_pack("{s:s, s:I, s:I, s:I, s:I}", "protocol", protocol, "port",
                                  number_or(s->check_port, s->destination_port), "interval", number_or(s->check_interval, 15),
                                  "timeout", number_or(s->check_timeout, 10), "retries", number_or(s->check_retries, 3));
        if (strcmp(protocol, "http") == 0)
                jset(check, "http",
                     json_pack("{s:s?, s:s}", "domain", s->check_http_domain, "path",
                               s->check_http_path ? s->check_http_path : "/"));
        return check;
}

static json_t *service_body(const struct hcloud_load_balancer_service *s) {
        json_t *body = json_pack("{s:s, s:I, s:I, s:b, s:o}", "protocol", s->protocol ? s->protocol : "tcp", "listen_port",
                                 (json_int_t) s->listen_port, "destination_port", (json_int_t) s->destination_port,
                                 "proxyprotocol", s->proxyprotocol, "health_check", health_check_body(s));
        if (!body || str_eq(s->protocol, "tcp") || !s->protocol)
                return body_of(body);
        json_t *http = json_pack("{s:b, s:s*}", "sticky_sessions", s->sticky_sessions, "cookie_name", s->cookie_name);
        if (s->cookie_lifetime)
                jset(http, "cookie_lifetime", json_integer(s->cookie_lifetime));
        if (str_eq(s->protocol, "https")) {
                jset(http, "certificates", json_ids(s->certificates.items, s->certificates.n));
                jset(http, "redirect_http", json_boolean(s->redirect_http));
        }
        jset(body, "http", http);
        return body;
}

/* hcloud API: a server target without `ip` means its IPv4; with it any address of its /64. */
static json_t *target_body(const struct hcloud_load_balancer_target *t, bool with_private) {
        json_t *body = json_object();
        if (t->server) {
                jset_str(body, "type", "server");
                jset(body, "server", json_pack("{s:I, s:s*}", "id", (json_int_t) t->server, "ip", t->server_ip));
        } else if (t->selector) {
                jset_str(body, "type", "label_selector");
                jset(body, "label_selector", json_pack("{s:s}", "selector", t->selector));
        } else {
                jset_str(body, "type", "ip");
                jset(body, "ip", json_pack("{s:s}", "ip", t->ip ? t->ip : ""));
        }
        if (with_private && !t->ip)
                jset(body, "use_private_ip", json_boolean(t->use_private_ip));
        return body;
}

static json_t *create_body(const struct hcloud_load_balancer_create *o) {
        json_t *body = json_pack("{s:s, s:{s:s}, s:b, s:s*, s:s*}", "load_balancer_type",
                                 o->load_balancer_type ? o->load_balancer_type : "", "algorithm", "type",
                                 o->algorithm ? o->algorithm : "round_robin", "public_interface", !o->no_public_interface,
                                 "location", o->location, "network_zone", o->network_zone);
        if (!body)
                return json_null();
        json_t *services = json_array(), *targets = json_array();
        for (size_t i = 0; i < o->n_services; i++)
                json_array_append_new(services, service_body(&o->services[i]));
        for (size_t i = 0; i < o->n_targets; i++)
                json_array_append_new(targets, target_body(&o->targets[i], true));
        jset(body, "services", services);
        jset(body, "targets", targets);
        if (o->network)
                jset(body, "network", json_integer(o->network));
        return body;
}

int hcloud_load_balancer_create(struct hcloud_client *client, const struct hcloud_load_balancer_create *create,
                                struct hcloud_load_balancer **ret, int64_t *ret_action, bool *ret_adopted, struct error *err) {
        if (!create->location == !create->network_zone)
                return error_set(err, ERR_INVALID,
                                 "creating load balancer '%s': exactly one of location and network zone is needed",
                                 create->name ? create->name : "");
        _cleanup_json_ json_t *body = create_body(create);
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        return resource_create_simple(client, &load_balancer_resource, &call, (void **) ret, ret_action, ret_adopted, err);
}

static int act(struct hcloud_client *client, int64_t id, const char *name, json_t *body, int64_t *ret_action, struct error *err) {
        return resource_action(client, &load_balancer_resource, id, &(struct action_call) { .name = name, .body = body },
                               ret_action, err);
}

int hcloud_load_balancer_add_target(struct hcloud_client *client, int64_t id, const struct hcloud_load_balancer_target *target,
                                    int64_t *ret_action, struct error *err) {
        static const char *const done[] = { "target_already_defined", NULL };
        const struct action_call call = { .name = "add_target", .body = target_body(target, true), .done = done };
        return resource_action(client, &load_balancer_resource, id, &call, ret_action, err);
}

int hcloud_load_balancer_remove_target(struct hcloud_client *client, int64_t id, const struct hcloud_load_balancer_target *target,
                                       int64_t *ret_action, struct error *err) {
        return act(client, id, "remove_target", target_body(target, false), ret_action, err);
}

int hcloud_load_balancer_add_service(struct hcloud_client *client, int64_t id, const struct hcloud_load_balancer_service *service,
                                     int64_t *ret_action, struct error *err) {
        return act(client, id, "add_service", service_body(service), ret_action, err);
}

int hcloud_load_balancer_update_service(struct hcloud_client *client, int64_t id,
                                        const struct hcloud_load_balancer_service *service, int64_t *ret_action,
                                        struct error *err) {
        return act(client, id, "update_service", service_body(service), ret_action, err);
}

int hcloud_load_balancer_delete_service(struct hcloud_client *client, int64_t id, int64_t listen_port, int64_t *ret_action,
                                        struct error *err) {
        return act(client, id, "delete_service", json_pack("{s:I}", "listen_port", (json_int_t) listen_port), ret_action, err);
}

int hcloud_load_balancer_attach_to_network(struct hcloud_client *client, int64_t id, int64_t network, const char *ip,
                                           int64_t *ret_action, struct error *err) {
        return act(client, id, "attach_to_network", body_of(json_pack("{s:I, s:s*}", "network", (json_int_t) network, "ip", ip)),
                   ret_action, err);
}

int hcloud_load_balancer_detach_from_network(struct hcloud_client *client, int64_t id, int64_t network, int64_t *ret_action,
                                             struct error *err) {
        return act(client, id, "detach_from_network", json_pack("{s:I}", "network", (json_int_t) network), ret_action, err);
}

int hcloud_load_balancer_change_algorithm(struct hcloud_client *client, int64_t id, const char *algorithm, int64_t *ret_action,
                                          struct error *err) {
        return act(client, id, "change_algorithm", body_of(json_pack("{s:s}", "type", algorithm)), ret_action, err);
}

int hcloud_load_balancer_change_type(struct hcloud_client *client, int64_t id, const char *load_balancer_type,
                                     int64_t *ret_action, struct error *err) {
        return act(client, id, "change_type", body_of(json_pack("{s:s}", "load_balancer_type", load_balancer_type)), ret_action,
                   err);
}

int hcloud_load_balancer_enable_public_interface(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err) {
        return act(client, id, "enable_public_interface", NULL, ret_action, err);
}

int hcloud_load_balancer_disable_public_interface(struct hcloud_client *client, int64_t id, int64_t *ret_action,
                                                  struct error *err) {
        return act(client, id, "disable_public_interface", NULL, ret_action, err);
}
